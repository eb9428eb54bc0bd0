// Makes, lists and checks backups, when it is asked to and by the clock, on a thread of its own, so
// that neither the engine nor an io thread waits for it.
//
// Shape    stands before the engine: a BackupCall ends here, everything else goes through. One
//          backup or check at a time; lists are answered at once.
// Threads  EnginePort: as there. open() to stop(): the owner's.
// Errors   backup_running: one is under way. draining: the server stops, which ends it. The rest:
//          storage/backups.h.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "engine_port.h"
#include "quern/storage/backups.h"

namespace quern::server {

// When a server makes its backups.
struct BackupSchedule {
  Duration interval{0};  // 0: only when somebody asks

  // When the next is due, given the newest there is and when one failed last. nullopt: never.
  std::optional<Timestamp> next(std::optional<Timestamp> newest, std::optional<Timestamp> failed_at,
                                Timestamp now) const;
};

class BackupKeeper final : public EnginePort {
 public:
  struct Options {
    storage::BackupWriter::Options writer;
    BackupSchedule schedule;
    std::size_t keep = 1;                         // newest backups that stay
    std::chrono::milliseconds look_every{1'000};  // at the schedule
    std::function<Timestamp()> now;               // wall clock
  };

  // Takes the backup directory. `source` is what it copies.
  static Result<std::unique_ptr<BackupKeeper>> open(const Options& options,
                                                    std::shared_ptr<storage::BackupSource> source);
  ~BackupKeeper() override;

  // Stands before `engine` from now on; replies go to `sink`. Both must outlive it.
  void start(EnginePort& engine, ReplySink& sink);
  // What is under way ends soon, and nothing new begins.
  void end_soon();
  // From now on.
  void use(const BackupSchedule& schedule, std::size_t keep);
  // Returns when it has ended.
  void stop();

  struct Status {
    std::optional<Timestamp> newest;     // that is not damaged
    std::optional<Timestamp> failed_at;  // the last try to make one, if that failed
  };
  Status status() const;

  Result<void> submit(engine::Ticket ticket, engine::Command&& command) override;
  void tell(engine::Command&& command) override;
  std::shared_ptr<const storage::Store> store() const override;
  Health health() const override;

 private:
  struct Job {
    engine::Ticket ticket = 0;  // 0: the schedule's
    engine::BackupCall call;
  };

  BackupKeeper(const Options& options, std::shared_ptr<storage::BackupSource> source,
               std::unique_ptr<storage::BackupWriter> writer);

  Result<void> submit_call(engine::Ticket ticket, const engine::BackupCall& call);
  // Under the mutex.
  engine::BackupAnswer page(const engine::BackupCall& call) const;
  std::optional<Timestamp> newest() const;
  bool is_due() const;

  void run();
  std::optional<Job> await_job();
  engine::Outcome run_job(const engine::BackupCall& call);
  Result<engine::BackupAnswer> create();
  Result<engine::BackupAnswer> check(std::uint32_t id);
  void read_list();
  std::size_t keep() const;
  void reply(engine::Ticket ticket, engine::Outcome outcome);

  const Options options_;
  const std::shared_ptr<storage::BackupSource> source_;
  const std::unique_ptr<storage::BackupWriter> writer_;  // the thread's, from start() on
  EnginePort* engine_ = nullptr;
  ReplySink* sink_ = nullptr;

  std::stop_source stop_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  BackupSchedule schedule_;
  std::size_t keep_;
  std::vector<storage::Backup> backups_;  // the newest first
  std::optional<Job> waiting_;
  bool busy_ = false;
  std::optional<Timestamp> failed_at_;  // the last try to make one, if it failed
  std::thread thread_;
};

}  // namespace quern::server
