#include "access/failed_tries.h"

#include <algorithm>

namespace quern::access {
namespace {

// "2001:db8:1:2::" of any address in that network; an IPv4 address is itself.
std::string network_of(std::string_view address) {
  std::size_t groups = 0;
  for (std::size_t at = 0; at < address.size(); ++at) {
    if (address[at] != ':') continue;
    // "::" before the fourth group: what was left out is the network's own zeros.
    if (++groups == 4 || (at + 1 < address.size() && address[at + 1] == ':')) {
      return std::string(address.substr(0, at)) + "::";
    }
  }
  return std::string(address);
}

}  // namespace

FailedTries::Verdict FailedTries::add(std::string_view address, Time now) {
  const std::lock_guard lock(mutex_);
  Count& count = count_of(network_of(address), now);
  if (now - count.begin >= window) count = Count{.begin = now, .tries = 0};
  if (count.tries < UINT32_MAX) ++count.tries;
  const auto left = std::chrono::ceil<std::chrono::seconds>(count.begin + window - now);
  return Verdict{.over = count.tries > per_minute_max_,
                 .is_first_over = count.tries == per_minute_max_ + 1,
                 .left = std::max(left, std::chrono::seconds{1})};
}

FailedTries::Count& FailedTries::count_of(const std::string& key, Time now) {
  if (const auto found = counts_.find(key); found != counts_.end()) return found->second;
  if (counts_.size() >= addresses_max) {
    std::erase_if(counts_, [&](const auto& entry) { return now - entry.second.begin >= window; });
  }
  const bool room = counts_.size() < addresses_max;
  // "" stands for all that found no room.
  return counts_.try_emplace(room ? key : std::string(), Count{.begin = now, .tries = 0})
      .first->second;
}

}  // namespace quern::access
