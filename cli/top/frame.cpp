#include "top/frame.h"

#include <algorithm>
#include <sstream>

#include "table.h"
#include "text.h"

namespace quern::cli {
namespace {

// Title, totals or trouble, the table's head, keys.
constexpr std::size_t lines_around = 4;

// 0: has work, 1: nothing but what a person has to look at, 2: nothing at all.
int idleness(const QueueCounts& counts) {
  if (counts.unfinished() != 0) return 0;
  return counts.dead != 0 ? 1 : 2;
}

// What is equal stays in the order of names, and what has nothing to do comes behind it. An age
// counts in whole seconds: in queues that are kept up with it changes at every look, and rows that
// jump cannot be read.
void sort_rows(std::vector<QueueRow>& rows, char by) {
  if (by == 'n') return;  // as they came
  const auto key = [by](const QueueRow& row) -> std::uint64_t {
    const QueueCounts& counts = row.queue.counts;
    if (by == 'r') return counts.ready;
    if (by == 'u') return counts.running;
    if (by == 'd') return counts.dead;
    return static_cast<std::uint64_t>(row.queue.oldest_ready_age.value_or(Duration{0}).count()) /
           1'000;
  };
  std::stable_sort(rows.begin(), rows.end(), [&](const QueueRow& one, const QueueRow& other) {
    if (key(one) != key(other)) return key(one) > key(other);
    return idleness(one.queue.counts) < idleness(other.queue.counts);
  });
}

std::string fixed(double number, int digits) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(digits);
  text << number;
  return text.str();
}

// Three digits of what is too long for a column: "1.23M".
std::string scaled(double number, double unit, char letter) {
  const double units = number / unit;
  return fixed(units, units < 10 ? 2 : units < 100 ? 1 : 0) + letter;
}

std::string count_text(std::uint64_t count) {
  if (count < 1'000'000) return grouped(count);
  const auto number = static_cast<double>(count);
  return count < 1'000'000'000 ? scaled(number, 1e6, 'M') : scaled(number, 1e9, 'G');
}

std::string rate_text(double rate) {
  if (rate >= 10'000) return scaled(rate, 1e3, 'k');
  return fixed(rate, rate < 10 && rate > 0 ? 1 : 0);
}

Table::Cell count_cell(std::uint64_t count, Colour colour) {
  return {count_text(count), count != 0 ? colour : Colour::plain};
}

std::vector<std::string> table_lines(const std::vector<QueueRow>& rows, const Look& look,
                                     std::size_t width) {
  constexpr auto right = Table::Align::right;
  Table table({{.title = "QUEUE", .width_min = 20, .width_narrow = 10},
               {.title = "READY", .align = right, .rank = 1},
               {.title = "OLDEST", .align = right, .rank = 5},
               {.title = "RUNNING", .align = right, .rank = 4},
               {.title = "RETRY", .align = right, .rank = 8},
               {.title = "SCHED", .align = right, .rank = 9},
               {.title = "DEAD", .align = right, .rank = 2},
               {.title = "IN/s", .align = right, .rank = 7},
               {.title = "OUT/s", .align = right, .rank = 6},
               {.title = "", .rank = 3}});
  for (const QueueRow& row : rows) {
    const QueueCounts& counts = row.queue.counts;
    const auto& oldest = row.queue.oldest_ready_age;
    table.add({printable(row.queue.name),
               count_text(counts.ready),
               oldest ? duration_text(*oldest) : "-",
               count_cell(counts.running, Colour::cyan),
               count_cell(counts.retrying, Colour::yellow),
               count_text(counts.scheduled),
               count_cell(counts.dead, Colour::red),
               rate_text(row.submitted_per_second),
               rate_text(row.finished_per_second),
               {row.queue.settings.paused ? "paused" : "", Colour::yellow}});
  }
  std::ostringstream out;
  table.print(out, {.coloured = look.coloured, .width = width});
  std::vector<std::string> lines;
  std::istringstream in(out.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::string title(const std::vector<QueueRow>& rows, const std::string& server, const Look& look) {
  const auto paused = std::count_if(rows.begin(), rows.end(),
                                    [](const QueueRow& row) { return row.queue.settings.paused; });
  std::string text = look.paint(Colour::bold, "Quern") + "  " + grouped(rows.size()) +
                     (rows.size() == 1 ? " queue" : " queues");
  if (paused != 0) {
    text += ", " + look.paint(Colour::yellow, std::to_string(paused) + " paused");
  }
  return text + "  " + printable(server);
}

std::string totals(const std::vector<QueueRow>& rows, const Look& look) {
  QueueCounts sum;
  double submitted = 0;
  double finished = 0;
  for (const QueueRow& row : rows) {
    sum.ready += row.queue.counts.ready;
    sum.running += row.queue.counts.running;
    sum.dead += row.queue.counts.dead;
    submitted += row.submitted_per_second;
    finished += row.finished_per_second;
  }
  const auto part = [&](std::uint64_t count, const char* name, Colour colour) {
    return look.paint(count != 0 ? colour : Colour::plain, grouped(count) + " " + name);
  };
  return part(sum.ready, "ready", Colour::plain) + "  " +
         part(sum.running, "running", Colour::cyan) + "  " + part(sum.dead, "dead", Colour::red) +
         "  in " + rate_text(submitted) + "/s  out " + rate_text(finished) + "/s";
}

std::string second_line(const Snapshot& seen, const Look& look) {
  if (!seen.trouble.empty()) {
    const std::string since = seen.any ? " for " + duration_text(seen.age) : "";
    return look.paint(Colour::red, (seen.refused ? "Refused" : "No answer") + since +
                                       ", trying again: " + printable(seen.trouble));
  }
  if (!seen.any) return "Waiting for the server";
  if (seen.rows.empty()) return "No queues yet: the first task makes one.";
  return totals(seen.rows, look);
}

// The order that is in force is told by more than a colour.
std::string keys(char sort, std::size_t width, const Look& look) {
  constexpr std::string_view names[] = {"o oldest", "n name", "r ready", "u running", "d dead"};
  std::string full = "q quit  ↑↓ scroll  sort:";
  std::string brief = "q quit  sort";
  for (const std::string_view name : names) {
    const bool chosen = name.front() == sort;
    full += chosen ? " [" + std::string(name) + "]" : "  " + std::string(name) + " ";
    brief += chosen ? " [" + std::string(1, sort) + "]" : " " + std::string(1, name.front());
  }
  return look.paint(Colour::dim, columns(full) <= width ? full : brief);
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
  lines.push_back(second_line(seen, look));
  std::vector<std::string> table = table_lines(rows, look, size.columns);
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
  lines.push_back(keys(view.sort, size.columns, look));
  for (std::string& line : lines) line = cut(line, size.columns);
  return lines;
}

}  // namespace quern::cli
