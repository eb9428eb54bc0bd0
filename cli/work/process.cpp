#include "work/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "work/descriptor.h"
#include "work/guard.h"

namespace quern::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What a program that has ended left in its pipes, or what it left running still writes, is read
// for so long.
constexpr std::chrono::milliseconds drain_time{1'000};

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
    if (guard_ > 0) end_guard();
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
    end_guard();
    return std::move(result_);
  }

 private:
  void start() {
    Pipe input = make_pipe();
    Pipe output = make_pipe();
    Pipe errors = make_pipe();
    Pipe failure = make_pipe();
    int control[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
      throw std::system_error(errno, std::generic_category(), "no socket");
    }
    control_ = Descriptor(control[0]);
    Descriptor guards_control(control[1]);
    fork_guard(
        {.program = {input.read.get(), output.write.get(), errors.write.get(), failure.write.get()},
         .control = guards_control.get()});
    guards_control.close();
    failure.write.close();
    int error = 0;
    if (::read(failure.read.get(), &error, sizeof error) == sizeof error) {
      end_guard();
      throw std::system_error(error, std::generic_category(), options_.command.front());
    }
    wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    input_ = std::move(input.write);
    output_ = std::move(output.read);
    errors_ = std::move(errors.read);
    for (const Descriptor* pipe : {&input_, &output_, &errors_}) set_non_blocking(pipe->get());
    if (input_left_.empty()) input_.close();
  }

  void fork_guard(const GuardFiles& files) {
    std::vector<char*> command = pointers_to(options_.command);
    std::vector<char*> environment = pointers_to(options_.environment);
    // The worker's signal handlers must not run in the child.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    guard_ = ::fork();
    const int error = errno;
    if (guard_ == 0) guard_program(files, command.data(), environment.data());
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (guard_ < 0) throw std::system_error(error, std::generic_category(), "cannot fork");
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
         {ended_at_ ? -1 : control_.get(), POLLIN, 0},
         {result_.stopped == StopReason::none ? wake_.get() : -1, POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), time_left());
    if (polled[0].revents != 0) write_input();
    if (polled[1].revents != 0) read_output();
    if (polled[2].revents != 0) read_errors();
    if (polled[3].revents != 0) read_end();
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
    // Once something was left out, all that follows is: and it reads on, so that the program can
    // end.
    output_cut_ = output_cut_ || result_.output.size() + bytes.size() > options_.output_bytes_max;
    if (output_cut_) return ask_to_stop(StopReason::too_much_output);
    result_.output += bytes;
  }

  void read_errors() {
    std::array<char, 65'536> buffer;
    const std::string_view bytes = read_some(errors_, buffer);
    if (!bytes.empty() && options_.on_error_output) options_.on_error_output(bytes);
  }

  void ask_to_stop(StopReason reason) {
    if (result_.stopped != StopReason::none) return;
    // Of what comes after the end, only output that was cut off changes what the end means.
    if (ended_at_ && reason != StopReason::too_much_output) return;
    result_.stopped = reason;
    if (ended_at_) return;
    signal_group(SIGTERM);
    signal_group(SIGCONT);  // one that is suspended would not notice
    kill_at_ = Clock::now() + options_.kill_after;
  }

  void signal_group(int number) const {
    const auto byte = static_cast<unsigned char>(number);
    ::send(control_.get(), &byte, 1, MSG_NOSIGNAL);
  }

  void read_end() {
    ProgramEnd end;
    const ssize_t got = ::read(control_.get(), &end, sizeof end);
    if (got < 0 && errno == EINTR) return;
    // A guard that is gone was killed, and the program with it.
    if (got != sizeof end) end = {.exit_status = 0, .signal = SIGKILL};
    result_.exit_status = end.exit_status;
    result_.signal = end.signal;
    ended_at_ = Clock::now();
  }

  // Ends what is left of the program, and its guard.
  void end_guard() {
    if (!control_.open()) return;
    control_.close();
    while (::waitpid(guard_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }

  const ProcessOptions& options_;
  std::string_view input_left_;
  bool output_cut_ = false;
  pid_t guard_ = -1;
  Descriptor control_;
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

namespace {

bool is_executable_file(const std::string& path) {
  struct stat file {};
  // A folder may be "executed", too: that is to go through it.
  return ::stat(path.c_str(), &file) == 0 && S_ISREG(file.st_mode) &&
         ::access(path.c_str(), X_OK) == 0;
}

}  // namespace

ProcessResult run_process(const ProcessOptions& options, std::stop_token stop) {
  return Process(options).run(stop);
}

bool can_run(const std::string& program) {
  if (program.find('/') != std::string::npos) return is_executable_file(program);
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "/bin:/usr/bin" : path;
  for (;;) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string folder(end == 0 ? "." : rest.substr(0, end));
    if (is_executable_file(folder + "/" + program)) return true;
    if (end == rest.size()) return false;
    rest.remove_prefix(end + 1);
  }
}

}  // namespace quern::cli
