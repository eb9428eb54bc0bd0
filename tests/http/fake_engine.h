// Stands in for the engine's thread: the test sees each command and says what becomes of it.
//
// Threads  EnginePort: any. The rest: the test's.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "engine_port.h"
#include "quern/storage/memory_store.h"

namespace quern::test {

class FakeEngine final : public server::EnginePort {
 public:
  struct Told {
    engine::Ticket ticket = 0;  // 0: by tell()
    engine::Command command;
  };

  void connect(server::ReplySink& sink) { sink_ = &sink; }

  // The next command, waited for with the tests' patience; throws when none comes.
  Told next();
  template <typename C>
  C next_of(engine::Ticket* ticket = nullptr) {
    Told told = next();
    if (ticket != nullptr) *ticket = told.ticket;
    return std::get<C>(std::move(told.command));
  }
  bool idle() const;
  void reply(engine::Ticket ticket, engine::Outcome outcome);
  void fail_all(const Error& error) { sink_->fail_all(error); }

  // What submit() answers from now on.
  void refuse(std::optional<Error> error);
  void set_health(server::Health health);
  void lose_store();

  Result<void> submit(engine::Ticket ticket, engine::Command&& command) override;
  void tell(engine::Command&& command) override;
  std::shared_ptr<const storage::Store> store() const override;
  server::Health health() const override;

 private:
  server::ReplySink* sink_ = nullptr;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Told> told_;
  std::optional<Error> refusal_;
  server::Health health_{.readiness = server::Readiness::ready, .reason = {}};
  std::shared_ptr<storage::Store> store_ = std::make_shared<storage::MemoryStore>();
};

// A task as an outcome shows it.
engine::TaskView some_task(TaskState state = TaskState::ready);

}  // namespace quern::test
