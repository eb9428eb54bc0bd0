// Commands on a queue's settings.

#include "engine/commands.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/queue_json.h"

namespace quern::engine {

namespace {

// Others may go now, or sooner, or later than was thought.
void sweep_anew(Core& core, Queue& queue) {
  for (const FinishedClass c : {FinishedClass::done, FinishedClass::dead}) {
    queue.finished(c).sweep_again();
  }
  const bool any_done = queue.count(TaskState::succeeded) + queue.count(TaskState::cancelled) > 0;
  core.schedule_sweep(queue, FinishedClass::done,
                      any_done ? std::optional(core.now.wall) : std::nullopt);
  const bool sweeps_dead = queue.settings().dead_retention && queue.count(TaskState::dead) > 0;
  core.schedule_sweep(queue, FinishedClass::dead,
                      sweeps_dead ? std::optional(core.now.wall) : std::nullopt);
}

// Settings bind late: whatever waits in the queue follows the new ones from now on.
void apply_settings(Core& core, Queue& queue, const QueueSettings& settings) {
  const QueueSettings before = queue.settings();
  queue.set_settings(settings);
  core.store_queue(queue);
  const bool keeps_as_before = before.retention == settings.retention &&
                               before.dead_retention == settings.dead_retention &&
                               before.idempotency_window == settings.idempotency_window;
  if (!keeps_as_before) sweep_anew(core, queue);
  if (!settings.paused && core.waiters.any_on(*queue.name())) core.wake_waiters(queue);
}

}  // namespace

Error no_such_queue(std::string_view name) {
  return Error{.code = ErrorCode::queue_not_found,
               .detail = "there is no queue " + std::string(name) +
                         "; a queue is made by its first task or by PUT /queues/" +
                         std::string(name)};
}

void put_queue(Core& core, Ticket ticket, const PutQueue& command) {
  if (core.find_queue(command.name) == nullptr) {
    if (Result<void> room = core.room_for_queues(1); !room)
      return core.reply(ticket, std::move(room).error());
  }
  Queue& queue = core.ensure_queue(command.name);
  apply_settings(core, queue, command.settings);
  show_queue(core, ticket, command.name);
}

void patch_queue(Core& core, Ticket ticket, const PatchQueue& command) {
  Queue* queue = core.find_queue(command.name);
  if (queue == nullptr) return core.reply(ticket, no_such_queue(command.name));
  QueueSettings settings = queue->settings();
  JsonReader json(command.merge_patch);
  Result<void> merged = read_settings(json, SettingsBody::merge_patch, settings);
  if (!merged) return core.reply(ticket, std::move(merged).error());
  apply_settings(core, *queue, settings);
  show_queue(core, ticket, command.name);
}

void pause_queue(Core& core, Ticket ticket, const PauseQueue& command) {
  Queue* queue = core.find_queue(command.name);
  if (queue == nullptr) return core.reply(ticket, no_such_queue(command.name));
  QueueSettings settings = queue->settings();
  settings.paused = command.paused;
  if (settings != queue->settings()) apply_settings(core, *queue, settings);
  show_queue(core, ticket, command.name);
}

}  // namespace quern::engine
