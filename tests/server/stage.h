// The commit loop on a disk in memory, with time and randomness that the test decides.
#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "clock.h"
#include "commit_loop.h"
#include "quern/storage/memory_store.h"
#include "seeded_random.h"

namespace quern::test {

class ManualClock final : public server::Clock {
 public:
  engine::Now now() override { return {.wall = {start_ms + ms_}, .steady = Duration{ms_}}; }
  void advance(Duration by) { ms_ += by.count(); }

 private:
  static constexpr std::int64_t start_ms = 1'700'000'000'000;
  std::atomic<std::int64_t> ms_{0};
};

// Keeps what is delivered until it is asked for.
class Inbox final : public server::ReplySink {
 public:
  void deliver(std::vector<engine::Reply>&& replies) override;
  void fail_all(const Error& error) override;

  // The outcome of the call with this ticket; a failure of all counts for each that has none.
  engine::Outcome await(engine::Ticket ticket);
  // Calls that were failed so far.
  std::size_t failures() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<engine::Ticket, engine::Outcome> outcomes_;
  std::optional<Error> failure_;
  std::size_t failures_ = 0;
};

struct Stage {
  std::shared_ptr<storage::MemoryDisk> disk = storage::make_memory_disk();
  ManualClock clock;
  SeededRandom random;
  Inbox inbox;
  std::atomic<storage::MemoryStore*> store{nullptr};  // the one that is open
  std::atomic<int> opens_to_fail{0};
  std::atomic<int> opens{0};
  std::unique_ptr<server::CommitLoop> loop;

  explicit Stage(server::CommitLoop::Options options = {});
  ~Stage();

  // Starts the thread; submit() before that only queues.
  void start() { loop->start(inbox); }
  engine::Ticket submit(engine::Command command);
  // Submits and waits for the outcome.
  engine::Outcome call(engine::Command command);
  void await_readiness(server::Readiness readiness);

 private:
  engine::Ticket last_ticket_ = 0;
};

engine::Submit new_task(const std::string& queue, const std::string& type = "t");
engine::Lease lease_from(const std::string& queue, Duration wait = Duration{0});

}  // namespace quern::test
