#include "after.h"

#include <algorithm>

#include "engine/query.h"
#include "quern/storage/keys.h"
#include "violation.h"

namespace quern::sim {

namespace keys = storage::keys;
using storage::Table;

namespace {

std::optional<TaskId> task_named_by(const storage::Batch::Write& write) {
  switch (write.table) {
    case Table::tasks:
    case Table::status:
    case Table::running:
    case Table::ready:
    case Table::timers:
    case Table::finished:
    case Table::correlation:
    case Table::moved:
      return keys::trailing_id(write.key);
    case Table::blobs:
    case Table::failures:
      return TaskId::from_bytes(std::string_view(write.key).substr(0, 16));
    case Table::keys:
      return write.value ? std::optional(TaskId::from_bytes(*write.value)) : std::nullopt;
    default:
      return std::nullopt;
  }
}

}  // namespace

After::After(const storage::Reader& before, const storage::Batch& batch)
    : before_(before), staged_(before) {
  for (const storage::Batch::Write& write : batch.writes) {
    if (write.value) {
      staged_.put(write.table, write.key, *write.value);
    } else {
      staged_.erase(write.table, write.key);
    }
    if (const std::optional<TaskId> id = task_named_by(write)) touched_.push_back(*id);
  }
  std::sort(touched_.begin(), touched_.end());
  touched_.erase(std::unique(touched_.begin(), touched_.end()), touched_.end());
}

const std::optional<engine::TaskView>& After::task(const TaskId& id) const {
  const auto known = views_.find(id);
  if (known != views_.end()) return known->second;
  Result<std::optional<engine::TaskView>> view = engine::read_task(staged_, id);
  if (!view) violate("task " + id.text() + " cannot be read: " + view.error().detail);
  return views_.emplace(id, std::move(*view)).first->second;
}

bool After::touches(const TaskId& id) const {
  return std::binary_search(touched_.begin(), touched_.end(), id);
}

}  // namespace quern::sim
