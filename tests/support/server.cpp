#include "server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "http_client.h"
#include "temp_dir.h"

namespace quern::test {
namespace {

[[noreturn]] void failed(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

std::string binary() {
  const char* const instead = std::getenv("QUERN_TEST_SERVER");
  return instead != nullptr ? instead : QUERND_PATH;
}

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> result;
  for (std::string& string : strings) result.push_back(string.data());
  result.push_back(nullptr);
  return result;
}

// The test's own environment without settings of the server, which must come from the test alone.
std::vector<std::string> environment_with(const Environment& additions) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "QUERN_", 6) != 0) result.emplace_back(*entry);
  }
  for (const auto& [name, value] : additions) result.push_back(name + "=" + value);
  return result;
}

// Starts the server with its standard error in a file; returns its id and the reading end of its
// standard output.
std::pair<pid_t, int> spawn(std::vector<std::string> arguments, const Environment& environment,
                            const std::filesystem::path& log_path,
                            const std::filesystem::path& program = {}) {
  arguments.insert(arguments.begin(), program.empty() ? binary() : program.string());
  std::vector<std::string> variables = environment_with(environment);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(variables);
  const int log = ::open(log_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (log < 0) failed("open the log");
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) failed("pipe2");

  const pid_t child = ::fork();
  if (child < 0) failed("fork");
  if (child == 0) {
    // Only what is allowed between fork and exec in a program that has threads.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execve(argv[0], argv.data(), envp.data());
    ::_exit(127);
  }
  ::close(log);
  ::close(pipe[1]);
  return {child, pipe[0]};
}

std::vector<std::string> arguments_of(const ServerOptions& options) {
  std::vector<std::string> arguments = {"--listen", "127.0.0.1:" + std::to_string(options.port),
                                        "--data", options.data.string()};
  arguments.insert(arguments.end(), options.flags.begin(), options.flags.end());
  return arguments;
}

std::filesystem::path log_path_of(const ServerOptions& options) {
  return options.data.parent_path() / (options.data.filename().string() + ".log");
}

std::string contents(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

Server::Server(const ServerOptions& options)
    : Server(arguments_of(options), options.environment, log_path_of(options)) {}

Server::Server(const std::vector<std::string>& arguments, const Environment& environment,
               const std::filesystem::path& log_path, const std::filesystem::path& program)
    : log_path_(log_path) {
  std::tie(pid_, output_pipe_) = spawn(arguments, environment, log_path_, program);
  try {
    await_ready();
  } catch (...) {
    kill();
    ::close(output_pipe_);
    throw;
  }
}

Server::~Server() {
  kill();
  ::close(output_pipe_);
}

void Server::await_ready() {
  static constexpr std::string_view greeting = "quernd ready http://127.0.0.1:";
  const auto deadline = Clock::now() + patience;
  while (output_.find('\n') == std::string::npos) {
    if (Clock::now() > deadline) throw std::runtime_error("quernd is not ready in time:\n" + log());
    if (!running()) throw std::runtime_error("quernd ended instead of getting ready:\n" + log());
    read_output(std::chrono::milliseconds(50));
  }
  const char* const begin = output_.data() + greeting.size();
  const auto [end, error] = std::from_chars(begin, output_.data() + output_.size(), port_);
  if (!output_.starts_with(greeting) || error != std::errc{} || *end != '\n') {
    throw std::runtime_error("not the ready line: '" + output_ + "'");
  }
}

void Server::read_output(std::chrono::milliseconds timeout) {
  pollfd entry{output_pipe_, POLLIN, 0};
  if (::poll(&entry, 1, static_cast<int>(timeout.count())) <= 0) return;
  std::array<char, 4096> chunk;
  const ssize_t count = ::read(output_pipe_, chunk.data(), chunk.size());
  if (count > 0) output_.append(chunk.data(), static_cast<std::size_t>(count));
}

std::string Server::output() {
  for (std::size_t before = output_.size() + 1; before != output_.size();) {
    before = output_.size();
    read_output(std::chrono::milliseconds(0));
  }
  return output_;
}

std::string Server::log() const { return contents(log_path_); }

bool Server::running() {
  if (exit_status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

void Server::signal(int number) {
  if (running()) ::kill(pid_, number);
}

void Server::kill() {
  signal(SIGKILL);
  wait_exit();
}

int Server::terminate() {
  signal(SIGTERM);
  return wait_exit();
}

int Server::wait_exit() {
  const auto deadline = Clock::now() + patience;
  while (running()) {
    if (Clock::now() > deadline) {
      ::kill(pid_, SIGKILL);
      throw std::runtime_error("quernd does not end:\n" + log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return *exit_status_;
}

void start_and_kill(const ServerOptions& options, std::chrono::milliseconds after) {
  const auto [pid, pipe] = spawn(arguments_of(options), options.environment, log_path_of(options));
  std::this_thread::sleep_for(after);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  ::close(pipe);
}

Finished run_to_end(const std::vector<std::string>& arguments, const Environment& environment) {
  const TempDir folder;
  const auto log_path = folder.path() / "errors";
  const auto [pid, pipe] = spawn(arguments, environment, log_path);
  Finished finished;
  const auto deadline = Clock::now() + patience;
  // The pipe ends when the process does.
  for (bool open = true; open;) {
    pollfd entry{pipe, POLLIN, 0};
    if (::poll(&entry, 1, 100) > 0) {
      std::array<char, 4096> chunk;
      const ssize_t count = ::read(pipe, chunk.data(), chunk.size());
      open = count > 0;
      if (open) finished.output.append(chunk.data(), static_cast<std::size_t>(count));
    } else if (Clock::now() > deadline) {
      ::kill(pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      ::close(pipe);
      throw std::runtime_error("quernd runs on where it should have refused to start:\n" +
                               finished.output + contents(log_path));
    }
  }
  ::close(pipe);
  int status = 0;
  ::waitpid(pid, &status, 0);
  finished.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  finished.errors = contents(log_path);
  return finished;
}

}  // namespace quern::test
