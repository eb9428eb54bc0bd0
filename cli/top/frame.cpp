#include "top/frame.h"

#include <algorithm>
#include <sstream>

#include "table.h"
#include "text.h"

namespace quern::cli {
namespace {

// Title, trouble, the table's head, keys.
constexpr std::size_t lines_around = 4;

void sort_rows(std::vector<QueueRow>& rows, char by) {
  const auto key = [by](const QueueRow& row) -> std::uint64_t {
    if (by == 'r') return row.queue.counts.ready;
    if (by == 'u') return row.queue.counts.running;
    if (by == 'd') return row.queue.counts.dead;
    if (by == 'o') {
      return static_cast<std::uint64_t>(row.queue.oldest_ready_age.value_or(Duration{0}).count());
    }
    return 0;  // by name, as they came
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const QueueRow& one, const QueueRow& other) {
    return key(one) > key(other);
  });
}

std::string rate_text(double rate) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(rate < 10 && rate > 0 ? 1 : 0);
  text << rate;
  return text.str();
}

std::vector<std::string> table_lines(const std::vector<QueueRow>& rows, const Look& look) {
  constexpr auto right = Table::Align::right;
  Table table({{"QUEUE"},
               {"READY", right},
               {"OLDEST", right},
               {"RUNNING", right},
               {"RETRYING", right},
               {"SCHEDULED", right},
               {"DEAD", right},
               {"IN/s", right},
               {"OUT/s", right},
               {""}});
  for (const QueueRow& row : rows) {
    const QueueCounts& counts = row.queue.counts;
    table.add({shortened(row.queue.name, 32),
               grouped(counts.ready),
               row.queue.oldest_ready_age ? duration_text(*row.queue.oldest_ready_age) : "-",
               {grouped(counts.running), counts.running != 0 ? Colour::cyan : Colour::plain},
               grouped(counts.retrying),
               grouped(counts.scheduled),
               {grouped(counts.dead), counts.dead != 0 ? Colour::red : Colour::plain},
               rate_text(row.submitted_per_second),
               rate_text(row.finished_per_second),
               {row.queue.settings.paused ? "paused" : "", Colour::yellow}});
  }
  std::ostringstream out;
  table.print(out, {.coloured = look.coloured});
  std::vector<std::string> lines;
  std::istringstream in(out.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string title(const std::vector<QueueRow>& rows, const std::string& server, const Look& look) {
  QueueCounts sum;
  for (const QueueRow& row : rows) {
    sum.ready += row.queue.counts.ready;
    sum.running += row.queue.counts.running;
    sum.dead += row.queue.counts.dead;
  }
  return look.paint(Colour::bold, "Quern") + "  " + printable(server) + "  " +
         grouped(rows.size()) + (rows.size() == 1 ? " queue" : " queues") + "  " +
         grouped(sum.ready) + " ready, " + grouped(sum.running) + " running, " +
         look.paint(sum.dead != 0 ? Colour::red : Colour::plain, grouped(sum.dead) + " dead");
}

std::string keys(char sort, const Look& look) {
  constexpr std::string_view names[] = {"n name", "r ready", "u running", "d dead", "o oldest"};
  std::string text = "q quit  ↑↓ scroll  sort:";
  for (const std::string_view name : names) {
    // The one that is in force is told by more than a colour.
    text += name.front() == sort ? " [" + std::string(name) + "]" : "  " + std::string(name) + " ";
  }
  return look.paint(Colour::dim, text);
}

}  // namespace

std::size_t rows_visible(std::size_t screen_rows) {
  return screen_rows > lines_around ? screen_rows - lines_around : 0;
}

std::vector<std::string> draw_frame(const Snapshot& seen, View& view, const std::string& server,
                                    const Look& look, TerminalSize size) {
  std::vector<QueueRow> rows = seen.rows;
  sort_rows(rows, view.sort);
  std::vector<std::string> lines{title(rows, server, look)};
  if (!seen.trouble.empty()) {
    lines.push_back(look.paint(Colour::red, "No answer, trying again: " + printable(seen.trouble)));
  } else {
    lines.push_back(seen.any ? "" : "Waiting for the server");
  }
  std::vector<std::string> table = table_lines(rows, look);
  lines.push_back(table.front());
  // What is hidden is said in the place of one more row.
  std::size_t visible = rows_visible(size.rows);
  const bool hidden = rows.size() > visible;
  if (hidden && visible != 0) --visible;
  view.first = hidden ? std::min(view.first, rows.size() - visible) : 0;
  const std::size_t end = std::min(view.first + visible, rows.size());
  for (std::size_t i = view.first; i < end; ++i) lines.push_back(std::move(table[i + 1]));
  if (hidden) {
    std::string text = "… " + grouped(rows.size() - end) + " more";
    if (view.first != 0) text += ", " + grouped(view.first) + " above";
    lines.push_back(look.paint(Colour::dim, text));
  }
  if (lines.size() >= size.rows) lines.resize(size.rows - 1);  // the last row is for the keys
  lines.push_back(keys(view.sort, look));
  for (std::string& line : lines) line = cut(line, size.columns);
  return lines;
}

}  // namespace quern::cli
