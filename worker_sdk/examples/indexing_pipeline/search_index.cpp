#include "search_index.h"

#include <sqlite3.h>

#include <stdexcept>

namespace pipeline {
namespace {

constexpr const char* schema = R"sql(
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE done (task TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE texts (document INTEGER PRIMARY KEY, text TEXT NOT NULL);
  CREATE TABLE pending (document INTEGER, ordinal INTEGER, text TEXT NOT NULL,
                        PRIMARY KEY (document, ordinal)) WITHOUT ROWID;
  CREATE TABLE published (document INTEGER PRIMARY KEY, chunks INTEGER NOT NULL);
  CREATE VIRTUAL TABLE chunks USING fts5 (text, document UNINDEXED, ordinal UNINDEXED);
)sql";

std::runtime_error sqlite_error(sqlite3* db) {
  return std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(db));
}

}  // namespace

// A prepared statement: values go in through bind() in order, rows come out through step().
class SearchIndex::Statement {
 public:
  Statement(sqlite3* db, const char* sql) : db_(db) {
    if (sqlite3_prepare_v2(db, sql, -1, &statement_, nullptr) != SQLITE_OK) throw sqlite_error(db);
  }
  ~Statement() { sqlite3_finalize(statement_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::size_t number) {
    sqlite3_bind_int64(statement_, ++bound_, static_cast<sqlite3_int64>(number));
    return *this;
  }
  Statement& bind(std::string_view text) {
    sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()),
                      SQLITE_TRANSIENT);
    return *this;
  }
  // Whether there is a row.
  bool step() {
    const int status = sqlite3_step(statement_);
    if (status != SQLITE_ROW && status != SQLITE_DONE) throw sqlite_error(db_);
    return status == SQLITE_ROW;
  }
  std::size_t number(int column) const {
    return static_cast<std::size_t>(sqlite3_column_int64(statement_, column));
  }
  std::string text(int column) const {
    return reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  }

 private:
  sqlite3* db_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
};

SearchIndex::SearchIndex(const std::filesystem::path& file) {
  if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) throw sqlite_error(db_);
  execute(schema);
}

SearchIndex::~SearchIndex() { sqlite3_close(db_); }

void SearchIndex::execute(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) throw sqlite_error(db_);
}

bool SearchIndex::once(std::string_view task_id, const std::function<void()>& effect) {
  const std::lock_guard lock(mutex_);
  execute("BEGIN IMMEDIATE");
  try {
    Statement(db_, "INSERT OR IGNORE INTO done VALUES (?)").bind(task_id).step();
    const bool first = sqlite3_changes(db_) == 1;
    if (first) effect();
    execute("COMMIT");
    return first;
  } catch (...) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

void SearchIndex::keep_text(std::size_t document, std::string_view text) {
  Statement(db_, "INSERT INTO texts VALUES (?, ?)").bind(document).bind(text).step();
}

std::string SearchIndex::take_text(std::size_t document) {
  Statement select(db_, "SELECT text FROM texts WHERE document = ?");
  if (!select.bind(document).step()) throw std::runtime_error("no text was kept");
  std::string text = select.text(0);
  Statement(db_, "DELETE FROM texts WHERE document = ?").bind(document).step();
  return text;
}

void SearchIndex::keep_chunks(std::size_t document, const std::vector<std::string>& chunks) {
  for (std::size_t ordinal = 0; ordinal < chunks.size(); ++ordinal) {
    Statement(db_, "INSERT INTO pending VALUES (?, ?, ?)")
        .bind(document)
        .bind(ordinal)
        .bind(chunks[ordinal])
        .step();
  }
}

void SearchIndex::publish(std::size_t document) {
  Statement(db_,
            "INSERT INTO chunks (text, document, ordinal) "
            "SELECT text, document, ordinal FROM pending WHERE document = ? ORDER BY ordinal")
      .bind(document)
      .step();
  Statement(db_, "INSERT INTO published SELECT ?1, count(*) FROM pending WHERE document = ?1")
      .bind(document)
      .step();
  Statement(db_, "DELETE FROM pending WHERE document = ?").bind(document).step();
}

std::map<std::size_t, std::size_t> SearchIndex::chunks_by_document() {
  const std::lock_guard lock(mutex_);
  std::map<std::size_t, std::size_t> counts;
  Statement published(db_, "SELECT document, chunks FROM published");
  while (published.step()) counts[published.number(0)] = published.number(1);
  std::map<std::size_t, std::size_t> found;
  for (const auto& [document, count] : counts) found[document] = 0;
  Statement indexed(db_, "SELECT document, count(*) FROM chunks GROUP BY document");
  while (indexed.step()) found[indexed.number(0)] = indexed.number(1);
  if (found != counts) throw std::runtime_error("the index holds other chunks than were published");
  return counts;
}

SearchIndex::Hits SearchIndex::search(std::string_view phrase, std::size_t best_max) {
  const std::lock_guard lock(mutex_);
  // In double quotes FTS5 looks for the words in this order; quotes inside are doubled.
  std::string query = "\"";
  for (const char c : phrase) query += c == '"' ? std::string("\"\"") : std::string(1, c);
  query += '"';
  Hits hits;
  Statement count(db_, "SELECT count(*) FROM chunks WHERE chunks MATCH ?");
  if (count.bind(query).step()) hits.count = count.number(0);
  Statement best(db_,
                 "SELECT document, snippet(chunks, 0, '[', ']', '…', 12) FROM chunks "
                 "WHERE chunks MATCH ? ORDER BY rank, document LIMIT ?");
  best.bind(query).bind(best_max);
  while (best.step()) hits.best.push_back({best.number(0), best.text(1)});
  return hits;
}

}  // namespace pipeline
