#include "trace/view.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "commands/task_text.h"
#include "quern/protocol/task_state.h"
#include "text.h"
#include "trace/story.h"

namespace quern::cli {
namespace {

// Of siblings of one kind so many are shown one by one; of those that failed, which take more
// lines.
constexpr std::size_t alike_shown = 10;
constexpr std::size_t alike_failed_shown = 3;
// Deeper ones are drawn at this depth with their level as a number, or a long chain of follow-ups
// would run out of every terminal.
constexpr std::size_t depth_max = 8;

// A person has to do something about it, or will soon.
bool needs_its_id(const Task& task) {
  return task.state == TaskState::dead || task.state == TaskState::retrying ||
         task.state == TaskState::running;
}

std::string state_text(const Task& task, const Look& look) {
  std::string text(to_string(task.state));
  if (task.dead_reason != DeadReason::none) text += ": " + std::string(to_string(task.dead_reason));
  return look.paint(colour_of(task.state), text);
}

struct Line {
  std::string text;
  std::string id;    // shown behind the text when there is room: half an id is good for nothing
  std::string rail;  // where there is none, the id gets a line of its own behind this; empty: none
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
  TraceView(const TraceTree& tree, Timestamp start, Timestamp now, std::size_t offset_width,
            bool fold, const Look& look)
      : tree_(tree),
        start_(start),
        now_(now),
        offset_width_(offset_width),
        fold_(fold),
        look_(look) {}

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
  // On top of what is to be drawn, the first one last.
  void add_children(const Task* parent, const std::string& indent, std::size_t depth) {
    // What failed alike is told by the error's type: its message may have a number in it.
    using Kind = std::tuple<std::string_view, std::string_view, TaskState, std::string_view>;
    std::map<Kind, std::pair<std::size_t, std::size_t>> kinds;  // how many; place of the count
    std::vector<Item> added;
    for (const Task* task : tree_.children(parent)) {
      if (fold_ && tree_.children(task).empty()) {
        const bool failed = !task->failures.empty();
        const std::size_t shown = failed ? alike_failed_shown : alike_shown;
        std::string_view error;
        if (failed) error = task->failures.back().error.type;
        auto& [count, place] = kinds[{task->type, task->queue, task->state, error}];
        ++count;
        if (count > shown + 1) {
          added[place].alike = count - shown;
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
                             printable(task.queue) + "  " + state_text(task, look_);
    const bool root = item.depth == 0;
    const std::string branch = root ? "" : item.indent + (item.last ? "└─ " : "├─ ");
    if (item.alike != 0) {
      const std::string error =
          task.failures.empty() ? "" : "  " + printable(task.failures.back().error.type);
      add(task.created_at, {branch + "… " + grouped(item.alike) + " more " + kind + error});
      return;
    }
    std::string below = item.indent;
    if (!root && item.depth < depth_max) below += item.last ? "   " : "│  ";
    const std::string rail = below + (tree_.children(&task).empty() ? "   " : "│  ");
    const bool deep = item.depth > depth_max;
    add(task.created_at, {branch + (deep ? "(level " + grouped(item.depth) + ") " : "") + kind +
                              "  " + times_text(task, now_),
                          printable(task.id), needs_its_id(task) ? rail : ""});
    draw_failures(task, rail);
    add_children(&task, below, item.depth + 1);
  }

  void draw_failures(const Task& task, const std::string& rail) {
    for (const Failure& failure : task.failures) {
      add(failure.at,
          {rail +
           look_.paint(Colour::red, "attempt " + std::to_string(failure.attempt) + " failed: ") +
           error_text(failure.error)});
    }
  }

  void add(Timestamp at, Line line) {
    const std::string offset = offset_text(at, start_);
    const std::size_t blanks = offset_width_ - std::min(offset.size(), offset_width_);
    line.text = std::string(blanks, ' ') + look_.paint(Colour::dim, offset) + "  " + line.text;
    if (!line.rail.empty()) line.rail.insert(0, std::string(offset_width_ + 2, ' '));
    lines_.push_back(std::move(line));
  }

  const TraceTree& tree_;
  Timestamp start_;
  Timestamp now_;
  std::size_t offset_width_;
  bool fold_;
  const Look& look_;
  std::vector<Item> items_;
  std::vector<Line> lines_;
};

std::size_t offset_width(const std::vector<Task>& tasks, Timestamp start) {
  std::size_t width = 0;
  const auto see = [&](Timestamp time) {
    width = std::max(width, offset_text(time, start).size());
  };
  for (const Task& task : tasks) {
    see(task.created_at);
    for (const Failure& failure : task.failures) see(failure.at);
  }
  return width;
}

bool fits(const std::string& line, std::size_t width) {
  return width == 0 || cut(line, width) == line;
}

std::string cut_marked(const std::string& line, std::size_t width) {
  return fits(line, width) ? line : cut(line, width - 1) + "…";
}

}  // namespace

std::vector<std::string> draw_trace(const std::vector<Task>& tasks, const TraceTree& tree,
                                    const TraceViewOptions& options, const Look& look) {
  const Timestamp start = tasks.front().created_at;
  const std::size_t width = options.everything ? 0 : look.width;
  std::vector<Line> lines =
      TraceView(tree, start, options.now, offset_width(tasks, start), width != 0, look).draw();
  bool hidden = lines.size() < tasks.size();

  const std::string head = look.paint(Colour::bold, printable(options.correlation_id)) + "  " +
                           summary_text(tasks, look);
  const std::string span = span_text(tasks, options.now);
  std::vector<std::string> out{head + "; " + span};
  if (!fits(out.front(), width)) out = {cut_marked(head, width), cut_marked(span, width)};
  for (const Line& line : lines) {
    const std::string whole = line.text + (line.id.empty() ? "" : "  " + line.id);
    if (fits(whole, width)) {
      out.push_back(whole);
      continue;
    }
    hidden = true;
    out.push_back(cut_marked(line.text, width));
    if (!line.rail.empty()) out.push_back(cut_marked(line.rail + "id " + line.id, width));
  }
  if (hidden) out.push_back(look.paint(Colour::dim, "--all shows every task, with its id."));
  return out;
}

}  // namespace quern::cli
