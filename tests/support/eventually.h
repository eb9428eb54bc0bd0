// Waiting for what must happen, without fixed sleeps.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <sstream>
#include <string_view>
#include <thread>

#include "http_client.h"

namespace quern::test {

// Calls `look` again and again until `holds` accepts what it returns, and returns that. When it
// does not come to hold under the one generous deadline the test fails, with the last that was
// seen.
template <typename Look, typename Holds>
auto eventually(std::string_view promise, Look look, Holds holds) {
  const auto deadline = Clock::now() + patience;
  for (;;) {
    auto seen = look();
    if (holds(seen)) return seen;
    if (Clock::now() > deadline) {
      std::ostringstream text;
      text << "not in time: " << promise << "; last seen: " << seen;
      FAIL(text.str());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace quern::test
