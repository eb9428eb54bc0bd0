#include "batch/line_reader.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "usage_error.h"

namespace quern::cli {

LineReader::LineReader(const std::string& path, std::size_t line_bytes_max)
    : file_(path == "-" ? stdin : std::fopen(path.c_str(), "rb"), std::fclose),
      path_(path == "-" ? "standard input" : path),
      line_bytes_max_(line_bytes_max) {
  if (!file_) throw UsageError("cannot read " + path_ + ": " + std::strerror(errno));
  struct stat status {};
  if (::fstat(::fileno(file_.get()), &status) == 0 && S_ISREG(status.st_mode)) {
    size_ = static_cast<std::uint64_t>(status.st_size);
  }
}

std::optional<std::string> LineReader::next() {
  std::string text;
  bool any = false;
  for (int c = 0; (c = ::getc_unlocked(file_.get())) != EOF;) {
    any = true;
    ++bytes_;
    if (c == '\n') {
      ++line_;
      if (text.find_first_not_of(" \t\r") != std::string::npos) return text;
      text.clear();
      any = false;
      continue;
    }
    if (text.size() == line_bytes_max_) {
      throw UsageError(path_ + ", line " + std::to_string(line_ + 1) + ": longer than the " +
                       std::to_string(line_bytes_max_) + " bytes that a line may have");
    }
    text += static_cast<char>(c);
  }
  if (std::ferror(file_.get()) != 0) {
    throw UsageError("cannot read " + path_ + ": " + std::strerror(errno));
  }
  if (any) ++line_;
  if (text.find_first_not_of(" \t\r") == std::string::npos) return std::nullopt;
  return text;
}

}  // namespace quern::cli
