// The full-text index that the pipeline fills: one SQLite file with an FTS5 table. It also holds
// what one step leaves for the next, so that tasks carry a document's number and not its text.
//
// Threads  any; one transaction at a time.
// Errors   std::runtime_error with SQLite's message. A step that throws is rolled back.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace pipeline {

class SearchIndex {
 public:
  explicit SearchIndex(const std::filesystem::path& file);
  ~SearchIndex();
  SearchIndex(const SearchIndex&) = delete;
  SearchIndex& operator=(const SearchIndex&) = delete;

  // The heart of an idempotent consumer. Runs `effect` in a transaction that also marks the task as
  // done: both are there or neither. When the task comes again, because its report was lost or its
  // lease ran out, the mark is found, `effect` is not run, and the answer is false.
  bool once(std::string_view task_id, const std::function<void()>& effect);

  // Effects, for inside once().
  void keep_text(std::size_t document, std::string_view text);
  std::string take_text(std::size_t document);
  void keep_chunks(std::size_t document, const std::vector<std::string>& chunks);
  // Puts the document's chunks into the index. Not idempotent by itself: twice means double hits.
  void publish(std::size_t document);

  // What is in the index: how many chunks of each document. Throws if a document was published
  // with another number of chunks than are there.
  std::map<std::size_t, std::size_t> chunks_by_document();

  struct Hit {
    std::size_t document = 0;
    std::string snippet;
  };
  struct Hits {
    std::size_t count = 0;
    std::vector<Hit> best;
  };
  Hits search(std::string_view phrase, std::size_t best_max);

 private:
  class Statement;

  void execute(const char* sql);

  std::mutex mutex_;
  sqlite3* db_ = nullptr;
};

}  // namespace pipeline
