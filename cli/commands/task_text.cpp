#include "commands/task_text.h"

#include <algorithm>
#include <ostream>

#include "text.h"

namespace quern::cli {
namespace {

void print_line(std::ostream& out, std::string_view name, const std::string& value) {
  constexpr std::size_t width = 16;
  out << name << std::string(width - name.size(), ' ') << value << '\n';
}

void print_time(std::ostream& out, std::string_view name, std::optional<Timestamp> time) {
  if (!time) return;
  print_line(out, name, relative_text(*time, wall_clock_now()) + "  (" + to_rfc3339(*time) + ")");
}

void print_unless_empty(std::ostream& out, std::string_view name, const std::string& value) {
  if (!value.empty()) print_line(out, name, printable(value));
}

std::string state_text(const Task& task) {
  std::string text(to_string(task.state));
  if (task.dead_reason != DeadReason::none) text += ": " + std::string(to_string(task.dead_reason));
  if (task.lease) {
    text += ", leased by " + printable(task.lease->worker_id) + ", lease ends " +
            relative_text(task.lease->expires_at, wall_clock_now());
  }
  return text;
}

void print_failures(std::ostream& out, const std::vector<Failure>& failures, const Look& look) {
  Table table({{.title = "ATTEMPT", .align = Table::Align::right},
               {.title = "FAILED", .rank = 2},
               {.title = "WORKER", .rank = 3, .width_min = 8},
               {.title = "ERROR", .rank = 1, .width_min = 16}});
  for (const Failure& failure : failures) {
    table.add({std::to_string(failure.attempt), relative_text(failure.at, wall_clock_now()),
               printable(failure.worker_id), error_text(failure.error)});
  }
  out << '\n';
  table.print(out, look);
}

}  // namespace

std::string attempts_text(const Task& task) {
  return std::to_string(task.attempts) + " of " + std::to_string(task.max_attempts);
}

std::string error_text(const TaskError& error) {
  return printable(error.type) + ": " + printable(error.message);
}

void print_task(std::ostream& out, const Task& task, const Look& look) {
  print_line(out, "id", printable(task.id));
  print_line(out, "queue", printable(task.queue));
  print_line(out, "type", printable(task.type));
  print_line(out, "state", look.paint(colour_of(task.state), state_text(task)));
  print_line(out, "attempts", attempts_text(task));
  print_line(out, "priority", std::to_string(task.priority));
  print_time(out, "created", task.created_at);
  if (task.state == TaskState::scheduled || task.state == TaskState::retrying) {
    print_time(out, "runs", task.run_at);
  }
  print_time(out, "started", task.started_at);
  print_time(out, "finished", task.finished_at);
  print_time(out, "expires", task.expires_at);
  print_unless_empty(out, "correlation id", task.correlation_id);
  print_unless_empty(out, "idempotency key", task.idempotency_key);
  for (const auto& [name, value] : task.metadata) {
    print_line(out, "metadata", printable(name) + "=" + printable(value));
  }
  if (task.redrives != 0) print_line(out, "redrives", std::to_string(task.redrives));
  print_unless_empty(out, "progress", task.progress);
  print_unless_empty(out, "payload", task.payload);
  print_unless_empty(out, "result", task.result);
  if (task.last_error) {  // whole, while the table below has to be as narrow as the terminal
    print_line(out, "last error", error_text(*task.last_error));
    print_unless_empty(out, "error details", task.last_error->details);
  }
  if (!task.failures.empty()) print_failures(out, task.failures, look);
}

Table tasks_table(bool one_queue) {
  return Table({{.title = "ID"},
                {.title = "QUEUE", .rank = one_queue ? 7U : 3U, .width_min = 8},
                {.title = "TYPE", .rank = 2, .width_min = 12},
                {.title = "STATE", .rank = 1, .width_narrow = 3},
                {.title = "ATTEMPTS", .rank = 6},
                {.title = "CREATED", .rank = 4},
                {.title = "LAST ERROR", .rank = 5, .width_min = 24}});
}

void add_task_row(Table& table, const Task& task) {
  table.add({printable(task.id),
             printable(task.queue),
             printable(task.type),
             {std::string(to_string(task.state)), colour_of(task.state)},
             attempts_text(task),
             relative_text(task.created_at, wall_clock_now()),
             task.last_error ? error_text(*task.last_error) : ""});
}

}  // namespace quern::cli
