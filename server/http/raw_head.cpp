#include "http/raw_head.h"

#include <array>

namespace quern::http {
namespace {

enum class ByteClass : unsigned char { text, outside_ascii, cr, lf, control };

constexpr auto byte_classes = [] {
  std::array<ByteClass, 256> classes{};
  for (std::size_t byte = 0; byte < 256; ++byte) {
    if (byte == '\r') {
      classes[byte] = ByteClass::cr;
    } else if (byte == '\n') {
      classes[byte] = ByteClass::lf;
    } else if ((byte < 0x20 && byte != '\t') || byte == 0x7F) {
      classes[byte] = ByteClass::control;
    } else if (byte >= 0x80) {
      classes[byte] = ByteClass::outside_ascii;
    }
  }
  return classes;
}();

ByteClass class_of(char byte) { return byte_classes[static_cast<unsigned char>(byte)]; }

Error refused(std::string_view what) {
  return Error{.code = ErrorCode::bad_request, .detail = std::string(what)};
}

}  // namespace

Result<std::size_t> RawHeadScanner::scan(std::string_view bytes) {
  while (at_ < bytes.size() && !done_) {
    const char byte = bytes[at_];
    // A field's line that starts with white space would continue the field before it.
    if (at_ == line_start_ && line_count_ > 0 && (byte == ' ' || byte == '\t')) {
      return refused("a header field is folded over several lines");
    }
    switch (class_of(byte)) {
      case ByteClass::text:
        do {
          ++at_;
        } while (at_ < bytes.size() && class_of(bytes[at_]) == ByteClass::text);
        break;
      case ByteClass::outside_ascii:
        if (line_count_ == 0) return refused("the request line has bytes outside ASCII");
        ++at_;
        break;
      case ByteClass::control:
        return refused("the header has a control character");
      case ByteClass::lf:
        return refused("a line ends in a bare LF");
      case ByteClass::cr:
        if (at_ + 1 == bytes.size()) return unfinished();
        if (bytes[at_ + 1] != '\n') return refused("a line ends in a bare CR");
        if (Result<void> ended = end_line(at_); !ended) return std::move(ended).error();
        at_ = line_start_;
        break;
    }
  }
  if (!done_) return unfinished();
  if (Result<void> sizes = check_sizes(); !sizes) return std::move(sizes).error();
  return at_;
}

Result<std::size_t> RawHeadScanner::unfinished() const {
  if (Result<void> sizes = check_sizes(); !sizes) return std::move(sizes).error();
  return std::size_t{0};
}

// `end`: where the line's CR is.
Result<void> RawHeadScanner::end_line(std::size_t end) {
  const std::size_t begin = line_start_;
  const bool blank = end == begin;
  line_start_ = end + 2;
  // RFC 9112 section 2.2: an empty line before the request line is skipped. One is enough.
  if (blank && line_count_ == 0) {
    if (end != 0) return refused("there is no request line");
    return {};
  }
  done_ = blank;
  if (blank) return {};
  // As soon as it is known, so that how the bytes come makes no difference.
  if (line_count_ == 0) {
    if (Result<void> fits = check_request_line(end - begin); !fits) return fits;
  }
  ++line_count_;
  return {};
}

Result<void> RawHeadScanner::check_request_line(std::size_t size) const {
  // A method, two spaces and the version stand beside the target.
  constexpr std::size_t around_target = 64;
  if (size <= limits_.target_bytes_max + around_target) return {};
  return Error{.code = ErrorCode::uri_too_long,
               .detail = "the request line is longer than a target of " +
                         std::to_string(limits_.target_bytes_max) + " bytes needs"};
}

Result<void> RawHeadScanner::check_sizes() const {
  if (line_count_ == 0) {
    if (Result<void> fits = check_request_line(at_ - line_start_); !fits) return fits;
  }
  if (at_ > limits_.header_bytes_max) {
    return Error{.code = ErrorCode::headers_too_large,
                 .detail = "the header is larger than " + std::to_string(limits_.header_bytes_max) +
                           " bytes"};
  }
  if (line_count_ > limits_.fields_max + 1) {
    return Error{
        .code = ErrorCode::headers_too_large,
        .detail = "the header has more than " + std::to_string(limits_.fields_max) + " fields"};
  }
  return {};
}

}  // namespace quern::http
