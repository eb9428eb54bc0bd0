#include "report.h"

#include <fmt/format.h>

#include <algorithm>

#include "steps.h"

namespace pipeline {
namespace {

// Calls `visit(task)` for every task of a queue.
template <typename Visit>
void for_each_task(quern::Client& client, const std::string& queue, const Visit& visit) {
  quern::TaskQuery query{.queue = queue, .page = {.limit = 1000}};
  do {
    quern::Page<quern::Task> page = client.list(query);
    for (quern::Task& task : page.items) visit(std::move(task));
    query.page.cursor = page.next_cursor;
  } while (!query.page.cursor.empty());
}

std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

}  // namespace

Outcome ask_outcome(quern::Client& client) {
  Outcome outcome;
  for (const char* queue : {parse_queue, chunk_queue, index_queue}) {
    for_each_task(client, queue, [&](quern::Task task) {
      ++outcome.tasks;
      outcome.retries += task.attempts - std::min(task.attempts, 1u);
      if (task.state == quern::TaskState::dead) {
        outcome.dead.emplace(task.correlation_id, std::move(task));
      }
    });
  }
  return outcome;
}

std::vector<std::string> find_lost(const std::vector<Document>& documents, const Outcome& outcome,
                                   const std::map<std::size_t, std::size_t>& chunks_by_document) {
  std::vector<std::string> lost;
  for (const Document& document : documents) {
    const bool indexed = chunks_by_document.contains(document.number);
    const bool dead = outcome.dead.contains(document.correlation_id());
    if (indexed != dead) continue;
    lost.push_back(document.path.string() + (dead ? ": indexed, and dead" : ": lost"));
  }
  return lost;
}

void print_dead_letters(const Outcome& outcome) {
  std::map<std::string, std::vector<const quern::Task*>> by_reason;
  for (const auto& [correlation_id, task] : outcome.dead) {
    const std::string type = task.last_error ? task.last_error->type : "?";
    by_reason[std::string(to_string(task.dead_reason)) + ", " + type].push_back(&task);
  }
  fmt::print("\nDead letters by reason ({} in all)\n", outcome.dead.size());
  constexpr std::size_t shown_max = 3;
  for (const auto& [reason, tasks] : by_reason) {
    fmt::print("  {:4}  {}\n", tasks.size(), reason);
    for (std::size_t i = 0; i < std::min(tasks.size(), shown_max); ++i) {
      const auto& error = tasks[i]->last_error;
      if (error) fmt::print("          {}\n", one_line(error->message));
    }
    if (tasks.size() > shown_max) fmt::print("          … and {} more\n", tasks.size() - shown_max);
  }
}

void print_history(quern::Client& client, const Document& document) {
  fmt::print("\nThe way of {} ({})\n", document.path.string(), document.correlation_id());
  for (const quern::Task& task : client.list({.correlation_id = document.correlation_id()}).items) {
    const auto took = task.finished_at.value_or(task.created_at) - task.created_at;
    fmt::print("  {}  {:5}  {}, attempt {}, {} ms after its submit\n", to_rfc3339(task.created_at),
               task.queue, to_string(task.state), task.attempts, took.count());
  }
}

void print_hits(SearchIndex& index, const std::vector<Document>& documents,
                const std::string& phrase) {
  const SearchIndex::Hits hits = index.search(phrase, 5);
  fmt::print("\nSearch for \"{}\": {} chunks\n", phrase, hits.count);
  for (const SearchIndex::Hit& hit : hits.best) {
    fmt::print("  {}\n      {}\n", documents[hit.document - 1].path.string(),
               one_line(hit.snippet));
  }
}

}  // namespace pipeline
