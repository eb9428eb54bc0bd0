#include "commands/queue_text.h"

#include <ostream>
#include <sstream>

#include "table.h"
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
  print_queues(out, {queue}, look);
}

void print_queues(std::ostream& out, const std::vector<Queue>& queues, const Look& look) {
  constexpr auto right = Table::Align::right;
  Table table({{"QUEUE"},
               {"READY", right},
               {"RUNNING", right},
               {"SCHEDULED", right},
               {"RETRYING", right},
               {"DEAD", right},
               {"SUCCEEDED", right},
               {"CANCELLED", right},
               {"OLDEST READY", right},
               {""}});
  for (const Queue& queue : queues) {
    const QueueCounts& counts = queue.counts;
    table.add({shortened(queue.name, 40), std::to_string(counts.ready),
               std::to_string(counts.running), std::to_string(counts.scheduled),
               std::to_string(counts.retrying), std::to_string(counts.dead),
               std::to_string(counts.succeeded), std::to_string(counts.cancelled),
               queue.oldest_ready_age ? duration_text(*queue.oldest_ready_age) : "-",
               Table::Cell(queue.settings.paused ? "paused" : "", Colour::yellow)});
  }
  table.print(out, look);
}

}  // namespace quern::cli
