// Reads a file of any size line by line, in bounded memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace quern::cli {

class LineReader {
 public:
  using Clock = std::chrono::steady_clock;
  enum class Got { line, nothing_yet, end };

  // "-" is standard input. Throws UsageError.
  LineReader(const std::string& path, std::size_t line_bytes_max);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  // The next line that is not blank, without its end; nothing_yet when a slow source has not given
  // one by `until`. Throws UsageError for a line that is too long and for a file that cannot be
  // read.
  Got next(std::string& line, std::optional<Clock::time_point> until = {});

  std::uint64_t line() const { return line_; }  // number of the line that next() gave, from 1
  // Up to the end of that line.
  std::uint64_t bytes() const { return bytes_; }
  std::optional<std::uint64_t> size() const { return size_; }  // of a regular file

 private:
  bool wait_for_input(std::optional<Clock::time_point> until) const;
  void fill();
  bool take_line(std::string& line);

  std::string path_;
  std::size_t line_bytes_max_;
  int fd_ = -1;
  std::string buffer_;
  std::size_t taken_ = 0;     // of the buffer
  std::size_t searched_ = 0;  // of the buffer, without finding a line's end
  bool at_end_ = false;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<std::uint64_t> size_;
};

}  // namespace quern::cli
