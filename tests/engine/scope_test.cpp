// Scopes: to a caller that may see some queues only, a task in another one is not there.

#include "engine/queue_scope.h"
#include "harness.h"

namespace quern::engine::testing {
namespace {

Scope scope_of(std::vector<std::string> patterns) {
  return std::make_shared<const QueueScope>(std::move(patterns));
}

TEST_CASE("a star stands for any run of characters, everything else for itself") {
  struct Row {
    std::string pattern;
    std::string queue;
    bool covered;
  };
  for (const Row& row : {
           Row{"mail", "mail", true},
           Row{"mail", "mails", false},
           Row{"mail", "Mail", false},
           Row{"mail", "mai", false},
           Row{"mail.*", "mail.in", true},
           Row{"mail.*", "mail.", true},
           Row{"mail.*", "mail", false},
           Row{"mail.*", "mail.in.x", true},
           Row{"*", "anything", true},
           Row{"*.in", "mail.in", true},
           Row{"*.in", "mail.in.out", false},
           Row{"a*b*c", "a-b-b-c", true},
           Row{"a*b*c", "a-b-b", false},
           Row{"a**c", "ac", true},
           Row{"*a", "aaaaaaaaab", false},
       }) {
    CAPTURE(row.pattern);
    CAPTURE(row.queue);
    CHECK(QueueScope({row.pattern}).covers(row.queue) == row.covered);
  }
  CHECK(QueueScope({"a", "b*"}).covers("bulk"));
  CHECK_FALSE(QueueScope({}).covers("a"));
  CHECK(covers(nullptr, "a"));
}

TEST_CASE("a pattern that would be slow in a naive matcher is not") {
  std::string pattern;
  for (int i = 0; i < 60; ++i) pattern += "*a";
  CHECK_FALSE(QueueScope({pattern + "b"}).covers(std::string(128, 'a')));
}

TEST_CASE("a pattern is a queue's name with stars") {
  for (const char* good : {"*", "a", "mail.*", "*mail", "a:b-*", "**"}) {
    CAPTURE(good);
    CHECK(is_queue_pattern(good));
  }
  for (const std::string& bad : {std::string(), std::string("a b"), std::string("-a"),
                                 std::string("a/b"), std::string("a?"), std::string(129, 'a')}) {
    CAPTURE(bad);
    CHECK_FALSE(is_queue_pattern(bad));
  }
}

TEST_CASE("a task outside of the scope is not there, whatever is asked of it") {
  Harness h;
  const Scope own = scope_of({"own"});
  const TaskId dead = h.submit_dead({.queue = "other"});
  const TaskId foreign = h.submit({.queue = "other"});
  CHECK(h.refusal(CancelTask{foreign, own}) == ErrorCode::task_not_found);
  CHECK(h.refusal(RedriveTask{dead, own}) == ErrorCode::task_not_found);
  CHECK(h.state(foreign) == TaskState::ready);
  CHECK(h.state(dead) == TaskState::dead);
  // Waiting for it would tell that it is there.
  h.expect<Done>(WaitTask{foreign, 1min, own});

  const TaskView leased = h.lease_one("other");
  for (const SettleVerb verb :
       {SettleVerb::complete, SettleVerb::fail, SettleVerb::heartbeat, SettleVerb::release}) {
    CHECK(h.refusal(SettleOne{Harness::item(verb, leased), own}) == ErrorCode::task_not_found);
  }
  const auto many =
      h.expect<SettledMany>(Settle{{Harness::item(SettleVerb::complete, leased)}, own});
  CHECK(std::get<Error>(many.items[0].outcome).code == ErrorCode::task_not_found);
  Lease with_settle{.queues = {"own"}};
  with_settle.settle.push_back(Harness::item(SettleVerb::complete, leased));
  with_settle.scope = own;
  const auto beside = h.expect<Leased>(std::move(with_settle));
  CHECK(std::get<Error>(beside.settled[0].outcome).code == ErrorCode::task_not_found);
  CHECK(h.state(leased.id) == TaskState::running);

  // Word for word what is said of one that never was.
  const TaskId never = TaskId::from({.unix_ms = 1});
  std::string there = h.expect<Error>(CancelTask{foreign, own}).detail;
  there.replace(there.find(foreign.text()), foreign.text().size(), never.text());
  CHECK(there == h.expect<Error>(CancelTask{never, own}).detail);
}

TEST_CASE("a task inside of the scope is there") {
  Harness h;
  const Scope own = scope_of({"ow*"});
  const TaskId id = h.submit({.queue = "own"});
  CHECK(h.expect<OneTask>(SettleOne{Harness::item(SettleVerb::complete, h.lease_one("own")), own})
            .task.id == id);
  h.expect<OneTask>(CancelTask{h.submit({.queue = "own"}), own});
}

TEST_CASE("lists leave out what is outside of the scope") {
  Harness h;
  const Scope own = scope_of({"own*"});
  const TaskId one = h.submit({.queue = "own", .correlation = "op"});
  h.submit({.queue = "other", .correlation = "op"});
  const TaskId two = h.submit({.queue = "own2", .correlation = "op"});
  const auto ids = [&](const Scope& scope) {
    return ids_of(list_tasks(h.store(), {.correlation_id = "op", .scope = scope})->tasks);
  };
  CHECK(ids(own) == std::vector{one, two});
  CHECK(ids(nullptr).size() == 3);
  CHECK(ids(scope_of({"none"})).empty());
}

TEST_CASE("queues outside of the scope are passed over, however many, and end no page") {
  Harness h;
  for (int i = 0; i < 200; ++i) h.configure("m" + std::to_string(1000 + i), {});
  for (const char* name : {"own.a", "own.b", "own.c", "zz"}) h.configure(name, {});
  const Scope own = scope_of({"own.*"});
  const auto page = [&](std::string after, std::size_t limit) {
    return h.expect<QueuePage>(ListQueues{std::move(after), limit, own});
  };
  const QueuePage first = page("", 2);
  REQUIRE(first.queues.size() == 2);
  CHECK(first.queues[1].name == "own.b");
  CHECK(first.more);
  const QueuePage rest = page("own.b", 2);
  REQUIRE(rest.queues.size() == 1);
  CHECK(rest.queues[0].name == "own.c");
  CHECK_FALSE(rest.more);
  const QueuePage exact = page("", 3);
  CHECK(exact.queues.size() == 3);
  CHECK_FALSE(exact.more);
}

}  // namespace
}  // namespace quern::engine::testing
