#include "database.h"

#include <sqlite3.h>

#include <memory>
#include <stdexcept>

namespace exactly_once {
namespace {

constexpr int busy_timeout_ms = 30'000;  // other programs may have the file for a while

std::runtime_error sqlite_error(sqlite3* db) {
  return std::runtime_error(std::string("SQLite: ") + sqlite3_errmsg(db));
}

}  // namespace

Database::Database(const std::string& file) {
  if (sqlite3_open(file.c_str(), &db_) != SQLITE_OK) {
    const std::runtime_error error = sqlite_error(db_);
    sqlite3_close(db_);
    throw error;
  }
  sqlite3_busy_timeout(db_, busy_timeout_ms);
  run("PRAGMA journal_mode = WAL");
  run("PRAGMA synchronous = FULL");
}

Database::~Database() { sqlite3_close(db_); }

std::optional<std::string> Database::run(const char* sql,
                                         std::initializer_list<std::string_view> values) {
  const std::lock_guard lock(mutex_);
  sqlite3_stmt* prepared = nullptr;
  if (sqlite3_prepare_v2(db_, sql, -1, &prepared, nullptr) != SQLITE_OK) throw sqlite_error(db_);
  const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
  int number = 0;
  for (const std::string_view value : values) {
    sqlite3_bind_text(prepared, ++number, value.data(), static_cast<int>(value.size()),
                      SQLITE_TRANSIENT);
  }
  std::optional<std::string> first;
  int status = SQLITE_ROW;
  while ((status = sqlite3_step(prepared)) == SQLITE_ROW) {
    if (first) continue;
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(prepared, 0));
    first.emplace(text == nullptr ? "" : text,
                  static_cast<std::size_t>(sqlite3_column_bytes(prepared, 0)));
  }
  if (status != SQLITE_DONE) throw sqlite_error(db_);
  return first;
}

void Database::transaction(const std::function<void()>& body) {
  const std::lock_guard lock(mutex_);
  run("BEGIN IMMEDIATE");
  try {
    body();
    run("COMMIT");
  } catch (...) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    throw;
  }
}

}  // namespace exactly_once
