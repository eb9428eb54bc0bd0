// The grammar of a request's head and of a chunked body, as Beast parses them.
//
// What Beast 1.81 accepts although it must not (unknown transfer codings, repeated lengths,
// trailers taken for header fields, …) is refused elsewhere: raw_head.h before, header_guard.h
// after.
//
// Errors   bad_request, and payload_too_large for a chunked body. Close the connection after
// either. Source   RFC 9112 sections 3, 5, 7.1.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "http/request.h"
#include "quern/protocol/result.h"

namespace quern::http {

// `block`: as RawHeadScanner measured it. `head` keeps views into it.
Result<void> parse_head(std::string_view block, RequestHead& head);

// Takes a chunked body apart. Neither chunk extensions of more than a few bytes nor trailers are
// accepted, and what the coding may add to the body is bounded.
class ChunkedBody {
 public:
  // `block` is the head of the same request.
  ChunkedBody(std::string_view block, std::size_t body_bytes_max);
  ~ChunkedBody();

  // How many of `bytes`, the next ones unread on the connection, belong to the body and were taken.
  // Offer the others again, with more behind them. On bytes that never end a line: an error.
  Result<std::size_t> feed(std::string_view bytes);

  bool done() const;
  std::string& body();

 private:
  class Parser;
  std::unique_ptr<Parser> parser_;
};

}  // namespace quern::http
