// The server under simulation: the real Committer, CommandQueue, engine and clock on a disk in
// memory, with the model beside them. Time passes and faults happen when they are told to.
//
// Shape   a process is killed and started again on the same disk; `possible_` is what a new one may
//         find there.
// Errors  Violation.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "clock.h"
#include "committer.h"
#include "figures_check.h"
#include "model.h"
#include "plan.h"
#include "quern/storage/memory_store.h"

namespace quern::sim {

// Commands own what they point to: a copy that shares it would see the engine's changes.
engine::Command copy_of(const engine::Command& command);

class Server final : public server::ReplySink {
 public:
  enum class Fault : std::uint8_t {
    none,
    fail_unapplied,  // the commit fails and is not on the disk
    fail_applied,    // the commit fails and is
    kill_before,     // the process dies before the commit
    kill_after,      // … after it, and nobody hears of it
    power_cut,       // the power fails while the commit is written
  };
  class Clients {
   public:
    virtual ~Clients() = default;
    virtual void answered(engine::Reply&& reply) = 0;
    virtual void all_failed() = 0;  // nobody's call will be answered any more
  };

  // Every line of what happens goes to `history`, when there is one.
  Server(const Plan& plan, Clients& clients, Edges& edges, std::vector<std::string>* history);

  Result<void> submit(engine::Ticket ticket, engine::Command&& command);
  void tell(engine::Command&& command);
  void drain();

  // One group of commands and a tick; or an attempt to recover.
  void turn();
  bool is_up() const { return committer_->is_open(); }
  // Nothing is due and nothing waits.
  bool is_idle();
  // How long until something is due; nullopt: nothing ever is.
  std::optional<Duration> until_next_deadline();

  // What the next commit that writes anything meets.
  void arm(Fault fault, std::size_t commits_kept) {
    armed_ = fault;
    commits_kept_ = commits_kept;
  }
  void fail_reads() { reads_fail_ = true; }
  void fill_disk(bool full);
  void take_disk_away(bool away) { disk_away_ = away; }
  bool faulty() const { return disk_full_ || disk_away_; }
  void kill();
  void cut_power(std::size_t commits_kept);
  void sync();

  void advance(Duration by) { time_ += by; }
  void set_clock(Duration by) { clock_error_ += by; }
  engine::Now now();
  std::chrono::milliseconds age() const { return time_; }

  const Model& model() const { return model_; }
  const storage::Store& store() const { return *committer_->store(); }
  // The whole store against the model, and every invariant that can be read off it; the figures
  // against the store.
  void check_everything();

  std::uint64_t hash() const { return hash_; }
  template <typename Line>
  void note(Line&& line) {
    if (history_ != nullptr) history_->push_back(line());
  }

  void deliver(std::vector<engine::Reply>&& replies) override;
  void fail_all(const Error& error) override;

 private:
  void start_process();
  void open();
  void recover(const Error& error);
  void take_commands();
  void run_group();
  void commit(server::Committer::Group&& group, State before);
  void adopt_what_is_on_disk();
  void note_group(const std::vector<Model::Call>& calls, const server::Committer::Group& group,
                  engine::Now at);
  void number_commit(const server::Committer::Group& group, const After& after);
  void expect_back(const engine::Undelivered& leases);
  void demand_taken_back() const;
  void mix(std::string_view bytes);
  void mix(std::uint64_t number);
  void mix(const server::Committer::Group& group);

  const Plan& plan_;
  Clients& clients_;
  std::vector<std::string>* history_;
  Dice random_;
  Model model_;
  std::shared_ptr<storage::MemoryDisk> disk_ = storage::make_memory_disk();

  // The process.
  std::unique_ptr<engine::FiguresBoard> figures_;
  engine::testing::FiguresCheck figures_check_;
  std::unique_ptr<server::Committer> committer_;
  std::unique_ptr<server::CommandQueue> queue_;
  std::unique_ptr<server::HybridClock> clock_;
  storage::MemoryStore* store_ = nullptr;
  std::vector<Model::Call> taken_;  // as the committer has them
  std::size_t next_ = 0;

  std::vector<State> possible_;  // what a new process may find, besides what the model holds
  std::uint64_t acked_ = 0;      // the newest commit of which anybody heard
  bool power_was_cut_ = false;   // since the last opening

  // Of this process: leases that nobody heard of, and whether it was told to drain. Both outlive a
  // recovery.
  std::set<std::string> to_be_taken_back_;
  bool told_to_drain_ = false;

  Fault armed_ = Fault::none;
  std::size_t commits_kept_ = 0;
  bool reads_fail_ = false;
  bool disk_full_ = false;
  bool disk_away_ = false;

  std::chrono::milliseconds time_{0};
  Duration clock_error_{0};
  Duration boot_{0};  // what the monotonic clock of this process began with
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

}  // namespace quern::sim
