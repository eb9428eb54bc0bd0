// The engine's thread: takes the commands that came in while the last commit was syncing and lets
// the Committer apply and commit them; waits when there is nothing to do; recovers after a failure.
//
// Shape    open() at start-up; then start(), drain(), stop(), each once. The thread owns the engine
//          and the store; others see the store through store().
// Threads  as EnginePort; open() to stop() are the owner's.
// Errors   a failed commit, or a read that failed inside the engine: memory and disk may differ and
//          the outcome of what was under way is unknown. Everyone who waits is told so, the engine
//          and the store are dropped, and the loop opens them again until that works. Meanwhile
//          calls are refused with recovering.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "clock.h"
#include "command_queue.h"
#include "commit_figures.h"
#include "committer.h"
#include "engine_port.h"

namespace quern::server {

class CommitLoop final : public EnginePort {
 public:
  using Millis = std::chrono::milliseconds;

  struct Options {
    engine::Engine::Options engine;
    std::size_t commands_max = 16'384;                    // waiting; further ones are refused
    std::size_t group_commands_max = 4'096;               // of one commit
    std::size_t group_bytes_max = std::size_t{16} << 20;  // no further command once past this
    CommitFigures* figures = nullptr;  // where commits are counted; null: nowhere
    Millis retry_first{100};           // between attempts to recover, doubled each time
    Millis retry_max{5'000};
  };
  using OpenStore = std::function<Result<std::unique_ptr<storage::Store>>()>;

  // `random` and `clock` are used by the engine's thread alone from start() on.
  CommitLoop(const Options& options, OpenStore open_store, engine::Random& random, Clock& clock);
  ~CommitLoop() override;

  // Opens the store and recovers the engine from it, once. Errors: the store's.
  Result<void> open();
  // `sink` must outlive the loop.
  void start(ReplySink& sink);
  // No new tasks and leases from here on; parked calls are answered.
  void drain();
  // Applies what is queued, closes the store, ends the thread.
  void stop();

  Result<void> submit(engine::Ticket ticket, engine::Command&& command) override;
  void tell(engine::Command&& command) override;
  std::shared_ptr<const storage::Store> store() const override;
  Health health() const override;
  // Commands that nobody has begun on yet.
  std::size_t commands_waiting() const;

  // Makes the thread look at the clock again: for tests, which move it.
  void wake();

 private:
  class StoreGate;

  void run();
  // Waits for commands or for work that is due. False: stop.
  bool await_work();
  Result<void> run_group();
  void recover(const Error& error);
  bool retry_open();
  void close();

  const Options options_;
  const OpenStore open_store_;
  Clock& clock_;
  ReplySink* sink_ = nullptr;
  Committer committer_;  // the engine's thread alone, from start() on

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable work_;
  CommandQueue queue_;
  std::shared_ptr<StoreGate> gate_;
  std::shared_ptr<const storage::Store> shared_store_;
  bool stopping_ = false;
  bool sleeping_ = false;
  bool woken_ = false;

  std::thread thread_;
};

}  // namespace quern::server
