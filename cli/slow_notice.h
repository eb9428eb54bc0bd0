// Tells the person who waits that it is the server that takes so long.
#pragma once

#include <chrono>
#include <string>
#include <thread>

namespace quern::cli {

// Long enough that a busy server is not complained about, short enough to answer "is it hung?".
inline constexpr std::chrono::seconds slow_after{3};

// Writes `text` to standard error when the object lives for that long; an empty text: never.
class SlowNotice {
 public:
  explicit SlowNotice(std::string text);

 private:
  std::jthread thread_;
};

}  // namespace quern::cli
