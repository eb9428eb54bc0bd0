#include "engine/queue_scope.h"

#include <algorithm>

#include "quern/protocol/limits.h"

namespace quern::engine {
namespace {

// Going back to the last star only: at worst the product of both lengths.
bool matches(std::string_view pattern, std::string_view name) {
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_end = 0;  // how much of the name the last star took
  while (at < name.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_end = at;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == name[at]) {
      ++in_pattern;
      ++at;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++star_end;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', in_pattern) == std::string_view::npos;
}

}  // namespace

bool is_queue_pattern(std::string_view text) {
  if (text.size() > limits::name_bytes_max) return false;
  std::string name(text);
  // With a letter for each star it must be a name.
  std::replace(name.begin(), name.end(), '*', 'a');
  return is_name(name);
}

bool QueueScope::covers(std::string_view queue) const {
  return std::any_of(patterns_.begin(), patterns_.end(),
                     [&](const std::string& pattern) { return matches(pattern, queue); });
}

}  // namespace quern::engine
