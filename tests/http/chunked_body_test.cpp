#include <doctest/doctest.h>

#include <string>

#include "http/head_parser.h"

using namespace quern;
using namespace quern::http;

namespace {

const std::string head =
    "POST /tasks HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

// The body, "…" when more is needed, or the error's code; `rest` is what was not taken.
std::string decoded(std::string_view bytes, std::size_t step, std::string* rest = nullptr) {
  ChunkedBody chunked(head, 1000);
  std::string pending;
  while (!bytes.empty() && !chunked.done()) {
    pending += bytes.substr(0, step);
    bytes.remove_prefix(std::min(step, bytes.size()));
    const Result<std::size_t> used = chunked.feed(pending);
    if (!used) return std::string(to_string(used.error().code));
    pending.erase(0, *used);
  }
  if (rest != nullptr) *rest = pending + std::string(bytes);
  return chunked.done() ? chunked.body() : "…";
}

}  // namespace

TEST_CASE("a chunked body is put together, in whatever pieces it comes") {
  const std::string bytes = "5\r\nhello\r\n1;a=b\r\n \r\n00005\r\nworld\r\n0\r\n\r\n";
  for (const std::size_t step : {1u, 2u, 3u, 7u, 1000u}) {
    CAPTURE(step);
    CHECK(decoded(bytes, step) == "hello world");
  }
  CHECK(decoded("0\r\n\r\n", 1) == "");
  for (const std::size_t step : {1u, 3u, 6u, 1000u}) {
    CHECK(decoded("8\r\na\nb\n\n\nc\n\r\n0\r\n\r\n", step) == "a\nb\n\n\nc\n");
  }
  CHECK(decoded("5\r\nhel", 1) == "…");
  std::string rest;
  CHECK(decoded("1\r\na\r\n0\r\n\r\nGET / HTTP/1.1\r\n", 1000, &rest) == "a");
  CHECK(rest == "GET / HTTP/1.1\r\n");
}

TEST_CASE("what is not a chunked body, or hides something beside it, is refused") {
  struct Row {
    std::string bytes;
    std::string expected;
  };
  for (const Row& row : {
           Row{"x\r\nhello\r\n", "bad_request"},
           Row{"-1\r\na\r\n", "bad_request"},
           Row{"0x5\r\nhello\r\n0\r\n\r\n", "bad_request"},
           Row{"5\r\nhelloX\r\n0\r\n\r\n", "bad_request"},
           Row{"5\nhello\n0\n\n", "bad_request"},
           Row{"5\r\nhello\n0\n\n", "bad_request"},
           Row{"5\r\nhello\r\n0\n", "bad_request"},
           Row{"5\r\nhello\r\n0\r\n\n", "bad_request"},
           Row{"0\n\n", "bad_request"},
           Row{"ffffffffffffffffff\r\n", "bad_request"},
           Row{"fffffffffffffff0\r\n", "payload_too_large"},
           Row{"3e9\r\n", "payload_too_large"},
           Row{"1;" + std::string(20'000, 'a') + "\r\nb\r\n0\r\n\r\n", "bad_request"},
           Row{"1;" + std::string(300, 'a') + "\r\nb\r\n0\r\n\r\n", "bad_request"},
           Row{"1\r\na\r\n0\r\nAuthorization: Bearer x\r\n\r\n", "bad_request"},
           Row{"1\r\na\r\n0\r\nX: y\r\n\r\n", "bad_request"},
           Row{"0\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n", "bad_request"},
       }) {
    CAPTURE(row.bytes);
    for (const std::size_t step : {1u, 100'000u}) CHECK(decoded(row.bytes, step) == row.expected);
  }
}

TEST_CASE("a body is as large as the limit says, however it is chunked") {
  std::string most;
  for (int i = 0; i < 1000; ++i) most += "1\r\na\r\n";
  CHECK(decoded(most + "0\r\n\r\n", 4096) == std::string(1000, 'a'));
  CHECK(decoded(most + "1\r\na\r\n0\r\n\r\n", 4096) == "payload_too_large");
}
