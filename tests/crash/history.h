// What clients asked a server for and what they were told, and what was found in it at the end: all
// that the checker needs to know.
//
// Shape    times are microseconds since the epoch on this machine's clock, which the server shares.
//          Payloads, results and ids are strings; every submit and every complete carries a payload
//          or result of its own, so that effects can be traced to their call.
// Threads  plain values. A Journal belongs to one client's thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace quern::crash {

enum class Op { submit, batch, lease, complete, fail, heartbeat, release, cancel };

// done: answered 2xx. refused: answered 4xx, so nothing may have changed. unknown: 5xx or no
// answer.
enum class Verdict { done, refused, unknown };

struct TaskSent {
  std::string queue;
  std::string payload;
  std::string key;  // "" for none
};

struct TaskGiven {
  std::string id;
  std::string token;
  std::string payload;
  std::int64_t attempts = 0;
  std::int64_t max_attempts = 0;
  std::int64_t run_at = 0;
  std::int64_t granted_at = 0;
  std::int64_t expires_at = 0;
};

struct Call {
  int client = 0;
  Op op = Op::submit;
  std::int64_t invoked_at = 0;
  std::int64_t answered_at = 0;  // 0: never
  Verdict verdict = Verdict::unknown;
  int status = 0;

  std::vector<TaskSent> sent;    // submit, batch
  std::vector<std::string> ids;  // what was answered to those, in order
  std::vector<TaskGiven> given;  // lease
  std::string id;                // settle calls, cancel
  std::string token;             // settle calls
  std::string result;            // complete
  std::string state;             // of the task, as answered to a settle call or a cancel
  std::int64_t expires_at = 0;   // heartbeat: as answered
};

// One client's calls: in memory, and as lines in a file of its own, the intent before the call and
// the outcome after it, for whoever has to find out what happened.
class Journal {
 public:
  Journal(const std::filesystem::path& path, int client);

  // Notes that `call` is about to be made; returns its place.
  std::size_t intend(Call call);
  Call& call(std::size_t place) { return calls_[place]; }
  // Notes how it went: call(place) has been filled in.
  void conclude(std::size_t place);

  const std::vector<Call>& calls() const { return calls_; }

 private:
  int client_;
  std::ofstream file_;
  std::vector<Call> calls_;
};

struct TaskFound {
  std::string id;
  std::string queue;
  std::string state;
  std::string payload;
  std::string result;  // "" for none
  std::string key;
  std::string dead_reason;
  std::int64_t attempts = 0;
  std::int64_t max_attempts = 0;
  std::int64_t created_at = 0;
  std::int64_t started_at = 0;   // 0: never
  std::int64_t finished_at = 0;  // 0: never
};

struct QueueFound {
  std::map<std::string, std::int64_t> counts;
  std::vector<std::string> dead;  // ids in its dead-letter queue
};

struct Found {
  std::vector<TaskFound> tasks;  // as listed, queue by queue
  std::map<std::string, QueueFound> queues;
};

std::int64_t now_micros();
const char* name(Op op);
const char* name(Verdict verdict);

}  // namespace quern::crash
