// A Quern server of our own: started on a fresh data directory, killed, started again.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

namespace pipeline {

class QuerndProcess {
 public:
  // Starts `program` and returns when it takes requests. Throws with the end of its log when it
  // does not. The system chooses a port; start() after kill() takes the same one again.
  QuerndProcess(std::filesystem::path program, std::filesystem::path data,
                std::filesystem::path log);
  ~QuerndProcess();
  QuerndProcess(const QuerndProcess&) = delete;
  QuerndProcess& operator=(const QuerndProcess&) = delete;

  std::string url() const { return "http://127.0.0.1:" + port_; }

  void kill();  // SIGKILL: no time to say goodbye
  void start();

 private:
  void read_ready_line(int pipe);

  std::filesystem::path program_;
  std::filesystem::path data_;
  std::filesystem::path log_;
  std::string port_ = "0";
  pid_t pid_ = -1;
};

}  // namespace pipeline
