// What the store will hold once the group in hand is committed, and how far its batch reaches.
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "engine/task_view.h"
#include "quern/storage/staged.h"
#include "quern/storage/store.h"

namespace quern::sim {

class After {
 public:
  After(const storage::Reader& before, const storage::Batch& batch);

  const storage::Reader& before() const { return before_; }
  const storage::Reader& store() const { return staged_; }
  // The task as GET would show it; nullopt: there is none.
  const std::optional<engine::TaskView>& task(const TaskId& id) const;
  // Every task of which the batch writes anything, once each, in order.
  const std::vector<TaskId>& touched() const { return touched_; }
  bool touches(const TaskId& id) const;

 private:
  const storage::Reader& before_;
  storage::Staged staged_;
  std::vector<TaskId> touched_;
  mutable std::map<TaskId, std::optional<engine::TaskView>> views_;
};

}  // namespace quern::sim
