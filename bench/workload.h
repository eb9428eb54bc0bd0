// What the connections say: the steps of a mode, their requests, and what to learn from the
// answers.
//
// Shape    a connection repeats a cycle of steps, each one request and one answer:
//            ping         ping
//            submit       submit
//            batch        submit_batch
//            lifecycle    submit, lease, complete
//            lease        lease, then complete for every task; or one settle when --batch is above
//            1 deliver      half of the connections submit; the others lease and complete
// Threads  one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "options.h"
#include "response.h"

namespace quern::bench {

enum class Step { ping, submit, submit_batch, lease, complete, settle };
inline constexpr std::size_t step_count = 6;
const char* name_of(Step step);

// Where one connection is in its cycle.
struct Cycle {
  Step step = Step::ping;
  std::uint32_t queue = 0;
  std::uint32_t tasks = 0;  // to be submitted or leased
  std::vector<LeasedTask> leased;
  std::size_t completed = 0;        // of `leased`
  std::uint32_t empty_answers = 0;  // to leases, one after the other

  // Mode deliver. The payload takes the time when its submit was due, in nanoseconds of the steady
  // clock, from producer to worker.
  std::uint64_t due_ns = 0;
  std::optional<std::uint64_t> delivered_due_ns;  // of the task that a lease just brought
};

enum class Next {
  step,       // cycle.step is the next one
  done,       // the cycle is complete
  exhausted,  // the queues are empty, which is the end of a run that drains them
  confused,   // the answer is not what the step expects
};

class Workload {
 public:
  // `authority`: host:port, for the Host field.
  Workload(const Options& options, const std::string& authority);

  // Tasks that a whole cycle handles; 0 for ping.
  std::uint32_t tasks_per_cycle() const;
  // The steps of which latencies are told, each once, in order.
  const std::vector<Step>& steps() const { return steps_; }

  void begin(Cycle& cycle, std::uint32_t tasks);
  void begin_work(Cycle& cycle);  // mode deliver: the worker's side
  void write_request(const Cycle& cycle, std::string& out);
  // Takes the answer to cycle.step in, given that it succeeded.
  Next read_answer(Cycle& cycle, std::string_view body) const;

 private:
  Next read_lease(Cycle& cycle, std::string_view body) const;
  void write_task(const Cycle& cycle, std::string& out);
  void write_lease(const Cycle& cycle, std::string& out) const;
  void write_settle(const Cycle& cycle, std::string& out) const;
  void post(std::string_view target, std::string_view body, std::string& out) const;
  void append_payload(const Cycle& cycle, std::string& out);

  Options options_;
  std::vector<Step> steps_;
  std::string get_head_;   // what follows the target
  std::string post_head_;  // the same, up to the value of Content-Length
  std::vector<std::string> queues_;
  std::uint32_t queue_next_ = 0;
  std::string payload_text_;
  std::size_t payload_next_ = 0;
  std::string body_;  // kept for its memory
};

}  // namespace quern::bench
