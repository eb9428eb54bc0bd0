// Calls something when SIGTERM or SIGINT arrives, in an ordinary thread.
#pragma once

#include <functional>

namespace quern::sdk {

// For as long as the object lives, the first SIGTERM or SIGINT calls `on_signal` once, and a second
// one, a second later or more, has its default effect: it ends the process. There may be several:
// the first signal calls all of them, and one that is made while others live that were called is
// called at once. The last to go restores what signals did before. No object may come or go within
// `on_signal`.
class StopOnSignal {
 public:
  explicit StopOnSignal(std::function<void()> on_signal);
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  const std::function<void()> on_signal_;
};

}  // namespace quern::sdk
