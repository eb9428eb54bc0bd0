// Producers, workers and operators, and the network between them and the server: what is called,
// which calls and answers are lost, doubled or late, and what each party knows afterwards.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "plan.h"
#include "server.h"

namespace quern::sim {

class Clients final : public Server::Clients {
 public:
  explicit Clients(const Plan& plan) : plan_(plan) {}

  // What a step makes somebody call; nothing for a step that is not a client's.
  void act(const Step& step, Server& server);
  // Calls that have been under way long enough arrive, answers that were late come in.
  void pass_step(Server& server);
  // From now on nothing is lost, late or silent, and what is under way arrives.
  void become_reliable(Server& server);
  // Whatever a worker can get from any queue it completes. How many tasks that were.
  void work_off(Server& server);

  void answered(engine::Reply&& reply) override;
  void all_failed() override;

  std::uint64_t calls() const { return calls_; }

 private:
  struct Held {
    TaskId id;
    std::string token;
  };
  enum class Fate : std::uint8_t { arrives, lost_and_noticed, lost };
  struct UnderWay {
    engine::Command command;
    Fate answer = Fate::arrives;
    int steps = 0;  // until it arrives
  };

  engine::Command draw(StepKind kind, Dice& dice);
  engine::Submit draw_submit(Dice& dice, bool batch);
  engine::NewTask draw_task(Dice& dice);
  engine::Lease draw_lease(Dice& dice, Duration wait);
  engine::SettleItem draw_settle(Dice& dice, bool stale);
  QueueSettings draw_settings(Dice& dice);
  engine::PatchQueue draw_patch(Dice& dice);
  engine::DeadFilter draw_filter(Dice& dice);
  std::string draw_queue(Dice& dice);
  TaskId draw_task_id(Dice& dice);

  void send(engine::Command command, Dice& dice, Server& server);
  void arrive(UnderWay&& call, Server& server);
  void learn(engine::Outcome&& outcome);
  void repeat(Dice& dice, Server& server);
  void leave(Dice& dice, Server& server);

  const Plan& plan_;
  bool reliable_ = false;
  engine::Ticket last_ticket_ = 0;
  std::uint64_t calls_ = 0;
  std::vector<UnderWay> under_way_;
  std::map<engine::Ticket, Fate> waiting_;  // for an answer
  std::vector<engine::Command> to_tell_;    // what the server notices by itself
  std::vector<engine::Command> said_;       // the last few calls, to be repeated
  std::vector<Held> held_;
  std::vector<Held> old_;  // leases that were settled, or ran out
  std::vector<TaskId> ids_;
};

}  // namespace quern::sim
