#include "commands/queue_text.h"

#include <ostream>
#include <sstream>

#include "text.h"

namespace quern::cli {
namespace {

std::string duration_or_none(std::optional<Duration> duration) {
  return duration ? exact_text(*duration) : "none";
}

std::string number_text(double number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

std::string retry_text(const RetryPolicy& retry) {
  std::string text = std::string(to_string(retry.strategy)) + " from " + exact_text(retry.base);
  if (retry.strategy == RetryStrategy::exponential) {
    text += ", times " + number_text(retry.factor);
  }
  return text + ", at most " + exact_text(retry.max) + (retry.jitter ? ", with jitter" : "");
}

}  // namespace

void print_queue(std::ostream& out, const Queue& queue, const Look& look) {
  const QueueSettings& settings = queue.settings;
  Table table({{"QUEUE"}, {printable(queue.name)}});
  table.add({"paused", settings.paused ? "yes" : "no"});
  table.add({"max attempts", std::to_string(settings.max_attempts)});
  table.add({"retry", retry_text(settings.retry)});
  table.add({"lease", exact_text(settings.lease)});
  table.add({"timeout", duration_or_none(settings.timeout)});
  table.add({"ttl", duration_or_none(settings.ttl)});
  table.add({"retention", exact_text(settings.retention)});
  table.add({"dead retention", duration_or_none(settings.dead_retention)});
  table.add({"idempotency window", exact_text(settings.idempotency_window)});
  table.add({"max backlog",
             settings.max_backlog ? std::to_string(*settings.max_backlog) : std::string("none")});
  table.print(out, look);
  out << '\n';
  Table counts = queues_table();
  add_queue_row(counts, queue);
  counts.print(out, look);
}

Table queues_table() {
  constexpr auto right = Table::Align::right;
  return Table({{.title = "QUEUE", .width_min = 32, .width_narrow = 16},
                {.title = "READY", .align = right, .rank = 1},
                {.title = "RUNNING", .align = right, .rank = 4},
                {.title = "SCHEDULED", .align = right, .rank = 7},
                {.title = "RETRYING", .align = right, .rank = 6},
                {.title = "DEAD", .align = right, .rank = 2},
                {.title = "SUCCEEDED", .align = right, .rank = 8},
                {.title = "CANCELLED", .align = right, .rank = 9},
                {.title = "OLDEST", .align = right, .rank = 5},
                {.title = "", .rank = 3}});
}

void add_queue_row(Table& table, const Queue& queue) {
  const QueueCounts& counts = queue.counts;
  table.add({printable(queue.name),
             grouped(counts.ready),
             {grouped(counts.running), counts.running != 0 ? Colour::cyan : Colour::plain},
             grouped(counts.scheduled),
             {grouped(counts.retrying), counts.retrying != 0 ? Colour::yellow : Colour::plain},
             {grouped(counts.dead), counts.dead != 0 ? Colour::red : Colour::plain},
             grouped(counts.succeeded),
             grouped(counts.cancelled),
             queue.oldest_ready_age ? duration_text(*queue.oldest_ready_age) : "-",
             {queue.settings.paused ? "paused" : "", Colour::yellow}});
}

}  // namespace quern::cli
