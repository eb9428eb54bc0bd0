#include "reads.h"

#include <algorithm>

#include "engine/query.h"
#include "violation.h"

namespace quern::sim {

using engine::Detail;

namespace {

// All pages of a list.
std::vector<engine::TaskView> all_of(const storage::Reader& reader, engine::TaskQuery query) {
  std::vector<engine::TaskView> tasks;
  do {
    Result<engine::TaskPage> page = engine::list_tasks(reader, query);
    if (!page) violate("a list cannot be read: " + page.error().detail);
    demand(page->tasks.size() <= query.limit, "a page is longer than asked for");
    query.after = page->next;
    std::move(page->tasks.begin(), page->tasks.end(), std::back_inserter(tasks));
  } while (query.after);
  return tasks;
}

void check_list(const storage::Reader& reader, const Model& model, const engine::TaskQuery& query,
                const std::function<bool(const Task&)>& belongs) {
  const std::vector<engine::TaskView> tasks = all_of(reader, query);
  std::size_t next = 0;
  for (const auto& [id, task] : model.state().tasks) {  // in order of submission
    if (!belongs(*task)) continue;
    if (next == tasks.size()) violate("a list lacks task " + id.text());
    if (tasks[next].id != id) {
      violate("a list shows task " + tasks[next].id.text() + " where " + id.text() + " belongs");
    }
    model.check_task(tasks[next++], Detail::head);
  }
  demand(next == tasks.size(), "a list shows what does not belong to it");
}

void check_queue_list(const storage::Reader& reader, const Model& model, const Queue& queue,
                      std::size_t limit, std::optional<TaskState> state) {
  engine::TaskQuery query{.queue = queue.name, .state = state, .limit = limit};
  check_list(reader, model, query, [&](const Task& task) {
    return task.queue == queue.number && (!state || task.state == *state);
  });
}

void check_correlation(const storage::Reader& reader, const Model& model, const std::string& id,
                       std::size_t limit) {
  engine::TaskQuery query{.correlation_id = id, .limit = limit};
  check_list(reader, model, query,
             [&](const Task& task) { return task.asked->correlation_id() == id; });
}

// The last to die first.
void check_dead(const storage::Reader& reader, const Model& model, const Queue& queue,
                std::size_t limit) {
  std::vector<std::pair<std::int64_t, TaskId>> expected;
  for (const auto& [id, task] : model.state().tasks) {
    if (task->queue == queue.number && task->state == TaskState::dead) {
      expected.emplace_back(task->finished_at, id);
    }
  }
  std::sort(expected.rbegin(), expected.rend());
  std::optional<engine::DeadCursor> before;
  std::size_t next = 0;
  do {
    const Result<engine::DeadPage> page = engine::list_dead(reader, queue.name, before, limit);
    if (!page) violate("the dead cannot be read: " + page.error().detail);
    for (const engine::TaskView& view : page->tasks) {
      demand(next < expected.size() && expected[next].second == view.id,
             "the dead are not listed as they died");
      model.check_task(view, Detail::head);
      ++next;
    }
    before = page->next;
  } while (before);
  demand(next == expected.size(), "the list of the dead lacks one");
}

// A name that leads nowhere, or to a queue that is being removed.
void check_no_queue(const storage::Reader& reader, const std::string& name) {
  demand(all_of(reader, {.queue = name}).empty(), "a queue that is not there lists tasks");
  const Result<engine::DeadPage> dead = engine::list_dead(reader, name, std::nullopt, 1);
  demand(!dead && dead.error().code == ErrorCode::queue_not_found,
         "a queue that is not there lists its dead");
}

void check_names(const storage::Reader& reader, const Model& model) {
  for (const char* name : {"a", "b", "c"}) {
    const bool there = std::any_of(
        model.state().queues.begin(), model.state().queues.end(),
        [&](const auto& entry) { return entry.second.name == name && !entry.second.deleting; });
    if (!there) check_no_queue(reader, name);
  }
}

}  // namespace

void check_reads(const storage::Store& store, const Model& model, Dice& dice) {
  const std::unique_ptr<storage::Reader> reader = store.snapshot();
  const State& state = model.state();
  const std::size_t limit = 1 + dice.below(4);
  std::vector<const Queue*> queues;
  for (const auto& [number, queue] : state.queues) {
    if (!queue.deleting) queues.push_back(&queue);
  }
  if (!queues.empty()) {
    const Queue& queue = *queues[dice.below(queues.size())];
    const std::optional<TaskState> only =
        dice.chance(50) ? std::optional(static_cast<TaskState>(1 + dice.below(7))) : std::nullopt;
    check_queue_list(*reader, model, queue, limit, only);
    check_dead(*reader, model, queue, limit);
  }
  check_correlation(*reader, model, "c" + std::to_string(dice.below(3)), limit);
  check_names(*reader, model);
}

void check_all_reads(const storage::Store& store, const Model& model) {
  const std::unique_ptr<storage::Reader> reader = store.snapshot();
  for (const auto& [number, queue] : model.state().queues) {
    if (queue.deleting) continue;
    check_queue_list(*reader, model, queue, 7, std::nullopt);
    check_dead(*reader, model, queue, 3);
  }
  for (const char* id : {"c0", "c1", "c2"}) check_correlation(*reader, model, id, 5);
  check_names(*reader, model);
}

}  // namespace quern::sim
