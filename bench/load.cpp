#include "load.h"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <optional>

#include "connection.h"
#include "poller.h"
#include "schedule.h"

namespace quern::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

// Ends a run whose server is silent; far above any answer that would still be of interest.
constexpr auto answer_timeout = 30s;
// An open loop that fell behind may take so long to send what was due.
constexpr auto catch_up_timeout = 30s;
constexpr auto silence_check_interval = 1s;

struct Slot {
  Connection connection;
  Cycle cycle;
  Time due;   // of the cycle
  Time from;  // what the step's latency counts from
  Time sent;
  bool busy = false;
  bool worker = false;  // mode deliver: takes tasks, closed loop; the others submit them
  bool measured = false;
};

nanoseconds to_nanoseconds(std::chrono::duration<double> duration) {
  return std::chrono::duration_cast<nanoseconds>(duration);
}

std::uint64_t nanoseconds_between(Time from, Time to) {
  return static_cast<std::uint64_t>(std::max<nanoseconds::rep>(0, nanoseconds(to - from).count()));
}

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

class Load {
 public:
  Load(const Options& options, const volatile std::sig_atomic_t& interrupted)
      : options_(options),
        interrupted_(interrupted),
        address_(options.host, options.port),
        workload_(options, address_.authority()),
        budget_(options.count) {
    for (const Step step : workload_.steps()) results_.steps.push_back({step, {}});
  }

  Results run() {
    open_connections();
    const double cpu_before = cpu_seconds();
    start_clock();
    if (!schedule_) {
      while (!idle_.empty() && may_begin(start_)) begin(take_idle(), start_);
    }
    for (Slot& slot : slots_) {
      if (slot.worker) begin_work(slot, start_);
    }
    while (!finished(Clock::now())) {
      poller_.wait(time_to_wait(),
                   [this](Slot& slot, std::uint32_t events) { on_event(slot, events); });
      begin_what_is_due();
      check_for_silence();
      if (interrupted_ != 0) end_now();
    }
    results_.seconds = std::chrono::duration<double>(last_answer_ - measured_from_).count();
    results_.cpu_seconds = cpu_seconds() - cpu_before;
    return std::move(results_);
  }

 private:
  void open_connections() {
    for (std::uint32_t i = 0; i < options_.connections; ++i) {
      Slot& slot = slots_.emplace_back(
          Slot{.connection = Connection(address_, options_.wire, options_.queue)});
      slot.worker = options_.mode == Mode::deliver && i % 2 == 1;
      reopen(slot);
      if (!slot.worker) idle_.push_back(&slot);
    }
  }

  void reopen(Slot& slot) {
    slot.connection.open();
    poller_.add(slot.connection.socket(), slot);
  }

  void start_clock() {
    start_ = Clock::now();
    measured_from_ = start_ + to_nanoseconds(options_.warmup);
    last_answer_ = measured_from_;
    if (!options_.count) measured_to_ = measured_from_ + to_nanoseconds(options_.seconds);
    if (options_.rate > 0) schedule_.emplace(start_, options_.rate);
    silence_checked_ = start_;
  }

  void end_now() {
    const Time now = Clock::now();
    if (!measured_to_ || now < *measured_to_) measured_to_ = now;
  }

  // --- when a cycle begins

  bool may_begin(Time due) const {
    return !exhausted_ && (!budget_ || *budget_ > 0) && (!measured_to_ || due < *measured_to_);
  }

  bool finished(Time now) {
    if (schedule_ && may_begin(schedule_->next())) {
      if (!measured_to_ || now < *measured_to_ + catch_up_timeout) return false;
      results_.failures["unsent"] += schedule_->due_between(schedule_->next(), *measured_to_);
      exhausted_ = true;
    }
    return idle_.size() == slots_.size();
  }

  nanoseconds time_to_wait() const {
    if (!schedule_ || idle_.empty() || !may_begin(schedule_->next())) return silence_check_interval;
    const nanoseconds until_due = schedule_->next() - Clock::now();
    return std::clamp<nanoseconds>(until_due, 0ns, silence_check_interval);
  }

  void begin_what_is_due() {
    if (!schedule_) return;
    const Time now = Clock::now();
    while (!idle_.empty() && schedule_->next() <= now && may_begin(schedule_->next())) {
      begin(take_idle(), schedule_->next());
      schedule_->advance();
    }
    if (schedule_->next() < now && may_begin(schedule_->next())) {
      const Time last = measured_to_ ? std::min(now, *measured_to_) : now;
      results_.late_max =
          std::max(results_.late_max, schedule_->due_between(schedule_->next(), last));
    }
  }

  // First in, first out: a slow schedule still uses every connection.
  Slot& take_idle() {
    Slot& slot = *idle_.front();
    idle_.pop_front();
    return slot;
  }

  void begin(Slot& slot, Time due) {
    std::uint64_t tasks = workload_.tasks_per_cycle();
    if (budget_) {
      // A ping has no tasks: it counts as one.
      tasks = std::min(tasks, *budget_);
      *budget_ -= std::max<std::uint64_t>(1, tasks);
    }
    workload_.begin(slot.cycle, static_cast<std::uint32_t>(tasks));
    if (options_.mode == Mode::deliver) {
      slot.cycle.due_ns = static_cast<std::uint64_t>(nanoseconds(due.time_since_epoch()).count());
      ++undelivered_;
    }
    start(slot, due);
  }

