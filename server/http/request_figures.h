// How many requests were answered, how fast, and what was refused.
//
// Shape    each io thread has its own, so that counting needs no lock and no locked instruction;
//          whoever looks adds them up. Times run from the last byte of a request's header to the
//          last one of its answer; for a long-poll that includes the wait.
// Threads  answered(), refused(): the io thread. add_to(): any.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "engine/cell.h"
#include "engine/histogram.h"
#include "http/router.h"
#include "quern/protocol/error_code.h"

namespace quern::http {

// From a read out of memory to a long-poll, in microseconds.
inline constexpr std::array<std::uint64_t, 14> request_time_bounds = {
    500,     1'000,   2'500,   5'000,     10'000,    25'000,     50'000,
    100'000, 250'000, 500'000, 1'000'000, 2'500'000, 10'000'000, 60'000'000};

// 1xx to 5xx.
inline constexpr std::size_t status_class_count = 5;
// The codes that a server gives; those behind are a client's own.
inline constexpr std::size_t refusal_count = static_cast<std::size_t>(ErrorCode::unreachable);

// All threads together.
struct HttpFigures {
  using Times = engine::Histogram<request_time_bounds>;
  using ByClass = std::array<Times, status_class_count>;

  std::vector<ByClass> routes;  // as all_routes(); one more for requests that have none
  std::array<std::uint64_t, refusal_count> refused{};  // by ErrorCode
  std::uint64_t connections = 0;                       // open now
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_turned_away = 0;
  std::uint64_t body_bytes = 0;    // that bodies under way take up now
  std::uint64_t answer_bytes = 0;  // that answers which clients have not taken yet take up now
};

class RequestFigures {
 public:
  RequestFigures();

  // `route`: one of all_routes(); null when the request led to none.
  void answered(const Route* route, unsigned status, std::chrono::steady_clock::duration took);
  void refused(ErrorCode code);
  void add_to(HttpFigures& figures) const;

 private:
  using Times = engine::Histogram<request_time_bounds, engine::Cell>;

  const std::size_t row_count_;
  const std::unique_ptr<Times[]> times_;  // by row, then class
  std::array<engine::Cell, refusal_count> refused_;
};

}  // namespace quern::http
