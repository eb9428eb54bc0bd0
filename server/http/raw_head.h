// Finds the end of a request's header block in the bytes received so far, and refuses the bytes
// that a lenient parser would read in one way and a proxy before us in another.
//
// Shape    each byte is looked at once, however small the pieces in which it arrives.
// Errors   bad_request: a bare CR or LF, NUL or another control character, a folded line, bytes
//          outside ASCII in the request line. headers_too_large, uri_too_long: see HeadLimits.
//          After each of them nothing further on the connection can be trusted: close it.
// Source   RFC 9112 sections 2.2, 3, 5.
#pragma once

#include <cstddef>
#include <string_view>

#include "quern/protocol/limits.h"
#include "quern/protocol/result.h"

namespace quern::http {

struct HeadLimits {
  std::size_t header_bytes_max = limits::header_bytes_max;
  std::size_t target_bytes_max = limits::target_bytes_max;
  std::size_t fields_max = 64;
};

class RawHeadScanner {
 public:
  explicit RawHeadScanner(const HeadLimits& limits) : limits_(limits) {}

  // `bytes`: all that has come, from the request's first byte on. The size of the header block with
  // its blank line, or 0 while that has not come.
  Result<std::size_t> scan(std::string_view bytes);

 private:
  Result<void> end_line(std::size_t end);
  Result<std::size_t> unfinished() const;
  Result<void> check_request_line(std::size_t size) const;
  Result<void> check_sizes() const;

  const HeadLimits& limits_;
  std::size_t at_ = 0;          // looked at so far
  std::size_t line_start_ = 0;  // of the line that `at_` is in
  std::size_t line_count_ = 0;  // complete lines
  bool done_ = false;
};

}  // namespace quern::http
