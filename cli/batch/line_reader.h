// Reads a file of any size line by line, in bounded memory.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>

namespace quern::cli {

class LineReader {
 public:
  // "-" is standard input. Throws UsageError.
  LineReader(const std::string& path, std::size_t line_bytes_max);

  // The next line that is not blank, without its end; nullopt at the end of the file. Throws
  // UsageError for a line that is too long and for a file that cannot be read.
  std::optional<std::string> next();

  std::uint64_t line() const { return line_; }    // number of the line that next() gave, from 1
  std::uint64_t bytes() const { return bytes_; }  // read so far
  std::optional<std::uint64_t> size() const { return size_; }  // of a regular file

 private:
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file_;
  std::string path_;
  std::size_t line_bytes_max_;
  std::uint64_t line_ = 0;
  std::uint64_t bytes_ = 0;
  std::optional<std::uint64_t> size_;
};

}  // namespace quern::cli
