#include "fake_engine.h"

#include <stdexcept>

#include "support/http_client.h"

namespace quern::test {

FakeEngine::Told FakeEngine::next() {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, patience, [this] { return !told_.empty(); })) {
    throw TimedOut("no command came");
  }
  Told told = std::move(told_.front());
  told_.pop_front();
  return told;
}

bool FakeEngine::idle() const {
  const std::lock_guard lock(mutex_);
  return told_.empty();
}

void FakeEngine::reply(engine::Ticket ticket, engine::Outcome outcome) {
  std::vector<engine::Reply> replies;
  replies.push_back({ticket, std::move(outcome)});
  sink_->deliver(std::move(replies));
}

void FakeEngine::refuse(std::optional<Error> error) {
  const std::lock_guard lock(mutex_);
  refusal_ = std::move(error);
}

void FakeEngine::set_health(server::Health health) {
  const std::lock_guard lock(mutex_);
  health_ = std::move(health);
}

void FakeEngine::lose_store() {
  const std::lock_guard lock(mutex_);
  store_.reset();
}

Result<void> FakeEngine::submit(engine::Ticket ticket, engine::Command&& command) {
  const std::lock_guard lock(mutex_);
  if (refusal_) return *refusal_;
  told_.push_back({ticket, std::move(command)});
  changed_.notify_all();
  return {};
}

void FakeEngine::tell(engine::Command&& command) {
  const std::lock_guard lock(mutex_);
  told_.push_back({0, std::move(command)});
  changed_.notify_all();
}

std::shared_ptr<const storage::Store> FakeEngine::store() const {
  const std::lock_guard lock(mutex_);
  return store_;
}

server::Health FakeEngine::health() const {
  const std::lock_guard lock(mutex_);
  return health_;
}

engine::TaskView some_task(TaskState state) {
  auto body = std::make_shared<record::TaskBody>();
  body->set_created_at(1'000);
  body->set_type("t");
  body->set_payload("null");
  engine::TaskView task;
  task.id = *TaskId::parse("0198c0de-0000-7abc-8123-456789abcdef");
  task.queue = std::make_shared<const std::string>("q");
  task.body = std::move(body);
  task.max_attempts = 5;
  task.status.set_state(static_cast<std::uint32_t>(state));
  task.status.set_run_at(1'000);
  if (state == TaskState::running) task.status.mutable_lease()->set_token(std::string(16, 'x'));
  return task;
}

}  // namespace quern::test
