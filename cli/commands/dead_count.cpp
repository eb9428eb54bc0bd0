#include "commands/dead_count.h"

#include <algorithm>
#include <iostream>
#include <set>

#include "advice.h"
#include "confirm.h"
#include "text.h"

namespace quern::cli {
namespace {

constexpr std::uint32_t page_max = 1'000;

std::set<std::string> distinct(const std::vector<std::string>& ids) {
  return {ids.begin(), ids.end()};
}

bool counts(const Task& task, DeadFlags& flags, const DeadCount& count) {
  return flags.matches(task) && task.finished_at < count.counted_before;
}

// The HTTP API has no count by filter, so this looks at all.
void count_matching(Session& session, const std::string& queue, DeadFlags& flags,
                    DeadCount& count) {
  const SlowNotice notice(session.json ? "" : "qctl: counting the dead tasks that match");
  PageOptions page{.limit = page_max};
  do {
    const auto answer = session.ask([&](Client& client) { return client.dead_list(queue, page); });
    for (const Task& task : answer.items) count.tasks += counts(task, flags, count) ? 1U : 0U;
    page.cursor = answer.next_cursor;
  } while (!page.cursor.empty());
}

void count_named(Session& session, const std::string& queue, DeadFlags& flags,
                 const std::set<std::string>& ids, DeadCount& count) {
  for (const std::string& id : ids) {
    try {
      const Task task = session.ask([&](Client& client) { return client.get(id); });
      const bool there = task.state == TaskState::dead && task.queue == queue;
      if (there && counts(task, flags, count)) ++count.tasks;
    } catch (const ApiError& error) {
      if (error.code() != ErrorCode::task_not_found) throw;
    }
  }
}

}  // namespace

DeadCount count_dead(Session& session, const std::string& queue, DeadFlags& flags,
                     const DeadFilter& filter) {
  DeadCount count;
  const auto newest =
      session.ask([&](Client& client) { return client.dead_list(queue, PageOptions{.limit = 1}); });
  if (newest.items.empty()) return count;
  // The last to die comes first.
  count.counted_before = newest.items.front().finished_at.value_or(Timestamp{0}) + Duration{1};
  if (filter.all && !flags.selects()) {
    count.tasks = session.ask([&](Client& client) { return client.queue(queue); }).counts.dead;
  } else if (filter.all) {
    count_matching(session, queue, flags, count);
  } else {
    count_named(session, queue, flags, distinct(filter.ids), count);
  }
  if (filter.limit) count.tasks = std::min(count.tasks, *filter.limit);
  return count;
}

ExitCode show_acted(const Session& session, std::string_view verb, std::uint64_t count,
                    const DeadFilter& filter, const std::string& queue) {
  print_count(session, verb, count);
  const std::uint64_t named = distinct(filter.ids).size();
  const std::uint64_t expected = std::min(named, filter.limit.value_or(named));
  if (count >= expected) return exit_ok;
  std::cout.flush();  // so that both are in order on a terminal
  print_failure(session.json, to_string(ErrorCode::task_not_found),
                grouped(expected - count) + " of the " + grouped(named) +
                    (named == 1 ? " id" : " ids") + " named no task that it is about in the " +
                    "dead-letter queue of " + queue);
  return exit_not_found;
}

DeadFilter of_the_counted(DeadFilter filter, const DeadCount& count) {
  filter.before =
      filter.before ? std::min(*filter.before, count.counted_before) : count.counted_before;
  return filter;
}

}  // namespace quern::cli
