#include "edges.h"

#include <algorithm>
#include <string_view>

namespace quern::sim {
namespace {

constexpr std::array<std::string_view, from_count> from_names = {
    "scheduled", "ready", "returned", "running", "retrying", "dead", "succeeded", "cancelled"};

struct Row {
  std::string_view event;
  std::string_view from;         // a letter for each state that it is taken from
  std::string_view seldom = {};  // so rare that a run need not have seen it
};

// s scheduled, r ready as submitted, R ready again, u running, t retrying, d dead, S succeeded,
// c cancelled. In the order of Event; LIFECYCLE.md has the edges, API section 5 the refusals.
constexpr std::array<Row, event_count> table = {{
    {"replayed", "srRutdSc"},
    {"key_reused", "srRutdSc"},
    {"leased", "rR"},
    {"completed", "u"},
    {"failed_to_retry", "u"},
    {"failed_for_good", "u"},
    {"extended", "u"},
    {"released", "u"},
    {"released_later", "u"},
    // A task keeps what ended its last attempt until it is leased again.
    {"said_again", "RtdSc", "s"},
    {"token_refused", "srRutdSc"},
    {"taken_back", "u"},
    {"lease_over", "u"},
    {"timed_out", "u"},
    {"became_ready", "st"},
    // R: a first start that was taken back counts for nothing.
    {"expired", "srR"},
    {"gave_up", "sRt"},
    {"cancelled", "srRut"},
    {"cancel_refused", "dSc"},
    {"redriven", "d"},
    {"redrive_refused", "srRutSc"},
    {"redriven_many", "d"},
    {"discarded", "d"},
    {"purged", "srRtdSc"},
    {"deleted", "srRutdSc"},
    {"forgotten", "dSc"},
    {"recovered", "srRutdSc"},
}};

constexpr std::string_view letters = "srRutdSc";

bool in(std::string_view states, std::size_t from) {
  return states.find(letters[from]) != std::string_view::npos;
}

template <typename Wanted>
std::vector<std::string> list(Wanted&& wanted) {
  std::vector<std::string> found;
  for (std::size_t from = 0; from < from_count; ++from) {
    for (std::size_t event = 0; event < event_count; ++event) {
      if (!wanted(from, event)) continue;
      found.push_back(std::string(from_names[from]) + " × " + std::string(table[event].event));
    }
  }
  return found;
}

}  // namespace

void Edges::add(const Edges& other) {
  for (std::size_t from = 0; from < from_count; ++from) {
    for (std::size_t event = 0; event < event_count; ++event) {
      seen_[from][event] += other.seen_[from][event];
    }
  }
}

std::vector<std::string> Edges::missing() const {
  return list([this](std::size_t from, std::size_t event) {
    return in(table[event].from, from) && seen_[from][event] == 0;
  });
}

std::vector<std::string> Edges::foreign() const {
  return list([this](std::size_t from, std::size_t event) {
    return !in(table[event].from, from) && !in(table[event].seldom, from) && seen_[from][event] > 0;
  });
}

std::uint64_t Edges::fewest() const {
  std::uint64_t fewest = ~std::uint64_t{0};
  for (std::size_t from = 0; from < from_count; ++from) {
    for (std::size_t event = 0; event < event_count; ++event) {
      if (in(table[event].from, from)) fewest = std::min(fewest, seen_[from][event]);
    }
  }
  return fewest;
}

std::size_t Edges::in_table() {
  return list([](std::size_t from, std::size_t event) { return in(table[event].from, from); })
      .size();
}

}  // namespace quern::sim
