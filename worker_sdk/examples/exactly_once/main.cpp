// Tasks are delivered at least once; here their effects happen once all the same.
//
// A task of type "credit" adds to an account, then sends a receipt:
//
//   the account is in our database: the change and a mark with the task's id are made in one
//   transaction. Whatever is killed and whenever, there are both or neither
//
//   the receipt goes somewhere else (a file, here): Context::once() keeps a mark after it was sent.
//   A worker killed in between sends it again: at most one too many, never one too few
//
// Try it: submit, kill -9 the worker or the server at any moment, start them again, look.
//
//   exactly_once http://127.0.0.1:7480 folder
//   qctl submit credit '{"account": "ada", "cents": 250}' --queue bank
//   sqlite3 folder/bank.db 'SELECT * FROM accounts'
#include <quern/json.h>
#include <quern/quern.h>

#include <fstream>
#include <iostream>
#include <mutex>

#include "database.h"
#include "sqlite_once_store.h"

namespace exactly_once {
namespace {

using namespace std::chrono_literals;

struct Credit {
  std::string account;
  std::int64_t cents;
};

Credit parse_credit(const std::string& payload) {
  try {
    const auto json = quern::json_of(payload);
    return {json.at("account"), json.at("cents")};
  } catch (const nlohmann::json::exception& error) {
    throw quern::Permanent(error.what(), "BadCredit");
  }
}

// The recipe: effect and mark in the same transaction.
void credit(Database& database, const std::string& task_id, const Credit& credit) {
  database.transaction([&] {
    if (database.run("SELECT 1 FROM done WHERE task = ?", {task_id})) return;  // by another attempt
    database.run("INSERT INTO done (task) VALUES (?)", {task_id});
    database.run(
        "INSERT INTO accounts VALUES (?, CAST(? AS INTEGER)) "
        "ON CONFLICT (name) DO UPDATE SET cents = cents + excluded.cents",
        {credit.account, std::to_string(credit.cents)});
  });
}

// Stands for a mail service.
class Receipts {
 public:
  explicit Receipts(const std::string& file) : file_(file, std::ios::app) {}

  void send(const Credit& credit) {
    const std::lock_guard lock(mutex_);
    file_ << "credited " << credit.cents << " cents to " << credit.account << std::endl;
    if (!file_) throw quern::Retry("the receipt could not be written", "ReceiptFailed");
  }

 private:
  std::mutex mutex_;
  std::ofstream file_;
};

void run(const std::string& server, const std::string& folder) {
  Database database(folder + "/bank.db");
  database.run("CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, cents INTEGER)");
  // A task's row may go when nothing can bring the task back: it is gone from the server, or has
  // succeeded or been cancelled. Not while it is dead: a redrive would run it again.
  database.run("CREATE TABLE IF NOT EXISTS done (task TEXT PRIMARY KEY)");
  SqliteOnceStore once_store(database);
  Receipts receipts(folder + "/receipts.txt");

  quern::Client client({.server = server});
  quern::Worker worker{client,
                       {.queues = {"bank"},
                        .concurrency = 4,
                        .lease = 3s,  // so soon another worker takes over from a killed one
                        .once_store = &once_store}};
  worker.handle("credit", [&](quern::Context& context) {
    const Credit asked = parse_credit(context.payload());
    credit(database, context.task().id, asked);
    context.once("receipt", [&] { receipts.send(asked); });
  });
  worker.run_until_signal();
}

}  // namespace
}  // namespace exactly_once

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: exactly_once SERVER FOLDER\n";
    return 2;
  }
  try {
    exactly_once::run(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::cerr << "exactly_once: " << error.what() << "\n";
    return 1;
  }
}