  void begin_work(Slot& slot, Time now) {
    workload_.begin_work(slot.cycle);
    start(slot, now);
  }

  void start(Slot& slot, Time due) {
    slot.busy = true;
    slot.due = due;
    slot.measured = due >= measured_from_;
    ask(slot, due, Clock::now());
  }

  void ask(Slot& slot, Time from, Time now) {
    slot.from = from;
    slot.sent = now;
    workload_.write_request(slot.cycle, slot.connection.request());
    slot.connection.send();
  }

  // --- what comes back

  void on_event(Slot& slot, std::uint32_t events) {
    const Connection::State state = slot.connection.advance(events);
    if (!slot.busy) {
      // The server may close a connection that has no request in hand.
      if (slot.connection.ended()) reopen(slot);
      return;
    }
    switch (state) {
      case Connection::State::waiting:
        return;
      case Connection::State::answered:
        return on_answer(slot);
      case Connection::State::lost:
        return on_failure(slot, "lost", "");
      case Connection::State::malformed:
        return on_failure(slot, "malformed", "");
    }
  }

  void on_answer(Slot& slot) {
    const ResponseHead& head = slot.connection.response();
    const Time now = Clock::now();
    if (!head.succeeded()) {
      return on_failure(slot, std::to_string(head.status), slot.connection.body());
    }
    record_step(slot, now);
    const Next next = workload_.read_answer(slot.cycle, slot.connection.body());
    if (slot.cycle.delivered_due_ns) record_delivery(slot, now);
    if (next == Next::confused) return on_failure(slot, "confused", slot.connection.body());
    if (slot.connection.ended()) reopen(slot);
    switch (next) {
      case Next::step:
        return ask(slot, now, now);
      case Next::done:
        record_cycle(slot, now);
        return go_on(slot, now);
      case Next::exhausted:
        exhausted_ = true;
        return go_on(slot, now);
      case Next::confused:
        return;
    }
  }

  void on_failure(Slot& slot, const std::string& kind, std::string_view body) {
    ++results_.failures[kind];
    if (options_.mode == Mode::deliver && !slot.worker) --undelivered_;
    if (results_.first_failure.empty()) {
      results_.first_failure = std::string(name_of(slot.cycle.step)) + ": " + kind;
      if (!body.empty()) results_.first_failure += " " + std::string(body.substr(0, 500));
    }
    if (kind == "lost" || kind == "malformed" || slot.connection.ended()) reopen(slot);
    go_on(slot, Clock::now());
  }

  void record_step(const Slot& slot, Time now) {
    if (!slot.measured) return;
    const auto of_step = [&slot](const StepResult& result) {
      return result.step == slot.cycle.step;
    };
    const auto result = std::find_if(results_.steps.begin(), results_.steps.end(), of_step);
    if (result == results_.steps.end())
      return;  // a worker's lease takes as long as there is no task
    result->latency.record(nanoseconds_between(slot.from, now));
    ++results_.requests;
    last_answer_ = now;
  }

  void record_delivery(Slot& slot, Time now) {
    const Time due{nanoseconds(*slot.cycle.delivered_due_ns)};
    slot.cycle.delivered_due_ns.reset();
    --undelivered_;
    if (due >= measured_from_) results_.delivery.record(nanoseconds_between(due, now));
  }

  void record_cycle(const Slot& slot, Time now) {
    if (slot.worker) return;  // the task was counted when it was submitted
    // A lease may bring fewer than asked for; what it left is still to be done.
    const std::uint64_t tasks =
        slot.cycle.leased.empty() ? slot.cycle.tasks : slot.cycle.leased.size();
    if (budget_) *budget_ += slot.cycle.tasks - tasks;
    if (!slot.measured) return;
    results_.cycle_latency.record(nanoseconds_between(slot.due, now));
    ++results_.cycles;
    results_.tasks += tasks;
  }

  void go_on(Slot& slot, Time now) {
    slot.busy = false;
    if (slot.worker && (undelivered_ > 0 || may_begin(schedule_->next()))) {
      return begin_work(slot, now);
    }
    if (!schedule_ && may_begin(now)) return begin(slot, now);
    idle_.push_back(&slot);
  }

  void check_for_silence() {
    const Time now = Clock::now();
    if (now - silence_checked_ < silence_check_interval) return;
    silence_checked_ = now;
    for (const Slot& slot : slots_) {
      if (slot.busy && now - slot.sent > answer_timeout) {
        throw LoadError(std::string("no answer to ") + name_of(slot.cycle.step) + " within " +
                        std::to_string(answer_timeout.count()) + " s");
      }
    }
  }

  const Options options_;
  const volatile std::sig_atomic_t& interrupted_;
  const Address address_;
  Workload workload_;
  Poller<Slot> poller_;
  std::deque<Slot> slots_;  // of which epoll holds the addresses
  std::deque<Slot*> idle_;
  std::optional<Schedule> schedule_;
  std::optional<std::uint64_t> budget_;  // tasks yet to be begun
  bool exhausted_ = false;
  std::int64_t undelivered_ = 0;  // mode deliver: submitted, and no worker has it yet

  Time start_;
  Time measured_from_;
  std::optional<Time> measured_to_;
  Time last_answer_;
  Time silence_checked_;
  Results results_;
};

}  // namespace

Results run_load(const Options& options, const volatile std::sig_atomic_t& interrupted) {
  return Load(options, interrupted).run();
}

}  // namespace quern::bench
