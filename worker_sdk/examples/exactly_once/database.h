// As much of SQLite as this example needs.
//
// Threads  any. One at a time has the database, for a statement or a whole transaction.
// Errors   std::runtime_error with SQLite's message.
#pragma once

#include <functional>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;

namespace exactly_once {

class Database {
 public:
  // Opens or creates `file`. A commit is on disk when it returns.
  explicit Database(const std::string& file);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Runs one statement with `values` for its question marks. The first column of its first row, if
  // there is a row.
  std::optional<std::string> run(const char* sql,
                                 std::initializer_list<std::string_view> values = {});

  // Commits what `body` did, or nothing of it when it throws.
  void transaction(const std::function<void()>& body);

 private:
  sqlite3* db_ = nullptr;
  std::recursive_mutex mutex_;  // run() is also called inside of transaction()
};

}  // namespace exactly_once
