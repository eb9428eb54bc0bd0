// Says what became of each task of `qctl work`: a line each, once the server has answered.
//
// Shape    For eyes, or a JSON object: id, type, attempt, outcome (succeeded, failed, released,
//          lost, refused, unreported), detail (text, where there is more to say), duration_ms.
// Threads  any. Lines are written, and lost tasks looked up, by threads of its own: neither a
//          terminal that is stopped (Ctrl-S) nor a slow server holds up programs or heartbeats.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "quern/client.h"
#include "work/diagnostics.h"
#include "work/stream_writer.h"

namespace quern::cli {

struct ReportOptions {
  bool json = false;
  bool quiet = false;  // no lines
  // Called at the first line that cannot be written, from a thread of ours.
  std::function<void()> on_unwritable = {};
};

class Report {
 public:
  // `client` is asked about lost tasks; both must outlive this.
  Report(Client& client, Diagnostics& diagnostics, ReportOptions options);
  ~Report() { finish(); }
  Report(const Report&) = delete;
  Report& operator=(const Report&) = delete;

  void began(const Task& task);
  void ended(const Task& task);  // the program has
  void settled(const Settlement& sent, const Settled& answer);
  // Writes what is left, but waits for no reader that takes nothing. Programs whose ends the server
  // has not heard of are `unreported`. Whether all lines were written.
  bool finish();

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  struct Line {
    std::string id;
    std::string type;
    std::uint32_t attempt = 0;
    SteadyTime began_at;
    std::optional<SteadyTime> ended_at = {};
    std::string_view outcome = {};
    std::string detail = {};
  };

  void put(Line line);  // with the lock
  void write_until_closed();
  std::string text_of(const Line& line) const;
  std::string what_became_of(const std::string& id);
  StreamWriterOptions output_options();

  Client& client_;
  Diagnostics& diagnostics_;
  const ReportOptions options_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Line> unsettled_;  // by lease token
  std::deque<Line> lines_;
  bool closed_ = false;
  bool server_away_ = false;  // of the thread that looks up
  StreamWriter output_;
  std::thread writer_;  // last: it uses the rest
};

}  // namespace quern::cli
