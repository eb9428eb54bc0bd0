#include "http/raw_head.h"

#include <doctest/doctest.h>

#include <string>

using namespace quern;
using namespace quern::http;

namespace {

// The outcome of a scan of the whole at once: the size, 0 for "more", or the error's code.
std::string scanned(std::string_view bytes, const HeadLimits& limits = {}) {
  RawHeadScanner scanner(limits);
  const Result<std::size_t> size = scanner.scan(bytes);
  return size ? std::to_string(*size) : std::string(to_string(size.error().code));
}

// The same, a byte at a time, as a slow client sends them.
std::string scanned_slowly(std::string_view bytes, const HeadLimits& limits = {}) {
  RawHeadScanner scanner(limits);
  for (std::size_t size = 1; size <= bytes.size(); ++size) {
    const Result<std::size_t> found = scanner.scan(bytes.substr(0, size));
    if (!found) return std::string(to_string(found.error().code));
    if (*found > 0) return std::to_string(*found);
  }
  return "0";
}

}  // namespace

TEST_CASE("a header block ends at its first blank line, whatever pieces it comes in") {
  struct Row {
    std::string_view bytes;
    std::string_view expected;
  };
  using namespace std::literals;
  for (const Row& row : {
           Row{"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "27"},
           Row{"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /", "27"},
           Row{"GET / HTTP/1.1\r\n\r\n", "18"},
           Row{"\r\nGET / HTTP/1.1\r\n\r\n", "20"},
           Row{"GET / HTTP/1.1\r\nHost: x\r\n\r", "0"},
           Row{"GET / HTTP/1.1\r\nHost: x\r\n", "0"},
           Row{"GET", "0"},
           Row{"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\nHost: x\n\n", "bad_request"},
           Row{"GET / HTTP/1.1\r\nHost: x\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\rHost: x\r\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\r\n\tHost: x\r\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n"sv, "bad_request"},
           Row{"GET / HTTP/1.1\r\nHost: x\x7fy\r\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\r\nHost: x\x1by\r\n\r\n", "bad_request"},
           Row{"GET /\xc3\xa9 HTTP/1.1\r\n\r\n", "bad_request"},
           Row{"GET / HTTP/1.1\r\nName: \xc3\xa9\r\n\r\n", "28"},
           Row{"\x16\x03\x01\x02", "bad_request"},
       }) {
    CAPTURE(row.bytes);
    CHECK(scanned(row.bytes) == row.expected);
    CHECK(scanned_slowly(row.bytes) == row.expected);
  }
}

TEST_CASE("a header that is too large is refused before it has come as a whole") {
  const HeadLimits limits{.header_bytes_max = 1000, .target_bytes_max = 300, .fields_max = 4};
  const std::string line = "GET / HTTP/1.1\r\n";

  CHECK(scanned("GET /" + std::string(300, 'a'), limits) == "0");
  CHECK(scanned("GET /" + std::string(400, 'a'), limits) == "uri_too_long");
  // With its end in sight it is no shorter.
  const std::string too_long = "GET /" + std::string(400, 'a') + " HTTP/1.1\r\n\r\n";
  CHECK(scanned(too_long, limits) == "uri_too_long");
  CHECK(scanned_slowly(too_long, limits) == "uri_too_long");
  CHECK(scanned(line + "A: " + std::string(900, 'a') + "\r\n\r\n", limits) == "923");
  CHECK(scanned(line + "A: " + std::string(1000, 'a'), limits) == "headers_too_large");
  CHECK(scanned(line + "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\r\n", limits) == "42");
  CHECK(scanned(line + "A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\nE: 5\r\n", limits) == "headers_too_large");
}
