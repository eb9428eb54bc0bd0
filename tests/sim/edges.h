// Which edges of a task's life a run has taken: every state × every event.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace quern::sim {

// As in tests/engine/state_event_test.cpp: a task that is ready again is not one as submitted.
enum class From : std::uint8_t {
  scheduled,
  ready,
  returned,
  running,
  retrying,
  dead,
  succeeded,
  cancelled
};
inline constexpr std::size_t from_count = 8;

enum class Event : std::uint8_t {
  replayed,         // submitted again under its key
  key_reused,       // its key, another payload
  leased,           // given to a worker
  completed,        //
  failed_to_retry,  // by its worker
  failed_for_good,  // by its worker, or on its last attempt
  extended,         // a heartbeat
  released,         //
  released_later,   // with a delay
  said_again,       // the settle call that ended its last attempt, repeated
  token_refused,    // lease_lost or task_finished
  taken_back,       // its lease was not delivered
  lease_over,       // ran out, to retry or to die
  timed_out,        // by timeout_ms
  became_ready,     // its time has come
  expired,          // not started in time
  gave_up,          // no attempt left, since the limit was lowered
  cancelled,        //
  cancel_refused,   //
  redriven,         // alone
  redrive_refused,  //
  redriven_many,    //
  discarded,        //
  purged,           //
  deleted,          // with its queue
  forgotten,        // retention is over
  recovered,        // was in that state when a new engine took over
};
inline constexpr std::size_t event_count = 27;

class Edges {
 public:
  void saw(From from, Event event) {
    ++seen_[static_cast<std::size_t>(from)][static_cast<std::size_t>(event)];
  }
  void add(const Edges& other);

  // Edges of the table that were never taken, and taken ones that are not in it, in words.
  std::vector<std::string> missing() const;
  std::vector<std::string> foreign() const;
  // How often the edge of the table was taken that was taken least.
  std::uint64_t fewest() const;
  static std::size_t in_table();

 private:
  std::array<std::array<std::uint64_t, event_count>, from_count> seen_{};
};

}  // namespace quern::sim
