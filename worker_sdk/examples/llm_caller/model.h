// The language model's HTTP API as a function.
#pragma once

#include <cstdint>
#include <string>

namespace llm_caller {

class Model {
 public:
  // At 127.0.0.1. A real one is elsewhere, behind TLS and a key.
  explicit Model(std::uint16_t port) : port_(port) {}

  // The answer to `prompt`. Threads: any. Throws, so that a handler can let it pass:
  //   quern::Retry with a time     too many requests; the model says when to come back
  //   quern::Retry without one     it is down, or too slow: what a circuit breaker should count
  //   quern::Permanent             it will not have this prompt, however often it is asked
  std::string ask(const std::string& prompt) const;

 private:
  std::uint16_t port_;
};

// Whether a call that threw `error` says that the model is in trouble. A rate limit does not: the
// model has answered, and fast.
bool is_outage(const std::exception& error);

}  // namespace llm_caller
