#include "batch/line_reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "usage_error.h"

namespace quern::cli {
namespace {

constexpr std::size_t read_bytes = 256 * 1024;

bool is_blank(const std::string& line) {
  return line.find_first_not_of(" \t\r") == std::string::npos;
}

}  // namespace

LineReader::LineReader(const std::string& path, std::size_t line_bytes_max)
    : path_(path == "-" ? "standard input" : path), line_bytes_max_(line_bytes_max) {
  // A duplicate, so that closing it leaves standard input to the process.
  fd_ = path == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0)
                    : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd_ < 0) throw UsageError("cannot read " + path_ + ": " + std::strerror(errno));
  struct stat status {};
  if (::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
}

LineReader::~LineReader() { ::close(fd_); }

LineReader::Got LineReader::next(std::string& line, std::optional<Clock::time_point> until) {
  for (;;) {
    while (take_line(line)) {
      if (!is_blank(line)) return Got::line;
    }
    if (at_end_) return Got::end;
    if (!wait_for_input(until)) return Got::nothing_yet;
    fill();
  }
}

bool LineReader::wait_for_input(std::optional<Clock::time_point> until) const {
  if (!until) return true;  // the read waits
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
  pollfd input{fd_, POLLIN, 0};
  return ::poll(&input, 1, static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000))) > 0;
}

void LineReader::fill() {
  buffer_.erase(0, taken_);
  searched_ -= taken_;
  taken_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + read_bytes);
  ssize_t got = 0;
  do {
    got = ::read(fd_, buffer_.data() + kept, read_bytes);
  } while (got < 0 && errno == EINTR);
  buffer_.resize(kept + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  if (got < 0) throw UsageError("cannot read " + path_ + ": " + std::strerror(errno));
  at_end_ = got == 0;
}

// Takes a whole line out of the buffer; at the end of the file what is left counts as one.
bool LineReader::take_line(std::string& line) {
  const std::size_t end = buffer_.find('\n', searched_);
  const bool whole = end != std::string::npos;
  const std::size_t stop = whole ? end : buffer_.size();
  searched_ = stop;
  if (stop - taken_ > line_bytes_max_) {
    throw UsageError(path_ + ", line " + std::to_string(line_ + 1) + ": longer than the " +
                     std::to_string(line_bytes_max_) + " bytes that a line may have");
  }
  if (!whole && (!at_end_ || stop == taken_)) return false;
  line.assign(buffer_, taken_, stop - taken_);
  ++line_;
  const std::size_t next = stop + (whole ? 1 : 0);
  bytes_ += next - taken_;
  taken_ = searched_ = next;
  return true;
}

}  // namespace quern::cli
