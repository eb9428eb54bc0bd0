#include "http/resolve.h"

#include <doctest/doctest.h>

#include <latch>
#include <memory>

using namespace std::chrono_literals;
using quern::ErrorCode;
using quern::Result;
using quern::sdk::resolve;
using Names = Result<std::vector<std::string>>;

namespace {

std::chrono::steady_clock::time_point in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

}  // namespace

TEST_CASE("a name server that stays silent does not hold a call up") {
  const auto released = std::make_shared<std::latch>(1);
  const auto found = resolve("example", in(20ms), [released](const std::string&) -> Names {
    released->wait();
    return std::vector<std::string>{"192.0.2.1"};
  });
  released->count_down();
  REQUIRE_FALSE(found);
  CHECK(found.error().code == ErrorCode::unreachable);
}

TEST_CASE("addresses and localhost are known without a name server") {
  const auto never = [](const std::string&) -> Names {
    FAIL("looked up");
    return quern::Error{};
  };
  CHECK(*resolve("192.0.2.1", in(30s), never) == std::vector<std::string>{"192.0.2.1"});
  CHECK(*resolve("::1", in(30s), never) == std::vector<std::string>{"::1"});
  CHECK(*resolve("localhost", in(30s), never) == std::vector<std::string>{"127.0.0.1", "::1"});
}

TEST_CASE("a host without an address is an error, as is one that is not known") {
  const auto none = [](const std::string&) -> Names { return std::vector<std::string>{}; };
  CHECK_FALSE(resolve("example", in(30s), none));
  CHECK_FALSE(resolve("no such host", in(30s)));
}
