#include "quernd_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string_view>

namespace pipeline {
namespace {

constexpr int ready_timeout_ms = 30'000;

std::string end_of(const std::filesystem::path& log) {
  std::ifstream file(log);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return text.substr(text.size() - std::min<std::size_t>(text.size(), 2'000));
}

// In the child: standard output to the pipe, standard error to the log.
[[noreturn]] void become(const char* program, const std::string& listen, const std::string& data,
                         const char* log, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // no server is left behind when the demo is interrupted
  const int log_file = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(log_file, STDERR_FILENO);
  ::execl(program, program, "--listen", listen.c_str(), "--data", data.c_str(), nullptr);
  ::_exit(127);
}

}  // namespace

QuerndProcess::QuerndProcess(std::filesystem::path program, std::filesystem::path data,
                             std::filesystem::path log)
    : program_(std::move(program)), data_(std::move(data)), log_(std::move(log)) {
  start();
}

QuerndProcess::~QuerndProcess() { kill(); }

void QuerndProcess::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for the server's output");
  const std::string listen = "127.0.0.1:" + port_;
  const std::string data = data_.string();
  pid_ = ::fork();
  if (pid_ == 0) become(program_.c_str(), listen, data, log_.c_str(), ends[1]);
  ::close(ends[1]);
  read_ready_line(ends[0]);
  ::close(ends[0]);
}

// The one line on standard output: "quernd ready http://127.0.0.1:40123".
void QuerndProcess::read_ready_line(int pipe) {
  std::string line;
  while (line.find('\n') == std::string::npos) {
    pollfd ready{.fd = pipe, .events = POLLIN, .revents = 0};
    char bytes[256];
    const ssize_t got =
        ::poll(&ready, 1, ready_timeout_ms) == 1 ? ::read(pipe, bytes, sizeof bytes) : 0;
    if (got <= 0) {
      kill();
      throw std::runtime_error(program_.string() + " did not get ready:\n" + end_of(log_));
    }
    line.append(bytes, static_cast<std::size_t>(got));
  }
  constexpr std::string_view before_port = "quernd ready http://127.0.0.1:";
  if (!line.starts_with(before_port)) {
    kill();
    throw std::runtime_error(program_.string() + " said something unexpected: " + line);
  }
  port_ = line.substr(before_port.size(), line.find('\n') - before_port.size());
}

void QuerndProcess::kill() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

}  // namespace pipeline
