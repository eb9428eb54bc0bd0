// The history of one business operation, as a tree over time.
#include <CLI/App.hpp>
#include <iostream>
#include <map>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/task_text.h"
#include "confirm.h"
#include "quern/protocol/task_id.h"
#include "text.h"

namespace quern::cli {
namespace {

constexpr std::size_t id_size = 36;

std::vector<Task> tasks_of(Session& session, const std::string& correlation_id) {
  std::vector<Task> tasks;
  TaskQuery query{.correlation_id = correlation_id, .page = {.limit = 1'000}};
  do {
    auto page = session.ask([&](Client& client) { return client.list(query); });
    for (Task& task : page.items) tasks.push_back(std::move(task));
    query.page.cursor = page.next_cursor;
  } while (!query.page.cursor.empty());
  std::stable_sort(tasks.begin(), tasks.end(), [](const Task& one, const Task& other) {
    return one.created_at < other.created_at;
  });
  return tasks;
}

// Who submitted whom: a worker makes the key of a follow-up from the id of the task that it ran.
class Tree {
 public:
  explicit Tree(const std::vector<Task>& tasks) {
    std::map<std::string, const Task*> by_id;
    for (const Task& task : tasks) by_id[task.id] = &task;
    for (const Task& task : tasks) {
      const std::string& key = task.idempotency_key;
      const bool derived = key.size() > id_size && key[id_size] == ':';
      const auto parent = derived ? by_id.find(key.substr(0, id_size)) : by_id.end();
      // Nobody is submitted before the one who submits: a forged key makes no circle.
      const bool older = parent != by_id.end() && parent->second->id < task.id;
      if (older) parent_[&task] = parent->second;
      children_[older ? parent->second : nullptr].push_back(&task);
    }
  }
  const std::vector<const Task*>& children(const Task* task) const {
    static const std::vector<const Task*> none;
    const auto found = children_.find(task);
    return found == children_.end() ? none : found->second;
  }
  const Task* parent(const Task* task) const {
    const auto found = parent_.find(task);
    return found == parent_.end() ? nullptr : found->second;
  }

 private:
  std::map<const Task*, std::vector<const Task*>> children_;
  std::map<const Task*, const Task*> parent_;
};

// "+1.204s" since the operation began.
std::string offset_text(Timestamp time, Timestamp start) {
  const std::int64_t ms = std::max<std::int64_t>((time - start).count(), 0);
  const std::string fraction = std::to_string(1'000 + ms % 1'000).substr(1);
  const std::string text =
      "+" + grouped(static_cast<std::uint64_t>(ms / 1'000)) + "." + fraction + "s";
  return std::string(text.size() < 12 ? 12 - text.size() : 0, ' ') + text + "  ";
}

class TraceView {
 public:
  TraceView(const Tree& tree, Timestamp start, const Look& look)
      : tree_(tree), start_(start), look_(look) {}

  void print(const Task& task, const std::string& indent, bool last, bool root) const {
    const std::string branch = root ? "" : indent + (last ? "└─ " : "├─ ");
    const std::string below = root ? "" : indent + (last ? "   " : "│  ");
    line(task.created_at,
         branch + look_.paint(Colour::bold, printable(task.type)) + " in " + printable(task.queue) +
             "  " + look_.paint(colour_of(task.state), std::string(to_string(task.state))) + "  " +
             times(task) + "  " + printable(task.id));
    const auto& children = tree_.children(&task);
    const std::string rail = below + (children.empty() ? "   " : "│  ");
    for (const Failure& failure : task.failures) {
      line(failure.at, rail +
                           look_.paint(Colour::red,
                                       "attempt " + std::to_string(failure.attempt) + " failed: ") +
                           shortened(error_text(failure.error), 100));
    }
    for (std::size_t i = 0; i < children.size(); ++i) {
      print(*children[i], below, i + 1 == children.size(), false);
    }
  }

 private:
  void line(Timestamp at, const std::string& text) const {
    std::cout << look_.paint(Colour::dim, offset_text(at, start_)) << text << '\n';
  }

  static std::string times(const Task& task) {
    std::string text;
    if (task.started_at) text = "waited " + duration_text(*task.started_at - task.created_at);
    if (task.started_at && task.finished_at) {
      text += ", took " + duration_text(*task.finished_at - *task.started_at);
    }
    if (task.attempts > 1) text += ", " + std::to_string(task.attempts) + " attempts";
    return text.empty() ? "not started" : text;
  }

  const Tree& tree_;
  Timestamp start_;
  const Look& look_;
};

void print_trace(const std::string& correlation_id, const std::vector<Task>& tasks,
                 const Tree& tree, const Look& look) {
  const Timestamp start = tasks.front().created_at;
  std::cout << look.paint(Colour::bold, printable(correlation_id)) << "  "
            << tasks_text(tasks.size()) << ", begun " << relative_text(start, wall_clock_now())
            << " (" << to_rfc3339(start) << ")\n";
  const TraceView view(tree, start, look);
  for (const Task* root : tree.children(nullptr)) view.print(*root, "", true, true);
}

ExitCode trace(Session& session, std::string correlation_id) {
  std::vector<Task> tasks = tasks_of(session, correlation_id);
  if (tasks.empty() && TaskId::parse(correlation_id)) {  // one task of the operation
    correlation_id =
        session.ask([&](Client& client) { return client.get(correlation_id); }).correlation_id;
    tasks = tasks_of(session, correlation_id);
  }
  if (tasks.empty()) {
    std::cerr << "qctl: no task has the correlation id " << printable(correlation_id) << '\n';
    return exit_not_found;
  }
  const Tree tree(tasks);
  if (!session.json) {
    print_trace(correlation_id, tasks, tree, session.look());
    return exit_ok;
  }
  for (const Task& task : tasks) {
    std::string json = one_line(to_json(task));
    if (const Task* parent = tree.parent(&task)) {
      json.insert(json.size() - 1, ",\"parent_id\":\"" + parent->id + "\"");
    }
    std::cout << json << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_trace(CLI::App& app, Session& session) {
  auto id = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "trace", "Show the history of one business operation, over all queues, as a tree over time");
  command->add_option("correlation-id", *id, "Correlation id, or the id of one of its tasks")
      ->required();
  add_examples(*command, "  qctl trace order-4711\n");
  command->callback(
      [&session, id] { session.action = [&session, id] { return trace(session, *id); }; });
}

}  // namespace quern::cli
