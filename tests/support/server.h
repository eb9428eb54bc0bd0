// The real `quernd`, started as a user would start it.
//
// Shape    Server is one running process. run() is one that is expected to end by itself.
// Threads  an object belongs to one thread at a time; the process dies with the thread that started
//          it, so that a crashed test leaves no server behind.
// Errors   exceptions; a server that does not get ready is one, with its log in the text.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace quern::test {

using Environment = std::vector<std::pair<std::string, std::string>>;

struct ServerOptions {
  std::filesystem::path data;
  std::uint16_t port = 0;          // 0: the system chooses
  std::vector<std::string> flags;  // beside --listen and --data
  Environment environment;
};

class Server {
 public:
  // Returns when the ready line was printed.
  explicit Server(const ServerOptions& options);
  // The same for a command line of one's own, and for a program that behaves as quernd does.
  Server(const std::vector<std::string>& arguments, const Environment& environment,
         const std::filesystem::path& log_path, const std::filesystem::path& program = {});
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  bool running();

  void kill();  // SIGKILL, and waits for the end
  void signal(int number);
  int terminate();  // SIGTERM, then wait_exit()
  // The exit status, or 128 + the signal's number.
  int wait_exit();

  std::string output();     // all of standard output so far
  std::string log() const;  // all of standard error so far

 private:
  void await_ready();
  void read_output(std::chrono::milliseconds timeout);

  std::filesystem::path log_path_;
  pid_t pid_ = -1;
  int output_pipe_ = -1;
  std::string output_;
  std::optional<int> exit_status_;
  std::uint16_t port_ = 0;
};

// Starts a server and kills it after so long, ready or not.
void start_and_kill(const ServerOptions& options, std::chrono::milliseconds after);

struct Finished {
  int status = 0;
  std::string output;
  std::string errors;
};

// Runs `quernd` with `arguments` to its end; one that is still there after `timeout` is killed, and
// that is an error.
Finished run_to_end(const std::vector<std::string>& arguments, const Environment& environment = {});

}  // namespace quern::test
