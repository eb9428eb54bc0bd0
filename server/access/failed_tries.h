// How often an address has come with a wrong token lately.
//
// A token that is right is always let in: whoever shares an address with a client gone wrong must
// not suffer for it. Guessing is hopeless with tokens of this length; the limit keeps a client that
// tries again and again from filling the log and from being told each time.
//
// Shape    per address a count and the minute that it belongs to; an IPv6 address counts by its
// /64,
//          which is what one client has. Beyond `addresses_max` strangers share one count.
// Threads  any. Only failures come here, so one lock is enough.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace quern::access {

class FailedTries {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds window{60};
  static constexpr std::size_t addresses_max = 10'000;

  explicit FailedTries(std::uint32_t per_minute_max) : per_minute_max_(per_minute_max) {}

  struct Verdict {
    bool over = false;             // more than are allowed in this window
    bool is_first_over = false;    // and the one before was not
    std::chrono::seconds left{0};  // of the window; at least one second
  };
  // `address` as text, IPv6 without brackets.
  Verdict add(std::string_view address, Time now);

 private:
  struct Count {
    Time begin;
    std::uint32_t tries = 0;
  };
  Count& count_of(const std::string& key, Time now);

  const std::uint32_t per_minute_max_;
  std::mutex mutex_;
  std::unordered_map<std::string, Count> counts_;
};

}  // namespace quern::access
