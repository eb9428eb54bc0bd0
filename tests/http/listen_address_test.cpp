#include "http/listen_address.h"

#include <doctest/doctest.h>

using namespace quern;
using namespace quern::http;

TEST_CASE("an address to listen on is read as people write it") {
  const auto v4 = resolve_listen_address("127.0.0.1:7480");
  REQUIRE(v4);
  CHECK(v4->address == "127.0.0.1");
  CHECK(v4->port == 7480);
  CHECK(v4->is_loopback);

  const auto v6 = resolve_listen_address("[::1]:0");
  REQUIRE(v6);
  CHECK(v6->host == "::1");
  CHECK(v6->port == 0);
  CHECK(v6->is_loopback);

  const auto any = resolve_listen_address("0.0.0.0:1");
  REQUIRE(any);
  CHECK_FALSE(any->is_loopback);
}

TEST_CASE("anything else is refused with an example") {
  for (const std::string text : {"", "7480", ":7480", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
                                 "127.0.0.1:65536", "::1:7480", "127.0.0.1:-1"}) {
    CAPTURE(text);
    CHECK_FALSE(resolve_listen_address(text));
  }
}

TEST_CASE("a URL has brackets around an IPv6 address") {
  CHECK(url_of("127.0.0.1", 7480, false) == "http://127.0.0.1:7480");
  CHECK(url_of("::1", 80, true) == "https://[::1]:80");
}
