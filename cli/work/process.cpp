#include "work/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace quern::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What a program that has ended left in its pipes, or what it left running still writes, is read
// for so long.
constexpr std::chrono::milliseconds drain_time{1'000};

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "no file descriptor");
  }
  ~Descriptor() { close(); }
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    close();
    fd_ = std::exchange(other.fd_, -1);
    return *this;
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  bool open() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    throw std::system_error(errno, std::generic_category(), "no pipe");
  }
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

void set_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

class Process {
 public:
  explicit Process(const ProcessOptions& options) : options_(options), input_left_(options.input) {
    start();
  }
  ~Process() {
    if (reaped_) return;
    signal_group(SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  ProcessResult run(const std::stop_token& stop) {
    const std::stop_callback on_stop(stop, [this] {
      const std::uint64_t one = 1;
      [[maybe_unused]] const ssize_t written = ::write(wake_.get(), &one, sizeof one);
    });
    if (options_.timeout) time_out_at_ = Clock::now() + *options_.timeout;
    while (!finished()) {
      wait_for_something();
      if (stop.stop_requested()) ask_to_stop(StopReason::asked);
      if (time_out_at_ && Clock::now() >= *time_out_at_) ask_to_stop(StopReason::timeout);
      if (kill_at_ && Clock::now() >= *kill_at_) {
        signal_group(SIGKILL);
        kill_at_.reset();
      }
    }
    signal_group(SIGKILL);  // before the leader is reaped: until then its number is nobody else's
    reap();
    return std::move(result_);
  }

 private:
  void start() {
    Pipe input = make_pipe();
    Pipe output = make_pipe();
    Pipe errors = make_pipe();
    Pipe failure = make_pipe();
    std::vector<char*> command = pointers_to(options_.command);
    std::vector<char*> environment = pointers_to(options_.environment);
    const pid_t parent = ::getpid();
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error(errno, std::generic_category(), "cannot fork");
    if (pid_ == 0) {
      become({input.read.get(), output.write.get(), errors.write.get(), failure.write.get()},
             command.data(), environment.data(), parent);
    }
    ::setpgid(pid_, pid_);  // here, too: whoever comes first
    failure.write.close();
    int error = 0;
    if (::read(failure.read.get(), &error, sizeof error) == sizeof error) {
      ::waitpid(pid_, nullptr, 0);
      throw std::system_error(error, std::generic_category(), options_.command.front());
    }
    exited_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
    wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    input_ = std::move(input.write);
    output_ = std::move(output.read);
    errors_ = std::move(errors.read);
    for (const Descriptor* pipe : {&input_, &output_, &errors_}) set_non_blocking(pipe->get());
    if (input_left_.empty()) input_.close();
  }

  // In the child, where only async-signal-safe calls are allowed: other threads' locks are held for
  // ever here.
  [[noreturn]] static void become(std::array<int, 4> pipes, char* const* command,
                                  char* const* environment, pid_t parent) {
    ::setpgid(0, 0);
    // A worker that is killed cannot stop its programs; then the system does.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    // First out of the way of each other, then into their places.
    for (int& pipe : pipes) pipe = ::fcntl(pipe, F_DUPFD, 10);
    for (int i = 0; i < 3; ++i) ::dup2(pipes[static_cast<std::size_t>(i)], i);
    ::dup3(pipes[3], 3, O_CLOEXEC);
    ::close_range(4, ~0U, 0);  // the worker's connections are not for the program
    ::signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvpe(command[0], command, environment);
    const int error = errno;
    [[maybe_unused]] const ssize_t written = ::write(3, &error, sizeof error);
    ::_exit(127);
  }

  bool finished() const {
    if (!ended_at_) return false;
    return (!output_.open() && !errors_.open()) || Clock::now() >= *ended_at_ + drain_time;
  }

  void wait_for_something() {
    std::array<pollfd, 5> polled{
        {{input_.get(), POLLOUT, 0},
         {output_.get(), POLLIN, 0},
         {errors_.get(), POLLIN, 0},
         {ended_at_ ? -1 : exited_.get(), POLLIN, 0},
         {result_.stopped == StopReason::none ? wake_.get() : -1, POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), time_left());
    if (polled[0].revents != 0) write_input();
    if (polled[1].revents != 0) read_output();
    if (polled[2].revents != 0) read_errors();
    if (polled[3].revents != 0) ended_at_ = Clock::now();
  }

  int time_left() const {
    std::optional<Clock::time_point> next;
    const auto consider = [&](std::optional<Clock::time_point> time) {
      if (time && (!next || *time < *next)) next = time;
    };
    if (result_.stopped == StopReason::none) consider(time_out_at_);
    consider(kill_at_);
    if (ended_at_) consider(*ended_at_ + drain_time);
    if (!next) return -1;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*next - Clock::now()).count() + 1;
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
  }

  void write_input() {
    const ssize_t written = ::write(input_.get(), input_left_.data(), input_left_.size());
    if (written > 0) input_left_.remove_prefix(static_cast<std::size_t>(written));
    // A program need not read what it is given.
    if (input_left_.empty() || (written < 0 && errno != EAGAIN && errno != EINTR)) input_.close();
  }

  // What is there; closes `from` at its end.
  static std::string_view read_some(Descriptor& from, std::array<char, 65'536>& buffer) {
    const ssize_t got = ::read(from.get(), buffer.data(), buffer.size());
    if (got > 0) return {buffer.data(), static_cast<std::size_t>(got)};
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) from.close();
    return {};
  }

  void read_output() {
    std::array<char, 65'536> buffer;
    const std::string_view bytes = read_some(output_, buffer);
    if (result_.output.size() + bytes.size() > options_.output_bytes_max) {
      return ask_to_stop(StopReason::too_much_output);  // and reads on, so that it can end
    }
    result_.output += bytes;
  }

  void read_errors() {
    std::array<char, 65'536> buffer;
    const std::string_view bytes = read_some(errors_, buffer);
    if (!bytes.empty() && options_.on_error_output) options_.on_error_output(bytes);
  }

  void ask_to_stop(StopReason reason) {
    if (result_.stopped != StopReason::none || ended_at_) return;
    result_.stopped = reason;
    signal_group(SIGTERM);
    signal_group(SIGCONT);  // one that is suspended would not notice
    kill_at_ = Clock::now() + options_.kill_after;
  }

  void signal_group(int number) const { ::kill(-pid_, number); }

  void reap() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    reaped_ = true;
    if (WIFSIGNALED(status)) {
      result_.signal = WTERMSIG(status);
    } else {
      result_.exit_status = WEXITSTATUS(status);
    }
  }

  const ProcessOptions& options_;
  std::string_view input_left_;
  pid_t pid_ = -1;
  bool reaped_ = false;
  Descriptor exited_;
  Descriptor wake_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  std::optional<Clock::time_point> time_out_at_;
  std::optional<Clock::time_point> kill_at_;
  std::optional<Clock::time_point> ended_at_;
  ProcessResult result_;
};

}  // namespace

ProcessResult run_process(const ProcessOptions& options, std::stop_token stop) {
  return Process(options).run(stop);
}

bool can_run(const std::string& program) {
  if (program.find('/') != std::string::npos) return ::access(program.c_str(), X_OK) == 0;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/bin:/usr/bin" : path;
  for (;;) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string folder(end == 0 ? "." : rest.substr(0, end));
    if (::access((folder + "/" + program).c_str(), X_OK) == 0) return true;
    if (end == rest.size()) return false;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace quern::cli
