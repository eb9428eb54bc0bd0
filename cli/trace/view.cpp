#include "trace/view.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "commands/task_text.h"
#include "confirm.h"
#include "quern/protocol/task_state.h"
#include "text.h"

namespace quern::cli {
namespace {

// Of siblings of one kind so many are shown one by one.
constexpr std::size_t alike_shown = 10;
// Deeper ones are drawn at this depth with their level as a number, or a long chain of follow-ups
// would run out of every terminal.
constexpr std::size_t depth_max = 8;

// "+1.204s" since the operation began.
std::string offset_text(Timestamp time, Timestamp start) {
  const std::int64_t ms = std::max<std::int64_t>((time - start).count(), 0);
  const std::string fraction = std::to_string(1'000 + ms % 1'000).substr(1);
  return "+" + grouped(static_cast<std::uint64_t>(ms / 1'000)) + "." + fraction + "s";
}

// "4 tasks: 1 dead, 3 succeeded"
std::string summary(const std::vector<Task>& tasks, const Look& look) {
  std::map<TaskState, std::size_t> counts;
  for (const Task& task : tasks) ++counts[task.state];
  std::string text = tasks_text(tasks.size());
  char separator = ':';
  for (const TaskState state : task_states) {
    const auto found = counts.find(state);
    if (found == counts.end()) continue;
    text +=
        std::string(1, separator) + ' ' +
        look.paint(colour_of(state), grouped(found->second) + ' ' + std::string(to_string(state)));
    separator = ',';
  }
  return text;
}

std::string times(const Task& task) {
  std::string text;
  if (task.started_at) text = "waited " + duration_text(*task.started_at - task.created_at);
  if (task.started_at && task.finished_at) {
    text += ", took " + duration_text(*task.finished_at - *task.started_at);
  }
  if (task.attempts > 1) text += ", " + std::to_string(task.attempts) + " attempts";
  return text.empty() ? "not started" : text;
}

struct Line {
  std::string text;
  std::string id;  // shown behind the text when there is room: half an id is good for nothing
};

// What is still to be drawn: a task, or the count of those like it.
struct Item {
  const Task* task = nullptr;
  std::size_t alike = 0;  // 0: the task itself; else so many like it, it being the last
  std::string indent;     // of the task's own line, without its branch
  std::size_t depth = 0;
  bool last = false;  // of its siblings
};

class TraceView {
 public:
  TraceView(const TraceTree& tree, Timestamp start, std::size_t offset_width, bool fold,
            const Look& look)
      : tree_(tree), start_(start), offset_width_(offset_width), fold_(fold), look_(look) {}

  // A list of what is to be done instead of recursion: a chain may be as long as it likes.
  std::vector<Line> draw() {
    add_children(nullptr, "", 0);
    while (!items_.empty()) {
      const Item item = std::move(items_.back());
      items_.pop_back();
      draw_item(item);
    }
    return std::move(lines_);
  }

 private:
  bool plain(const Task& task) const {
    return task.failures.empty() && tree_.children(&task).empty();
  }

  // On top of what is to be drawn, the first one last.
  void add_children(const Task* parent, const std::string& indent, std::size_t depth) {
    using Kind = std::tuple<std::string_view, std::string_view, TaskState>;
    std::map<Kind, std::pair<std::size_t, std::size_t>> kinds;  // how many; place of the count
    std::vector<Item> added;
    for (const Task* task : tree_.children(parent)) {
      if (fold_ && plain(*task)) {
        auto& [count, place] = kinds[{task->type, task->queue, task->state}];
        ++count;
        if (count > alike_shown + 1) {
          added[place].alike = count - alike_shown;
          added[place].task = task;
          continue;
        }
        place = added.size();
      }
      added.push_back({.task = task, .indent = indent, .depth = depth});
    }
    if (added.empty()) return;
    added.back().last = true;
    items_.insert(items_.end(), std::make_move_iterator(added.rbegin()),
                  std::make_move_iterator(added.rend()));
  }

  void draw_item(const Item& item) {
    const Task& task = *item.task;
    const std::string kind = look_.paint(Colour::bold, printable(task.type)) + " in " +
                             printable(task.queue) + "  " +
                             look_.paint(colour_of(task.state), std::string(to_string(task.state)));
    const bool root = item.depth == 0;
    const std::string branch = root ? "" : item.indent + (item.last ? "└─ " : "├─ ");
    if (item.alike != 0) {
      add(task.created_at, branch + "… " + grouped(item.alike) + " more " + kind);
      return;
    }
    const bool deep = item.depth > depth_max;
    add(task.created_at,
        branch + (deep ? "(level " + grouped(item.depth) + ") " : "") + kind + "  " + times(task),
        printable(task.id));
    std::string below = item.indent;
    if (!root && item.depth < depth_max) below += item.last ? "   " : "│  ";
    draw_failures(task, below + (tree_.children(&task).empty() ? "   " : "│  "));
    add_children(&task, below, item.depth + 1);
  }

  void draw_failures(const Task& task, const std::string& rail) {
    for (const Failure& failure : task.failures) {
      add(failure.at,
          rail +
              look_.paint(Colour::red, "attempt " + std::to_string(failure.attempt) + " failed: ") +
              shortened(error_text(failure.error), 100));
    }
  }

  void add(Timestamp at, const std::string& text, const std::string& id = {}) {
    const std::string offset = offset_text(at, start_);
    const std::size_t blanks = offset_width_ - std::min(offset.size(), offset_width_);
    lines_.push_back(
        {std::string(blanks, ' ') + look_.paint(Colour::dim, offset) + "  " + text, id});
  }

  const TraceTree& tree_;
  Timestamp start_;
  std::size_t offset_width_;
  bool fold_;
  const Look& look_;
  std::vector<Item> items_;
  std::vector<Line> lines_;
};

// Of all times that are shown, the widest is the last.
std::size_t offset_width(const std::vector<Task>& tasks, Timestamp start) {
  Timestamp last = start;
  for (const Task& task : tasks) {
    last = std::max(last, task.created_at);
    for (const Failure& failure : task.failures) last = std::max(last, failure.at);
  }
  return offset_text(last, start).size();
}

}  // namespace

std::vector<std::string> draw_trace(const std::vector<Task>& tasks, const TraceTree& tree,
                                    const TraceViewOptions& options, const Look& look) {
  const Timestamp start = tasks.front().created_at;
  const bool fit = look.width != 0 && !options.everything;
  std::vector<Line> lines = TraceView(tree, start, offset_width(tasks, start), fit, look).draw();
  bool hidden = lines.size() < tasks.size();
  std::vector<std::string> out{look.paint(Colour::bold, printable(options.correlation_id)) + "  " +
                               summary(tasks, look) + "; begun " +
                               relative_text(start, options.now) + " (" + to_rfc3339(start) + ")"};
  for (Line& line : lines) {
    const std::string whole = line.text + (line.id.empty() ? "" : "  " + line.id);
    const bool fits = !fit || cut(whole, look.width) == whole;
    out.push_back(fits ? whole : cut(line.text, look.width));
    hidden = hidden || !fits;
  }
  if (hidden) out.push_back(look.paint(Colour::dim, "--all shows every task, with its id."));
  return out;
}

}  // namespace quern::cli
