// Tells the person who waits that it is the server that takes so long.
#pragma once

#include <string>
#include <thread>

namespace quern::cli {

// Writes `text` to standard error when the object lives for three seconds; an empty text: never.
class SlowNotice {
 public:
  explicit SlowNotice(std::string text);

 private:
  std::jthread thread_;
};

}  // namespace quern::cli
