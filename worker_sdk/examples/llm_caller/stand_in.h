// A language model's endpoint for those who have none at hand: an HTTP server in this process that
// thinks for a moment, limits its rate, and is down for a while.
//
// Threads  runs in one of its own; calls() from any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

namespace llm_caller {

struct StandInOptions {
  std::chrono::milliseconds thinking{100};
  // After so many answers it wants to be left alone for a time: 429 until that is over.
  std::uint32_t rate = 10;
  std::chrono::milliseconds rate_pause{200};
  // After so many answers so many calls in a row fail with 503, once.
  std::uint32_t outage_after = 6;
  std::uint32_t outage = 9;
};

class StandIn {
 public:
  struct Calls {
    std::uint32_t answered = 0;
    std::uint32_t limited = 0;  // 429
    std::uint32_t failed = 0;   // 503
  };

  explicit StandIn(const StandInOptions& options);
  ~StandIn();
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  std::uint16_t port() const;  // of 127.0.0.1
  Calls calls() const;

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace llm_caller
