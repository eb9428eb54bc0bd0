#include "stage.h"

#include <doctest/doctest.h>

#include "support/eventually.h"

namespace quern::test {

void Inbox::deliver(std::vector<engine::Reply>&& replies) {
  const std::lock_guard lock(mutex_);
  for (engine::Reply& reply : replies) outcomes_[reply.ticket] = std::move(reply.outcome);
  changed_.notify_all();
}

void Inbox::fail_all(const Error& error) {
  const std::lock_guard lock(mutex_);
  failure_ = error;
  ++failures_;
  changed_.notify_all();
}

engine::Outcome Inbox::await(engine::Ticket ticket) {
  std::unique_lock lock(mutex_);
  const auto there = [&] { return outcomes_.count(ticket) > 0 || failure_.has_value(); };
  if (!changed_.wait_for(lock, patience, there)) throw TimedOut("no reply came");
  const auto found = outcomes_.find(ticket);
  if (found == outcomes_.end()) return *std::exchange(failure_, std::nullopt);
  engine::Outcome outcome = std::move(found->second);
  outcomes_.erase(found);
  return outcome;
}

std::size_t Inbox::failures() const {
  const std::lock_guard lock(mutex_);
  return failures_;
}

Stage::Stage(server::CommitLoop::Options options) {
  options.retry_first = options.retry_max = server::CommitLoop::Millis{1};
  const auto open_store = [this]() -> Result<std::unique_ptr<storage::Store>> {
    ++opens;
    if (opens_to_fail > 0) {
      --opens_to_fail;
      return Error{.code = ErrorCode::store_unavailable, .detail = "the disk is away"};
    }
    auto opened = std::make_unique<storage::MemoryStore>(disk, storage::Durability::fsync);
    store = opened.get();
    return std::unique_ptr<storage::Store>(std::move(opened));
  };
  loop = std::make_unique<server::CommitLoop>(options, open_store, random, clock);
  REQUIRE(loop->open());
}

Stage::~Stage() { loop.reset(); }

engine::Ticket Stage::submit(engine::Command command) {
  REQUIRE(loop->submit(++last_ticket_, std::move(command)));
  return last_ticket_;
}

engine::Outcome Stage::call(engine::Command command) {
  return inbox.await(submit(std::move(command)));
}

void Stage::await_readiness(server::Readiness readiness) {
  eventually(
      "the loop says so", [&] { return static_cast<int>(loop->health().readiness); },
      [&](int seen) { return seen == static_cast<int>(readiness); });
}

engine::Submit new_task(const std::string& queue, const std::string& type) {
  engine::NewTask task{.queue = queue, .body = std::make_shared<record::TaskBody>()};
  task.body->set_type(type);
  task.body->set_priority(5);
  task.body->set_payload("null");
  engine::Submit submit;
  submit.tasks.push_back(std::move(task));
  return submit;
}

engine::Lease lease_from(const std::string& queue, Duration wait) {
  return {.queues = {queue}, .wait = wait, .worker_id = "w"};
}

}  // namespace quern::test
