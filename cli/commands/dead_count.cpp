#include "commands/dead_count.h"

#include <algorithm>

namespace quern::cli {
namespace {

constexpr std::uint32_t page_max = 1'000;

// The HTTP API has no count by filter, so this looks at all.
void count_each(Session& session, const std::string& queue, DeadFlags& flags,
                const DeadFilter& filter, DeadCount& count) {
  PageOptions page{.limit = page_max};
  do {
    const auto answer = session.ask([&](Client& client) { return client.dead_list(queue, page); });
    for (const Task& task : answer.items) {
      const bool named = filter.all || std::find(filter.ids.begin(), filter.ids.end(), task.id) !=
                                           filter.ids.end();
      if (named && flags.matches(task) && task.finished_at < count.counted_before) ++count.tasks;
    }
    page.cursor = answer.next_cursor;
  } while (!page.cursor.empty());
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
  } else {
    count_each(session, queue, flags, filter, count);
  }
  if (filter.limit) count.tasks = std::min(count.tasks, *filter.limit);
  return count;
}

DeadFilter of_the_counted(DeadFilter filter, const DeadCount& count) {
  filter.before =
      filter.before ? std::min(*filter.before, count.counted_before) : count.counted_before;
  return filter;
}

}  // namespace quern::cli
