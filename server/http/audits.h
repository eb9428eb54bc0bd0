// Audits of the whole store (engine/audit.h) while the server runs, for GET /admin/doctor.
//
// Shape    one at a time, on a thread of its own, over a snapshot: an audit sees each commit whole
//          or not at all, so work that goes on meanwhile is no finding, and the engine waits for
//          nothing. Whoever asks while one runs gets the next one's report: a report is never
//          older than its request.
// Threads  any; stop(): the owner's. Outcomes are delivered on the audits' thread, which is there
// from the first request
//          on and gives way to all others of the machine.
// Errors   as outcomes: recovering (there is no store, or it goes), draining (stop() was called),
//          store_unavailable (a read failed). Damaged bytes are a finding, and end the audit.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine_port.h"
#include "long_work.h"

namespace quern::http {

class Audits final : public server::LongWork {
 public:
  using Deliver = std::function<void(std::vector<engine::Reply>&&)>;

  Audits(const server::EnginePort& engine, Deliver deliver);
  ~Audits() override;

  void begin(engine::Ticket ticket) override;
  void abandon(engine::Ticket ticket) override;
  // Ends the audit that runs, waits for that, and refuses further ones.
  void stop();

 private:
  class Interruptible;

  void run();
  engine::Outcome audit() const;
  // Why the audit that runs must end before it is done.
  std::optional<Error> interruption() const;
  void answer(engine::Outcome outcome);

  const server::EnginePort& engine_;
  const Deliver deliver_;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::vector<engine::Ticket> waiting_;   // for the next audit
  std::vector<engine::Ticket> answered_;  // by the one that runs
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace quern::http
