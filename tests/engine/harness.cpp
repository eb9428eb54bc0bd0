#include "harness.h"

#include "invariants.h"

namespace quern::engine::testing {

NewTask new_task(const SubmitOptions& options) {
  auto body = std::make_shared<record::TaskBody>();
  body->set_type(options.type);
  body->set_payload(options.payload);
  body->set_priority(options.priority);
  body->set_idempotency_key(options.key);
  body->set_correlation_id(options.correlation);
  if (options.max_attempts) body->set_max_attempts(*options.max_attempts);
  if (options.lease) body->set_lease_ms(options.lease->count());
  if (options.timeout) body->set_timeout_ms(options.timeout->count());
  return NewTask{
      .queue = options.queue, .body = std::move(body), .delay = options.delay, .ttl = options.ttl};
}

std::vector<TaskId> ids_of(const std::vector<TaskView>& views) {
  std::vector<TaskId> ids;
  ids.reserve(views.size());
  for (const TaskView& view : views) ids.push_back(view.id);
  return ids;
}

Harness::Harness(std::uint64_t seed, Engine::Options options,
                 std::optional<std::size_t> figures_queues_max)
    : random_(seed),
      options_(options),
      store_(std::make_unique<storage::MemoryStore>()),
      footprint_(std::make_unique<FootprintStore>(*store_)),
      figures_queues_max_(figures_queues_max) {
  restart();
}

void Harness::restart() {
  engine_.reset();
  if (figures_queues_max_) board_ = std::make_unique<FiguresBoard>(*figures_queues_max_);
  options_.figures = board_.get();
  recover();
  if (board_) figures_check_.begin(*board_);
}

void Harness::recover() {
  engine_.reset();
  Result<std::unique_ptr<Engine>> recovered = Engine::recover(*footprint_, random_, options_, now);
  REQUIRE(recovered.has_value());
  engine_ = std::move(*recovered);
}

void Harness::commit() {
  REQUIRE_FALSE(engine_->failure().has_value());
  const storage::Batch batch = engine_->take_batch();
  if (!batch.writes.empty()) REQUIRE(footprint_->commit(batch).has_value());
  engine_->publish_figures();
  for (Reply& reply : engine_->take_replies())
    answers_.emplace(reply.ticket, std::move(reply.outcome));
}

void Harness::settle_down() {
  for (int ticks = 0; ticks < 10'000; ++ticks) {
    tick();
    const std::optional<Steady> next = engine_->next_deadline();
    if (!next || *next > now.steady) return;
  }
  FAIL("the engine always has something due");
}

void Harness::advance(Duration by) {
  now.wall = now.wall + by;
  now.steady += by;
  settle_down();
}

void Harness::jump_wall(Duration by) {
  now.wall = now.wall + by;
  settle_down();
}

void Harness::tick() {
  engine_->tick(now);
  commit();
}

Ticket Harness::begin(Command command) {
  engine_->apply(++last_ticket_, std::move(command), now);
  commit();
  return last_ticket_;
}

std::optional<Outcome> Harness::call(Command command) {
  const Ticket ticket = begin(std::move(command));
  settle_down();
  return answer(ticket);
}

Ticket Harness::park(Command command) {
  const std::optional<Outcome> outcome = call(std::move(command));
  REQUIRE_FALSE(outcome.has_value());
  return last_ticket_;
}

std::optional<Outcome> Harness::answer(Ticket ticket) {
  const auto found = answers_.find(ticket);
  if (found == answers_.end()) return std::nullopt;
  Outcome outcome = std::move(found->second);
  answers_.erase(found);
  return outcome;
}

TaskId Harness::submit(const SubmitOptions& options) {
  Submit command;
  command.tasks.push_back(new_task(options));
  return expect<Submitted>(std::move(command)).tasks.at(0).id;
}

std::vector<TaskId> Harness::submit_many(std::size_t count, const SubmitOptions& options) {
  Submit command{.tasks = {}, .batch = true};
  for (std::size_t i = 0; i < count; ++i) command.tasks.push_back(new_task(options));
  return ids_of(expect<Submitted>(std::move(command)).tasks);
}

TaskId Harness::submit_dead(const SubmitOptions& options) {
  const TaskId id = submit(options);
  const TaskView leased = lease_one(options.queue);
  REQUIRE(leased.id == id);
  fail(leased, false);
  return id;
}

std::vector<TaskId> Harness::lease_ids(std::uint32_t tasks_max, const std::string& queue) {
  return ids_of(lease({queue}, tasks_max));
}

TaskView Harness::view(const TaskId& id) const {
  std::optional<TaskView> view = get(id);
  REQUIRE(view.has_value());
  return std::move(*view);
}

std::vector<TaskId> Harness::dead_ids(const std::string& queue_name) const {
  Result<DeadPage> page = list_dead(*store_, queue_name, std::nullopt, 1000);
  REQUIRE(page.has_value());
  return ids_of(page->tasks);
}

std::vector<TaskView> Harness::lease(std::vector<std::string> queues, std::uint32_t tasks_max,
                                     std::optional<Duration> length) {
  return expect<Leased>(Lease{.queues = std::move(queues),
                              .tasks_max = tasks_max,
                              .wait = Duration{0},
                              .lease = length,
                              .worker_id = "w",
                              .settle = {}})
      .tasks;
}

TaskView Harness::lease_one(const std::string& queue) {
  std::vector<TaskView> leased = lease({queue});
  REQUIRE(leased.size() == 1);
  return std::move(leased[0]);
}

std::optional<TaskView> Harness::get(const TaskId& id) const {
  Result<std::optional<TaskView>> view = read_task(*store_, id);
  REQUIRE(view.has_value());
  return std::move(*view);
}

TaskState Harness::state(const TaskId& id) const { return view(id).state(); }

QueueView Harness::queue(const std::string& name) { return expect<OneQueue>(GetQueue{name}).queue; }

std::uint64_t Harness::count(TaskState state, const std::string& queue_name) {
  return queue(queue_name).counts[static_cast<std::size_t>(state)];
}

void Harness::configure(const std::string& queue, const QueueSettings& settings) {
  expect<OneQueue>(PutQueue{queue, settings});
}

SettleItem Harness::item(SettleVerb verb, const TaskView& leased) {
  SettleItem item;
  item.verb = verb;
  item.id = leased.id;
  item.id_text = leased.id.text();
  item.token = leased.status.lease().token();
  return item;
}

TaskView Harness::complete(const TaskView& leased, std::string result) {
  SettleItem settle = item(SettleVerb::complete, leased);
  settle.result = std::move(result);
  return expect<OneTask>(SettleOne{std::move(settle)}).task;
}

Timestamp Harness::heartbeat(const TaskView& leased, std::optional<Duration> length) {
  SettleItem settle = item(SettleVerb::heartbeat, leased);
  settle.lease = length;
  return expect<LeaseExtended>(SettleOne{std::move(settle)}).expires_at;
}

TaskView Harness::fail(const TaskView& leased, bool retryable,
                       std::optional<Duration> retry_after) {
  SettleItem settle = item(SettleVerb::fail, leased);
  settle.error_type = "boom";
  settle.error_message = "it broke";
  settle.retryable = retryable;
  settle.retry_after = retry_after;
  return expect<OneTask>(SettleOne{std::move(settle)}).task;
}

TaskView Harness::release(const TaskView& leased, Duration delay) {
  SettleItem settle = item(SettleVerb::release, leased);
  settle.delay = delay;
  return expect<OneTask>(SettleOne{std::move(settle)}).task;
}

std::string Harness::violations() const {
  const std::string wrong = testing::violations(*store_);
  return board_ ? wrong + figures_check_.violations(*board_, *store_) : wrong;
}

}  // namespace quern::engine::testing
