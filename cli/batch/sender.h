// Submits the lines of a batch, and finds the one that the server will not have.
//
// Why      POST /tasks/batch is all or nothing. A person with a file of a million lines wants to
//          hear which line is wrong, and to have all before it on the server.
// Threads  one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "batch/progress.h"
#include "patience.h"
#include "quern/client.h"

namespace quern::cli {

class BatchSender {
 public:
  using Visitor = std::function<void(const Task&)>;

  // `client` must not repeat by itself. `visit` is given what was submitted, in order.
  BatchSender(Client& client, BatchProgress& progress, Duration patience, Visitor visit);

  // To be sent with the next send().
  void add(std::uint64_t line, NewTask task);
  std::size_t pending() const { return tasks_.size(); }

  // Submits all that was added, of a file read up to `bytes`; or what is before the first line that
  // is refused, whose error then names it. Waits for a server that is away or full.
  Result<void> send(std::uint64_t bytes);

  std::uint64_t count() const { return count_; }
  std::uint64_t last_line() const { return last_line_; }  // that is on the server; 0: none

 private:
  struct Range {
    std::size_t begin;
    std::size_t end;
    std::size_t size() const { return end - begin; }
  };
  Result<void> send(Range range, std::uint64_t bytes);
  Result<void> send_whole(Range range, std::uint64_t bytes);
  Result<void> send_around(Range range, const Error& error, std::uint64_t bytes);
  Error of_line(Error error, std::size_t index) const;

  Client& client_;
  BatchProgress& progress_;
  Patience patience_;
  Visitor visit_;
  std::vector<NewTask> tasks_;
  std::vector<std::uint64_t> lines_;  // of `tasks_`
  std::uint64_t count_ = 0;
  std::uint64_t last_line_ = 0;
};

// "line 7: …"
Error at_line(Error error, std::uint64_t line);

}  // namespace quern::cli
