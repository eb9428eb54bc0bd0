// What the engine's thread does, without the thread: applies commands in groups, commits the
// effects of each group as one batch, and only then lets the replies out.
//
// Shape    open(); then take() what came in, and apply() and commit() group by group. Once one of
//          them fails there is nothing to go on with: end_engine(), close(), and open() again, from
//          what the disk holds. Holds no thread, lock or clock, so that a simulation
//          (tests/sim/) can drive it as commit_loop.h does.
// Threads  none: the engine's.
// Errors   apply: a read failed inside the engine. commit: the store's. Either way memory and disk
//          may differ, and the outcome of all that was not replied to is unknown.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "command_queue.h"
#include "engine/engine.h"
#include "engine_port.h"

namespace quern::server {

class Committer {
 public:
  struct Options {
    engine::Engine::Options engine;
    std::size_t group_commands_max;
    std::size_t group_bytes_max;  // no further command once past this
  };
  // The effects of some commands and a tick.
  struct Group {
    storage::Batch batch;
    std::vector<engine::Reply> replies;  // not to be let out before `batch` is durable
    std::size_t command_count = 0;
  };

  // `random` must outlive the committer.
  Committer(const Options& options, engine::Random& random);
  ~Committer();

  // Recovers an engine from `store`. On an error the committer is as it was.
  Result<void> open(std::unique_ptr<storage::Store> store, engine::Now now);
  bool is_open() const { return engine_ != nullptr; }
  const storage::Store* store() const { return store_.get(); }

  // Precondition: has_commands() is false.
  void take(CommandQueue& queue);
  bool has_commands() const { return next_ < taken_.size(); }
  // When there is work without any command, in steady time.
  std::optional<engine::Steady> next_deadline() const { return engine_->next_deadline(); }

  Result<Group> apply(engine::Now now);
  Result<void> commit(Group&& group, ReplySink& sink);

  // After a failure: drops the engine and the commands that somebody waits for.
  void end_engine();
  // Drops the store. Nobody may read it any more.
  void close();
  // What the next engine has to be told: commands that nobody says again, and leases whose holders
  // never heard of them.
  std::vector<engine::Command> take_unheard();

 private:
  const Options options_;
  engine::Random& random_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<engine::Engine> engine_;
  std::vector<Queued> taken_;
  std::size_t next_ = 0;  // of taken_: those before it are applied
  std::vector<engine::Command> unheard_;
};

// What is said to everyone who waits when `cause` has ended the engine.
Error outcome_unknown(const Error& cause);

}  // namespace quern::server
