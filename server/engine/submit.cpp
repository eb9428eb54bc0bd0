// Submit: all tasks of a request or none. First everything is checked against the state, then
// everything is done.

#include <algorithm>
#include <unordered_map>

#include "engine/commands.h"
#include "engine/transitions.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Table;

namespace {

// What is to be done for one task of the request.
struct Plan {
  std::optional<Task> replay;            // its key names this task, which was there already
  std::optional<std::size_t> replay_of;  // its key names an earlier task of the same request
};

std::string pointer_to(const Submit& command, std::size_t index) {
  return command.batch ? "/tasks/" + std::to_string(index) : std::string();
}

Error key_reused(const Submit& command, std::size_t index) {
  const std::string& key = command.tasks[index].body->idempotency_key();
  return Error{
      .code = ErrorCode::idempotency_key_reused,
      .detail = "the idempotency key \"" + key +
                "\" names a task with another type or payload; use a new key for a new task",
      .fields = {{pointer_to(command, index) + "/idempotency_key", "names another task"}}};
}

bool same_request(Core& core, const Task& stored, const record::TaskBody& asked) {
  if (stored.body->type() != asked.type()) return false;
  if (!stored.body->payload_apart()) return stored.body->payload() == asked.payload();
  std::string payload;
  core.records.get(Table::blobs, keys::blob(stored.id, keys::BlobKind::payload), payload);
  return payload == asked.payload();
}

// The task that `key` still names in `queue`.
std::optional<Task> holder_of(Core& core, Queue& queue, const std::string& key) {
  std::string id;
  if (!core.records.get(Table::keys, keys::idempotency(queue.number(), key), id))
    return std::nullopt;
  if (id.size() != std::tuple_size_v<decltype(TaskId::bytes)>) {
    throw StoreFailure{{.code = ErrorCode::store_corrupt,
                        .detail = "an idempotency key of queue " + *queue.name() + " is damaged"}};
  }
  std::optional<Task> task = core.find(TaskId::from_bytes(id));
  if (!task) return std::nullopt;
  const Timestamp window_end =
      Timestamp{task->body->created_at()} + queue.settings().idempotency_window;
  if (is_terminal(task->state()) && window_end <= core.now.wall) return std::nullopt;
  return task;
}

Error queue_full(const Queue& queue, std::uint64_t wanted) {
  return Error{.code = ErrorCode::queue_full,
               .detail = "queue " + *queue.name() + " holds " + std::to_string(queue.unfinished()) +
                         " unfinished tasks and its max_backlog is " +
                         std::to_string(*queue.settings().max_backlog) + ", so " +
                         std::to_string(wanted) +
                         " more do not fit; submit again when some have finished",
               .retry_after_seconds = 1};
}

// Decides for every task what is to be done, or why nothing is.
Result<std::vector<Plan>> plan(Core& core, const Submit& command) {
  std::vector<Plan> plans(command.tasks.size());
  std::unordered_map<std::string, std::size_t> keys_in_request;  // queue, NUL, key -> index
  std::unordered_map<std::string_view, std::uint64_t> created;   // queue -> how many tasks

  for (std::size_t i = 0; i < command.tasks.size(); ++i) {
    const NewTask& task = command.tasks[i];
    const std::string& key = task.body->idempotency_key();
    if (!key.empty()) {
      if (Queue* queue = core.find_queue(task.queue))
        plans[i].replay = holder_of(core, *queue, key);
      if (plans[i].replay) {
        if (!same_request(core, *plans[i].replay, *task.body)) return key_reused(command, i);
        continue;
      }
      const auto [first, is_new] = keys_in_request.emplace(task.queue + '\0' + key, i);
      if (!is_new) {
        const record::TaskBody& earlier = *command.tasks[first->second].body;
        if (earlier.type() != task.body->type() || earlier.payload() != task.body->payload()) {
          return key_reused(command, i);
        }
        plans[i].replay_of = first->second;
        continue;
      }
    }
    ++created[task.queue];
  }

  std::size_t new_queues = 0;
  for (const auto& [name, count] : created) {
    const Queue* queue = core.find_queue(name);
    if (queue == nullptr) {
      ++new_queues;
    } else if (queue->settings().max_backlog &&
               queue->unfinished() + count > *queue->settings().max_backlog) {
      return queue_full(*queue, count);
    }
  }
  if (new_queues > 0) {
    if (Result<void> room = core.room_for_queues(new_queues); !room) return std::move(room).error();
  }
  return plans;
}

void count_replay(Core& core, const Task& task) {
  Queue& queue = core.queue_of(task);
  ++queue.tally().replayed;
  core.book.note(queue);
}

Task create(Core& core, NewTask&& request) {
  Queue& queue = core.ensure_queue(request.queue);
  record::TaskBody& body = *request.body;
  body.set_created_at(core.now.wall.ms);
  if (request.delay) body.set_run_at((core.now.wall + *request.delay).ms);
  const std::optional<Duration> ttl = request.ttl              ? request.ttl
                                      : body.expires_at() == 0 ? queue.settings().ttl
                                                               : std::nullopt;
  if (ttl) body.set_expires_at((core.now.wall + *ttl).ms);

  const bool later = body.run_at() > core.now.wall.ms;
  Task task{.id = core.new_id(queue.number(), later ? TaskId::lane_later
                                                    : static_cast<std::uint8_t>(body.priority())),
            .body = request.body,
            .status = {},
            .as_submitted = true};
  if (body.payload().size() > inline_payload_bytes_max) {
    core.records.put(Table::blobs, keys::blob(task.id, keys::BlobKind::payload),
                     std::move(*body.mutable_payload()));
    body.clear_payload();
    body.set_payload_apart(true);
  }
  task.status = status_as_submitted(task.id, body);
  core.add(task);
  return task;
}

}  // namespace

void submit(Core& core, Ticket ticket, Submit&& command) {
  if (core.draining) {
    return core.reply(
        ticket,
        Error{.code = ErrorCode::draining,
              .detail = "the server is draining and takes no new tasks; submit again with the same "
                        " idempotency key when it is back",
              .retry_after_seconds = 5});
  }
  Result<std::vector<Plan>> plans = plan(core, command);
  if (!plans) return core.reply(ticket, std::move(plans).error());

  // What is there already is answered, as with a full queue.
  const bool creates = std::any_of(plans->begin(), plans->end(), [](const Plan& todo) {
    return !todo.replay && !todo.replay_of;
  });
  if (creates && !core.read_only.empty()) {
    return core.reply(
        ticket,
        Error{.code = ErrorCode::read_only, .detail = core.read_only, .retry_after_seconds = 10});
  }

  Submitted answer;
  answer.tasks.reserve(command.tasks.size());
  for (std::size_t i = 0; i < command.tasks.size(); ++i) {
    Plan& todo = (*plans)[i];
    if (todo.replay) {
      count_replay(core, *todo.replay);
      answer.tasks.push_back(core.view(*std::move(todo.replay), Detail::head));
      answer.replayed = true;
    } else if (todo.replay_of) {
      ++core.find_queue(command.tasks[i].queue)->tally().replayed;
      answer.tasks.push_back(answer.tasks[*todo.replay_of]);
    } else {
      answer.tasks.push_back(core.view(create(core, std::move(command.tasks[i])), Detail::brief));
    }
  }
  core.reply(ticket, std::move(answer));
}

}  // namespace quern::engine
