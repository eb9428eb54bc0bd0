#include "slow_notice.h"

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <utility>

namespace quern::cli {

SlowNotice::SlowNotice(std::string text) {
  if (text.empty()) return;
  thread_ = std::jthread([text = std::move(text)](const std::stop_token& stop) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_for(lock, stop, slow_after, [] { return false; });
    if (!stop.stop_requested()) std::cerr << text << std::endl;
  });
}

}  // namespace quern::cli
