// What all connections of a server share.
//
// Threads  constant once the first connection is there, but for the atomics and what locks itself.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include "access/failed_tries.h"
#include "http/admission.h"
#include "http/endpoint.h"
#include "http/timeouts.h"

namespace quern::http {

// Bounds the memory that bodies under way take up, all connections together; one for those of
// requests, one for those of answers that their clients have not taken yet.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::size_t bytes_max) : bytes_max_(bytes_max) {}

  bool take(std::size_t bytes) {
    if (bytes_.fetch_add(bytes, std::memory_order_relaxed) + bytes <= bytes_max_) return true;
    give_back(bytes);
    return false;
  }
  std::size_t taken() const { return bytes_.load(std::memory_order_relaxed); }
  void give_back(std::size_t bytes) { bytes_.fetch_sub(bytes, std::memory_order_relaxed); }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> bytes_{0};
};

// One connection's part of it.
class MemoryShare {
 public:
  explicit MemoryShare(MemoryBudget& budget) : budget_(budget) {}
  MemoryShare(const MemoryShare&) = delete;
  MemoryShare& operator=(const MemoryShare&) = delete;
  ~MemoryShare() { release(); }

  // Raises the share to `bytes`; false when there is not that much left.
  bool grow_to(std::size_t bytes) {
    if (bytes <= held_) return true;
    if (!budget_.take(bytes - held_)) return false;
    held_ = bytes;
    return true;
  }
  void release() { budget_.give_back(std::exchange(held_, 0)); }

 private:
  MemoryBudget& budget_;
  std::size_t held_ = 0;
};

struct SessionEnv {
  Context context;
  AdmissionPolicy admission;
  std::vector<std::string> allowed_hosts;
  Timeouts timeouts;
  MemoryBudget body_budget;
  MemoryBudget answer_budget;
  access::FailedTries failed_tries;
  std::atomic<bool> draining{false};  // every answer is the connection's last
  std::atomic<std::size_t> session_count{0};
};

}  // namespace quern::http
