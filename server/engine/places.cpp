#include "engine/places.h"

#include "engine/task_record.h"

namespace quern::engine {

Places places_of(const TaskId& id, const record::TaskBody& body, const record::TaskStatus& status,
                 bool as_submitted) {
  Places places{.queue = status.queue(), .priority = body.priority()};
  places.moved = status.queue() != id.queue();
  if (status.forget_at() != 0) places.forget_at = Timestamp{status.forget_at()};

  const TaskState state = state_of(status);
  switch (state) {
    case TaskState::blocked:
      break;
    case TaskState::scheduled:
    case TaskState::retrying:
      places.start_at = Timestamp{status.run_at()};
      break;
    case TaskState::ready:
      places.fresh = as_submitted;
      if (!as_submitted) places.ready_at = Timestamp{status.ready_at()};
      break;
    case TaskState::running:
      places.running = true;
      break;
    case TaskState::dead:
      places.finished = {storage::keys::FinishedClass::dead, Timestamp{status.finished_at()}};
      break;
    case TaskState::succeeded:
    case TaskState::cancelled:
      places.finished = {storage::keys::FinishedClass::done, Timestamp{status.finished_at()}};
      break;
  }

  // Expiry concerns the first start only.
  const bool waits =
      state == TaskState::scheduled || state == TaskState::ready || state == TaskState::blocked;
  if (waits && body.expires_at() != 0 && status.started_at() == 0 && !status.expiry_cleared()) {
    places.expire_at = Timestamp{body.expires_at()};
  }
  return places;
}

}  // namespace quern::engine
