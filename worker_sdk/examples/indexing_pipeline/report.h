// What is said at the end, and the proof that nothing was lost.
#pragma once

#include <quern/client.h>

#include <map>
#include <string>
#include <vector>

#include "documents.h"
#include "search_index.h"

namespace pipeline {

// What the server says about the whole run.
struct Outcome {
  std::size_t tasks = 0;
  std::size_t retries = 0;                  // attempts beyond each task's first
  std::map<std::string, quern::Task> dead;  // by correlation id
};
Outcome ask_outcome(quern::Client& client);

// Documents that are neither indexed exactly once nor in the dead-letter queues, or both.
std::vector<std::string> find_lost(const std::vector<Document>& documents, const Outcome& outcome,
                                   const std::map<std::size_t, std::size_t>& chunks_by_document);

void print_dead_letters(const Outcome& outcome);
// One document's history: all tasks of its correlation id, over all queues.
void print_history(quern::Client& client, const Document& document);
void print_hits(SearchIndex& index, const std::vector<Document>& documents,
                const std::string& phrase);

}  // namespace pipeline
