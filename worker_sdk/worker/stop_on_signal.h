// Calls something when SIGTERM or SIGINT arrives, in an ordinary thread.
#pragma once

#include <functional>
#include <thread>

namespace quern::sdk {

// For as long as the object lives, the first SIGTERM or SIGINT calls `on_signal` once, and a second
// one has its default effect: it ends the process. Only one at a time in a process.
class StopOnSignal {
 public:
  explicit StopOnSignal(std::function<void()> on_signal);
  ~StopOnSignal();
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;

 private:
  std::thread thread_;
};

}  // namespace quern::sdk
