#include "trace/tree.h"

#include <string>
#include <string_view>
#include <unordered_map>

namespace quern::cli {
namespace {

constexpr std::size_t id_size = 36;

}  // namespace

// A worker makes the idempotency key of a follow-up from the id of the task that it ran.
TraceTree::TraceTree(const std::vector<Task>& tasks) {
  std::unordered_map<std::string_view, const Task*> by_id;
  for (const Task& task : tasks) by_id[task.id] = &task;
  for (const Task& task : tasks) {
    const std::string_view key = task.idempotency_key;
    const bool derived = key.size() > id_size && key[id_size] == ':';
    const auto found = derived ? by_id.find(key.substr(0, id_size)) : by_id.end();
    // Nobody is submitted before the one who submits: a forged key makes no circle.
    const bool older = found != by_id.end() && found->second->id < task.id;
    if (older) parent_[&task] = found->second;
    children_[older ? found->second : nullptr].push_back(&task);
  }
}

const std::vector<const Task*>& TraceTree::children(const Task* task) const {
  static const std::vector<const Task*> none;
  const auto found = children_.find(task);
  return found == children_.end() ? none : found->second;
}

const Task* TraceTree::parent(const Task* task) const {
  const auto found = parent_.find(task);
  return found == parent_.end() ? nullptr : found->second;
}

}  // namespace quern::cli
