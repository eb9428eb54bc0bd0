#include "work/process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <mutex>
#include <system_error>
#include <utility>

#include "work/descriptor.h"
#include "work/guard_handle.h"

namespace quern::cli {
namespace {

using Clock = std::chrono::steady_clock;

// What a program that has ended left in its pipes, or what it left running still writes, is read
// for so long.
constexpr std::chrono::milliseconds drain_time{1'000};

// What is stopped before its attempt's time-out has so long for that: what it said last is there.
constexpr std::chrono::milliseconds last_words_time{100};
// After SIGKILL the guard tells of the end at once; one that does not has been stopped itself.
constexpr std::chrono::milliseconds end_told_within{3'000};

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

class Process {
 public:
  explicit Process(const ProcessOptions& options) : options_(options), input_left_(options.input) {
    wake_ = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    start();
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
      look_at_time(stop.stop_requested());
    }
    guard_.reset();
    return std::move(result_);
  }

 private:
  // One at a time: for this moment a process takes more descriptors than when it runs.
  void start() {
    static std::mutex mutex;
    const std::lock_guard lock(mutex);
    Pipe input = make_pipe();
    Pipe output = make_pipe();
    Pipe errors = make_pipe();
    guard_.emplace(
        GuardedProgram{.command = options_.command,
                       .environment = options_.environment,
                       .files = {input.read.get(), output.write.get(), errors.write.get()},
                       .descriptors = options_.descriptors});
    input_ = std::move(input.write);
    output_ = std::move(output.read);
    errors_ = std::move(errors.read);
    for (const Descriptor* pipe : {&input_, &output_, &errors_}) set_non_blocking(pipe->get());
    if (input_left_.empty()) input_.close();
  }

  bool finished() const {
    if (!ended_at_) return false;
    return (!output_.open() && !errors_.open()) || Clock::now() >= drained_at();
  }

  Clock::time_point drained_at() const {
    const Clock::time_point usual = *ended_at_ + drain_time;
    return latest_kill_ ? std::min(usual, *latest_kill_ + last_words_time) : usual;
  }

  // When the next signal, or the end without one, is due.
  std::optional<Clock::time_point> next_step_at() const {
    if (killed_at_) return *killed_at_ + end_told_within;
    if (result_.stopped == StopReason::none) return latest_kill_;
    const Clock::time_point usual = stopped_at_ + options_.kill_after;
    return latest_kill_ ? std::min(usual, *latest_kill_) : usual;
  }

  void look_at_time(bool asked) {
    const Clock::time_point now = Clock::now();
    if (asked && !asked_at_) {
      asked_at_ = now;
      latest_kill_ = options_.attempt_time.kill_at(asked_at_);
      ask_to_stop(StopReason::asked);
    }
    if (time_out_at_ && now >= *time_out_at_) ask_to_stop(StopReason::timeout);
    if (ended_at_) return;
    const auto step_at = next_step_at();
    if (!step_at || now < *step_at) return;
    if (killed_at_) {
      result_.signal = SIGKILL;
      ended_at_ = now;
      guard_->give_up();
      output_.close();
      errors_.close();
      return;
    }
    ask_to_stop(StopReason::asked);
    guard_->signal_group(SIGKILL);
    killed_at_ = now;
  }

  void wait_for_something() {
    std::array<pollfd, process_descriptors> polled{
        {{input_.get(), POLLOUT, 0},
         {output_.get(), POLLIN, 0},
         {errors_.get(), POLLIN, 0},
         {ended_at_ ? -1 : guard_->descriptor(), POLLIN, 0},
         {asked_at_ ? -1 : wake_.get(), POLLIN, 0}}};
    ::poll(polled.data(), polled.size(), time_left());
    if (polled[0].revents != 0) write_input();
    if (polled[1].revents != 0) read_output();
    if (polled[2].revents != 0) read_errors();
    if (polled[3].revents != 0) read_news();
  }

  int time_left() const {
    std::optional<Clock::time_point> next;
    const auto consider = [&](std::optional<Clock::time_point> time) {
      if (time && (!next || *time < *next)) next = time;
    };
    if (result_.stopped == StopReason::none && !ended_at_) consider(time_out_at_);
    consider(ended_at_ ? drained_at() : next_step_at());
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
    guard_->signal_group(SIGTERM);
    guard_->signal_group(SIGCONT);  // one that is suspended would not notice
    stopped_at_ = Clock::now();
  }

  void read_news() {
    const std::optional<ProgramEnd> end = guard_->read_news();
    if (!end) return;
    result_.exit_status = end->exit_status;
    result_.signal = end->signal;
    ended_at_ = Clock::now();
  }

  const ProcessOptions& options_;
  std::string_view input_left_;
  bool output_cut_ = false;
  // process_descriptors of them, the guard's included.
  Descriptor wake_;
  Descriptor input_;
  Descriptor output_;
  Descriptor errors_;
  std::optional<GuardHandle> guard_;
  std::optional<Clock::time_point> time_out_at_;
  std::optional<Clock::time_point> latest_kill_ = options_.attempt_time.kill_at(std::nullopt);
  std::optional<Clock::time_point> asked_at_;  // when we were
  Clock::time_point stopped_at_;               // when the program was asked to stop
  std::optional<Clock::time_point> killed_at_;
  std::optional<Clock::time_point> ended_at_;
  ProcessResult result_;
};

}  // namespace

ProcessResult run_process(const ProcessOptions& options, std::stop_token stop) {
  return Process(options).run(stop);
}

}  // namespace quern::cli
