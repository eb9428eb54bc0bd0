// The three handlers of the pipeline. Start reading here.
#pragma once

#include <quern/quern.h>

#include <atomic>

#include "documents.h"
#include "search_index.h"

namespace pipeline {

// Where each step's tasks wait.
inline constexpr const char* parse_queue = "parse";
inline constexpr const char* chunk_queue = "chunk";
inline constexpr const char* index_queue = "index";

// The task that starts a document on its way.
quern::NewTask parse_task(const Document& document);

// Registers the handlers. `repeats` counts tasks that came again and were recognised.
void add_steps(quern::Worker& worker, SearchIndex& index, std::atomic<std::size_t>& repeats);

}  // namespace pipeline
