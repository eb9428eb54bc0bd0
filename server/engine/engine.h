// Decides what each command does to the queues. Holds no clock, thread, socket or disk of its own:
// time comes in as `now`, randomness and committed state as interfaces, effects leave as a batch
// and replies, so that equal inputs give equal outcomes.
//
// Shape    task states and every transition: LIFECYCLE.md.
// Threads  not synchronised; the engine thread owns it.
// Errors   an Error outcome changed nothing. failure(): the store could not be read; what is staged
// must be dropped and
//          the engine recovered anew.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/command.h"
#include "engine/now.h"
#include "engine/outcome.h"
#include "engine/random_source.h"
#include "quern/protocol/limits.h"
#include "quern/protocol/result.h"
#include "quern/storage/store.h"

namespace quern::engine {

class Core;
class FiguresBoard;

class Engine {
 public:
  struct Options {
    std::uint8_t partition = 0;
    std::size_t queues_max = limits::queues_max;
    // How many entries at the head of each lane of a queue, and of the timers, are kept in memory.
    std::size_t window_entries = 1024;
    // A lease stops when its tasks come to so many bytes, however many more were asked for: what
    // one call can make the server hold and send.
    std::size_t lease_bytes_max = std::size_t{16} << 20;
    // How much background work (due timers, ended leases, retention) one tick does at most, so that
    // nobody waits long behind it.
    std::size_t tick_tasks_max = 512;
    // The same for jobs (redrives, purges …). They are in no hurry: a short part costs them a few
    // syncs more, and spares everybody else most of the wait.
    std::size_t job_tasks_max = 128;
    // Where figures are published; null: nowhere. Must outlive the engine.
    FiguresBoard* figures = nullptr;
  };

  // Picks up where the last commit in `store` left off. `store` and `random` must outlive the
  // engine.
  static Result<std::unique_ptr<Engine>> recover(const storage::Reader& store, Random& random,
                                                 const Options& options, Now now);
  ~Engine();

  // Stages the effects and the reply of `command`. A parked call is replied to by a later apply()
  // or tick().
  void apply(Ticket ticket, Command&& command, Now now);

  // Stages what is due at `now`. Bounded: next_deadline() says when there is more.
  void tick(Now now);

  // What to commit for all that was staged since the last call; empty when nothing was.
  storage::Batch take_batch();
  // To be released once that batch is durable.
  std::vector<Reply> take_replies();
  // That batch is durable: what it did shows in the figures from now on.
  void publish_figures();

  // When tick() next has work, in steady time; not after `now.steady` of the last tick when it has
  // some left already.
  std::optional<Steady> next_deadline() const;

  // Of what was staged since the last take_batch(), and of the replies since the last
  // take_replies().
  std::size_t staged_bytes() const;

  const std::optional<Error>& failure() const;

 private:
  explicit Engine(std::unique_ptr<Core> core);
  std::unique_ptr<Core> core_;
};

}  // namespace quern::engine
