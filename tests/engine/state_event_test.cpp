// Every state a task can be in × everything that can happen to it. A cell says what the task is
// afterwards, or with which code the call is refused; a refusal leaves it as it was.

#include <array>

#include "harness.h"

namespace quern::engine::testing {
namespace {

constexpr std::array columns = {"scheduled", "ready", "released",  "running",
                                "retrying",  "dead",  "succeeded", "cancelled"};

struct Subject {
  TaskId id;
  // Of the lease that brought the task where it is, or one that never was.
  TaskView leased;
};

QueueSettings settings() {
  return {.max_attempts = 3,
          .retry = {.strategy = RetryStrategy::fixed, .base = 20s, .max = 20s, .jitter = false},
          .lease = 10s,
          .timeout = 25s,
          .retention = 1h,
          .dead_retention = 1h,
          .idempotency_window = 60s};
}

SubmitOptions options_for(std::string_view column) {
  SubmitOptions options{.ttl = 60s, .key = "k"};
  if (column == "scheduled") options.delay = 30s;
  return options;
}

Subject prepare(Harness& h, std::string_view column) {
  h.configure("q", settings());
  Subject subject{.id = h.submit(options_for(column)), .leased = {}};
  subject.leased.id = subject.id;
  subject.leased.status.mutable_lease()->set_token(std::string(16, 'x'));
  if (column == "scheduled" || column == "ready") return subject;
  subject.leased = h.lease_one();
  if (column == "released") h.release(subject.leased);
  if (column == "retrying") h.fail(subject.leased);
  if (column == "dead") h.fail(subject.leased, false);
  if (column == "succeeded") h.complete(subject.leased);
  if (column == "cancelled") h.expect<OneTask>(CancelTask{subject.id});
  return subject;
}

using Event = std::optional<Outcome> (*)(Harness&, const Subject&);

SettleItem item(SettleVerb verb, const Subject& s) {
  SettleItem settle = Harness::item(verb, s.leased);
  settle.error_type = "boom";
  settle.error_message = "it broke";
  return settle;
}

SettleItem with_stale_token(SettleItem settle) {
  settle.token = std::string(16, 'y');
  return settle;
}

std::optional<Outcome> settle(Harness& h, SettleItem settle) {
  return h.call(SettleOne{std::move(settle)});
}

template <SettleVerb Verb>
std::optional<Outcome> says(Harness& h, const Subject& s) {
  return settle(h, item(Verb, s));
}

template <SettleVerb Verb>
std::optional<Outcome> says_with_stale_token(Harness& h, const Subject& s) {
  return settle(h, with_stale_token(item(Verb, s)));
}

std::optional<Outcome> completes_otherwise(Harness& h, const Subject& s) {
  SettleItem complete = item(SettleVerb::complete, s);
  complete.result = "42";
  return settle(h, std::move(complete));
}

std::optional<Outcome> fails_for_good(Harness& h, const Subject& s) {
  SettleItem fail = item(SettleVerb::fail, s);
  fail.retryable = false;
  return settle(h, std::move(fail));
}

std::optional<Outcome> fails_otherwise(Harness& h, const Subject& s) {
  SettleItem fail = item(SettleVerb::fail, s);
  fail.error_message = "it broke in another way";
  return settle(h, std::move(fail));
}

std::optional<Outcome> releases_for_later(Harness& h, const Subject& s) {
  SettleItem release = item(SettleVerb::release, s);
  release.delay = 5s;
  return settle(h, std::move(release));
}

std::optional<Outcome> submitted_again(Harness& h, const Subject& s) {
  Submit command;
  command.tasks.push_back(new_task({.key = "k"}));
  const Submitted answer = h.expect<Submitted>(std::move(command));
  CHECK(answer.replayed);
  CHECK(answer.tasks.at(0).id == s.id);
  return {};
}

std::optional<Outcome> key_for_another_task(Harness& h, const Subject&) {
  Submit command;
  command.tasks.push_back(new_task({.payload = "[]", .key = "k"}));
  return h.call(std::move(command));
}

std::optional<Outcome> leased(Harness& h, const Subject&) {
  h.lease();
  return {};
}

template <int Seconds>
std::optional<Outcome> time_passes(Harness& h, const Subject&) {
  for (int passed = 0; passed < Seconds; passed += 10) h.advance(10s);
  return {};
}

std::optional<Outcome> runs_past_its_timeout(Harness& h, const Subject& s) {
  for (int i = 0; i < 5; ++i) {
    settle(h, item(SettleVerb::heartbeat, s));
    h.advance(5s);
  }
  return {};
}

std::optional<Outcome> cancelled(Harness& h, const Subject& s) { return h.call(CancelTask{s.id}); }
std::optional<Outcome> redriven(Harness& h, const Subject& s) { return h.call(RedriveTask{s.id}); }
std::optional<Outcome> all_redriven(Harness& h, const Subject&) {
  return h.call(RedriveDead{.name = "q"});
}
std::optional<Outcome> all_discarded(Harness& h, const Subject&) {
  return h.call(DiscardDead{.name = "q"});
}
std::optional<Outcome> purged(Harness& h, const Subject& s) {
  return h.call(PurgeQueue{"q", {h.state(s.id)}});
}
std::optional<Outcome> deleted(Harness& h, const Subject&) { return h.call(DeleteQueue{"q"}); }
std::optional<Outcome> deleted_by_force(Harness& h, const Subject&) {
  return h.call(DeleteQueue{"q", true});
}
std::optional<Outcome> undelivered(Harness& h, const Subject& s) {
  h.call(Undelivered{{{s.id, s.leased.status.lease().token()}}});
  return {};
}
std::optional<Outcome> another_undelivered(Harness& h, const Subject& s) {
  h.call(Undelivered{{{s.id, std::string(16, 'y')}}});
  return {};
}
std::optional<Outcome> paused(Harness& h, const Subject&) { return h.call(PauseQueue{"q"}); }
std::optional<Outcome> restarted(Harness& h, const Subject&) {
  h.restart();
  return {};
}

struct Row {
  const char* event;
  Event happens;
  std::array<const char*, columns.size()> then;
};

constexpr const char* lost = "lease_lost";
constexpr const char* over = "task_finished";

// clang-format off
const std::vector<Row> table = {
  //                                                            scheduled    ready      released    running      retrying    dead        succeeded    cancelled
  {"submitted again by key", submitted_again,                  {"scheduled", "ready",   "ready",    "running",   "retrying", "dead",     "succeeded", "cancelled"}},
  {"its key, another payload", key_for_another_task,           {"idempotency_key_reused", "idempotency_key_reused", "idempotency_key_reused", "idempotency_key_reused",
                                                                "idempotency_key_reused", "idempotency_key_reused", "idempotency_key_reused", "idempotency_key_reused"}},
  {"a worker leases", leased,                                  {"scheduled", "running", "running",  "running",   "retrying", "dead",     "succeeded", "cancelled"}},
  {"complete", says<SettleVerb::complete>,                     {lost,        lost,      lost,       "succeeded", lost,       over,       "succeeded", lost}},
  {"complete, another result", completes_otherwise,            {lost,        lost,      lost,       "succeeded", lost,       over,       over,        lost}},
  {"fail", says<SettleVerb::fail>,                             {lost,        lost,      lost,       "retrying",  "retrying", over,       over,        lost}},
  {"fail, another message", fails_otherwise,                   {lost,        lost,      lost,       "retrying",  lost,       over,       over,        lost}},
  {"fail for good", fails_for_good,                            {lost,        lost,      lost,       "dead",      lost,       "dead",     over,        lost}},
  {"heartbeat", says<SettleVerb::heartbeat>,                   {lost,        lost,      lost,       "running",   lost,       over,       over,        lost}},
  {"release", says<SettleVerb::release>,                       {lost,        lost,      lost,       "ready",     lost,       over,       over,        lost}},
  {"release for later", releases_for_later,                    {lost,        lost,      lost,       "scheduled", lost,       over,       over,        lost}},
  {"complete, stale token", says_with_stale_token<SettleVerb::complete>,   {lost, lost, lost, lost, lost, lost, lost, lost}},
  {"fail, stale token", says_with_stale_token<SettleVerb::fail>,           {lost, lost, lost, lost, lost, lost, lost, lost}},
  {"heartbeat, stale token", says_with_stale_token<SettleVerb::heartbeat>, {lost, lost, lost, lost, lost, lost, lost, lost}},
  {"release, stale token", says_with_stale_token<SettleVerb::release>,     {lost, lost, lost, lost, lost, lost, lost, lost}},
  {"the lease runs out", time_passes<10>,                      {"scheduled", "ready",   "ready",    "retrying",  "retrying", "dead",     "succeeded", "cancelled"}},
  {"the time-out is reached", runs_past_its_timeout,           {"scheduled", "ready",   "ready",    "retrying",  "ready",    "dead",     "succeeded", "cancelled"}},
  {"the backoff is over", time_passes<20>,                     {"scheduled", "ready",   "ready",    "retrying",  "ready",    "dead",     "succeeded", "cancelled"}},
  {"the delay is over", time_passes<30>,                       {"ready",     "ready",   "ready",    "ready",     "ready",    "dead",     "succeeded", "cancelled"}},
  {"it expires", time_passes<60>,                              {"dead",      "dead",    "ready",    "ready",     "ready",    "dead",     "succeeded", "cancelled"}},
  {"retention is over", time_passes<2 * 3600>,                 {"gone",      "gone",    "ready",    "ready",     "ready",    "gone",     "gone",      "gone"}},
  {"cancelled", cancelled,                                     {"cancelled", "cancelled", "cancelled", "cancelled", "cancelled", over,    over,        over}},
  {"redriven", redriven,                                       {"not_dead",  "not_dead", "not_dead", "not_dead", "not_dead", "ready",     "not_dead",  "not_dead"}},
  {"all the dead are redriven", all_redriven,                  {"scheduled", "ready",   "ready",    "running",   "retrying", "ready",    "succeeded", "cancelled"}},
  {"all the dead are discarded", all_discarded,                {"scheduled", "ready",   "ready",    "running",   "retrying", "gone",     "succeeded", "cancelled"}},
  {"its state is purged", purged,                              {"gone",      "gone",    "gone",     nullptr,     "gone",     "gone",     "gone",      "gone"}},
  {"the queue is deleted", deleted,                            {"queue_not_empty", "queue_not_empty", "queue_not_empty", "queue_not_empty", "queue_not_empty", "queue_not_empty", "gone", "gone"}},
  {"the queue is deleted by force", deleted_by_force,          {"gone",      "gone",    "gone",     "gone",      "gone",     "gone",     "gone",      "gone"}},
  {"its lease was not delivered", undelivered,                 {"scheduled", "ready",   "ready",    "ready",     "retrying", "dead",     "succeeded", "cancelled"}},
  {"another lease was not delivered", another_undelivered,     {"scheduled", "ready",   "ready",    "running",   "retrying", "dead",     "succeeded", "cancelled"}},
  {"the queue is paused", paused,                              {"scheduled", "ready",   "ready",    "running",   "retrying", "dead",     "succeeded", "cancelled"}},
  {"the server restarts", restarted,                           {"scheduled", "ready",   "ready",    "running",   "retrying", "dead",     "succeeded", "cancelled"}},
};
// clang-format on

std::string state_in(const Harness& h, const TaskId& id) {
  const std::optional<TaskView> view = h.get(id);
  return view ? std::string(to_string(view->state())) : "gone";
}

void check_cell(const Row& row, std::size_t column) {
  Harness h;
  const Subject subject = prepare(h, columns[column]);
  const std::string before = state_in(h, subject.id);
  const std::optional<Outcome> outcome = row.happens(h, subject);

  const Error* error = outcome ? std::get_if<Error>(&*outcome) : nullptr;
  const std::string then = error ? std::string(to_string(error->code)) : state_in(h, subject.id);
  CHECK(then == row.then[column]);
  if (error) CHECK(state_in(h, subject.id) == before);
  CHECK(h.violations() == "");

  const std::string after = state_in(h, subject.id);
  h.restart();
  h.settle_down();
  CHECK(state_in(h, subject.id) == after);
  CHECK(h.violations() == "");
}

TEST_CASE("every event in every state leads where the table says, and survives a restart") {
  for (const Row& row : table) {
    for (std::size_t column = 0; column < columns.size(); ++column) {
      if (row.then[column] == nullptr) continue;
      CAPTURE(row.event);
      CAPTURE(columns[column]);
      check_cell(row, column);
    }
  }
}

TEST_CASE("what is said about a task that is not there is refused") {
  Harness h;
  const TaskId id = h.submit();
  const TaskView leased = h.lease_one();
  h.expect<Done>(DeleteQueue{"q", true});
  for (const SettleVerb verb :
       {SettleVerb::complete, SettleVerb::fail, SettleVerb::heartbeat, SettleVerb::release}) {
    CHECK(h.refusal(SettleOne{Harness::item(verb, leased)}) == ErrorCode::task_not_found);
    SettleItem no_id = Harness::item(verb, leased);
    no_id.id.reset();
    CHECK(h.refusal(SettleOne{no_id}) == ErrorCode::task_not_found);
  }
  CHECK(h.refusal(CancelTask{id}) == ErrorCode::task_not_found);
  CHECK(h.refusal(RedriveTask{id}) == ErrorCode::task_not_found);
}

}  // namespace
}  // namespace quern::engine::testing
