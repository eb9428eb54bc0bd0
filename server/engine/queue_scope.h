// Which queues a caller may see and touch, as patterns over their names.
//
// Shape    in a pattern "*" stands for any run of characters, none included; everything else is
//          itself: "mail.*" is mail.in and mail.out, not mail. A null Scope is every queue.
// Threads  constant values, shared by all.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace quern::engine {

// What a queue's name is made of, and stars; 1..128 bytes.
bool is_queue_pattern(std::string_view text);

class QueueScope {
 public:
  explicit QueueScope(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}

  bool covers(std::string_view queue) const;
  const std::vector<std::string>& patterns() const { return patterns_; }

  bool operator==(const QueueScope&) const = default;

 private:
  std::vector<std::string> patterns_;
};

using Scope = std::shared_ptr<const QueueScope>;

inline bool covers(const Scope& scope, std::string_view queue) {
  return scope == nullptr || scope->covers(queue);
}

}  // namespace quern::engine
