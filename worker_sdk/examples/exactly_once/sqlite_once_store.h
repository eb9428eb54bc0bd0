// What Context::once() needs, kept in an SQLite table.
#pragma once

#include <quern/once.h>

#include "database.h"

namespace exactly_once {

class SqliteOnceStore : public quern::OnceStore {
 public:
  // `database` must outlive the store.
  explicit SqliteOnceStore(Database& database) : database_(database) {
    database_.run(
        "CREATE TABLE IF NOT EXISTS once ("
        "  key TEXT PRIMARY KEY, value TEXT NOT NULL,"
        "  kept_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP) WITHOUT ROWID");
  }

  std::optional<std::string> find(const std::string& key) override {
    return database_.run("SELECT value FROM once WHERE key = ?", {key});
  }

  // The first one counts: the conflict leaves what is there, and we return that.
  std::string keep(const std::string& key, const std::string& value) override {
    database_.run("INSERT INTO once (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING",
                  {key, value});
    return find(key).value();
  }

 private:
  Database& database_;
};

}  // namespace exactly_once
