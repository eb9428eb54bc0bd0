#include "checker.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace quern::crash {
namespace {

// Server times are whole milliseconds, of a clock for what is shown and one for how long leases
// last: the same instant may be this far apart.
constexpr std::int64_t slack = 2'000;

struct Lease {
  const Call* call;
  const TaskGiven* given;
};

class Checker {
 public:
  Checker(const std::vector<Call>& calls, const Found& found) : calls_(calls), found_(found) {
    for (const TaskFound& task : found.tasks) {
      if (!by_id_.emplace(task.id, &task).second)
        report("duplicated: " + task.id + " is listed twice");
      by_payload_[task.payload].push_back(&task);
    }
    for (const Call& call : calls) {
      if (call.op == Op::lease && call.verdict == Verdict::done) {
        for (const TaskGiven& given : call.given) leases_[given.id].push_back({&call, &given});
      }
      if (!call.id.empty()) by_task_[call.id].push_back(&call);
    }
    for (auto& [id, leases] : leases_) {
      std::sort(leases.begin(), leases.end(), [](const Lease& a, const Lease& b) {
        return a.given->granted_at < b.given->granted_at;
      });
    }
  }

  std::vector<std::string> run() {
    check_submits();
    check_origins();
    check_keys();
    for (const TaskFound& task : found_.tasks) check_task(task);
    for (const auto& [id, calls] : by_task_) check_outcomes(id, calls);
    for (const auto& [id, leases] : leases_) check_leases(id, leases);
    check_tokens();
    check_counts();
    return std::move(violations_);
  }

 private:
  void report(std::string text) { violations_.push_back(std::move(text)); }

  const TaskFound* find(const std::string& id) const {
    const auto entry = by_id_.find(id);
    return entry == by_id_.end() ? nullptr : entry->second;
  }

  // --- Submits

  void check_submits() {
    for (const Call& call : calls_) {
      if (call.op != Op::submit && call.op != Op::batch) continue;
      if (call.verdict == Verdict::done) check_acknowledged(call);
      if (call.op == Op::batch && call.verdict == Verdict::unknown) check_whole(call);
    }
  }

  void check_acknowledged(const Call& call) {
    if (call.ids.size() != call.sent.size())
      report("lost: a submit was answered with too few or too many tasks");
    for (std::size_t i = 0; i < std::min(call.ids.size(), call.sent.size()); ++i) {
      const TaskFound* task = find(call.ids[i]);
      const TaskSent& sent = call.sent[i];
      if (task == nullptr) {
        report("lost: " + call.ids[i] + " was acknowledged to client " +
               std::to_string(call.client));
      } else if (task->payload != sent.payload || task->queue != sent.queue ||
                 task->key != sent.key) {
        report("lost: " + call.ids[i] + " is not as it was sent");
      }
    }
  }

  // Of a batch with an unknown outcome everything is there, or nothing. Its payloads are its own,
  // since only single submits are repeated.
  void check_whole(const Call& call) {
    const auto present =
        std::count_if(call.sent.begin(), call.sent.end(),
                      [&](const TaskSent& sent) { return by_payload_.contains(sent.payload); });
    if (present != 0 && present != static_cast<std::ptrdiff_t>(call.sent.size())) {
      report("torn: " + std::to_string(present) + " of a batch of " +
             std::to_string(call.sent.size()));
    }
  }

  void check_origins() {
    std::unordered_set<std::string> possible;
    std::unordered_set<std::string> refused;
    for (const Call& call : calls_) {
      for (const TaskSent& sent : call.sent) {
        (call.verdict == Verdict::refused ? refused : possible).insert(sent.payload);
      }
    }
    for (const auto& [payload, tasks] : by_payload_) {
      if (tasks.size() > 1) {
        report("duplicated: one submit became " + tasks[0]->id + " and " + tasks[1]->id);
      }
      if (possible.contains(payload)) continue;
      report(
          (refused.contains(payload) ? "4xx: a refused submit became " : "invented: nobody sent ") +
          tasks[0]->id);
    }
  }

  void check_keys() {
    std::map<std::pair<std::string, std::string>, std::set<std::string>> ids;
    for (const TaskFound& task : found_.tasks) {
      if (!task.key.empty()) ids[{task.queue, task.key}].insert(task.id);
    }
    for (const Call& call : calls_) {
      if (call.verdict != Verdict::done || call.ids.size() != call.sent.size()) continue;
      for (std::size_t i = 0; i < call.sent.size(); ++i) {
        const TaskSent& sent = call.sent[i];
        if (!sent.key.empty()) ids[{sent.queue, sent.key}].insert(call.ids[i]);
      }
    }
    for (const auto& [key, named] : ids) {
      if (named.size() > 1) {
        report("duplicated: key " + key.second + " named " + std::to_string(named.size()) +
               " tasks");
      }
    }
  }

  // --- Tasks as they were found

  void check_task(const TaskFound& task) {
    const std::string what = task.id + " (" + task.state + ")";
    const bool dead = task.state == "dead";
    if (!dead && task.state != "succeeded" && task.state != "cancelled")
      report("unfinished: " + what);
    if (task.attempts > task.max_attempts)
      report("attempts: " + what + " had more than its maximum");
    if (dead && task.dead_reason.empty()) report("dead: " + what + " has no reason");
    if (!dead && !task.dead_reason.empty()) report("dead: " + what + " has a reason");
    if (task.dead_reason == "max_attempts" && task.attempts != task.max_attempts) {
      report("attempts: " + what + " died of " + std::to_string(task.attempts) + " attempts");
    }
    if (task.started_at != 0 && task.started_at + slack < task.created_at)
      report("time: " + what + " started early");
    if (task.finished_at != 0 &&
        task.finished_at + slack < std::max(task.created_at, task.started_at)) {
      report("time: " + what + " finished early");
    }
    if (task.state == "succeeded") check_result(task);
  }

  // The result is one that a worker gave, in a call that was not refused.
  void check_result(const TaskFound& task) {
    const auto entry = by_task_.find(task.id);
    bool given = false;
    bool accepted = false;
    bool refused = false;
    if (entry != by_task_.end()) {
      for (const Call* call : entry->second) {
        if (call->op != Op::complete || call->result != task.result) continue;
        given = given || call->verdict != Verdict::refused;
        accepted = accepted || call->verdict == Verdict::done;
        refused = refused || call->verdict == Verdict::refused;
      }
    }
    if (refused && !accepted) {
      report("4xx: " + task.id + " has the result of a complete that was refused");
    } else if (!given) {
      report("invented: nobody gave " + task.id + " its result");
    }
  }

  // --- Acknowledged endings

  void check_outcomes(const std::string& id, const std::vector<const Call*>& calls) {
    std::set<std::string> endings;
    for (const Call* call : calls) {
      if (call->verdict != Verdict::done) continue;
      if (call->state == "succeeded" && call->op == Op::complete)
        endings.insert("succeeded with " + call->result);
      if (call->state == "dead" && call->op == Op::fail) endings.insert("dead");
      if (call->state == "cancelled" && call->op == Op::cancel) endings.insert("cancelled");
    }
    if (endings.size() > 1)
      report("terminal: " + id + " was " + *endings.begin() + " and " + *endings.rbegin());
    const TaskFound* task = find(id);
    if (endings.empty() || task == nullptr) return;
    const std::string now =
        task->state == "succeeded" ? "succeeded with " + task->result : task->state;
    if (!endings.contains(now))
      report("undone: " + id + " was " + *endings.begin() + " and is " + now);
  }

  // --- Leases

  void check_leases(const std::string& id, const std::vector<Lease>& leases) {
    const TaskFound* task = find(id);
    for (std::size_t i = 0; i < leases.size(); ++i) {
      const TaskGiven& given = *leases[i].given;
      if (given.attempts > given.max_attempts) report("attempts: " + id + " was leased too often");
      if (given.granted_at + slack < given.run_at) report("early: " + id);
      if (task == nullptr) {
        report("lost: " + id + " was leased and is not there");
      } else if (task->payload != given.payload) {
        report("lost: " + id + " was leased with another payload");
      }
      if (i + 1 < leases.size()) check_succession(id, leases[i], leases[i + 1]);
    }
  }

  // The second worker gets the task only once the first has lost or settled it; from then on the
  // first is refused.
  void check_succession(const std::string& id, const Lease& first, const Lease& second) {
    std::int64_t held_until = first.given->expires_at;
    bool given_up = false;
    for (const Call* call : calls_about(id)) {
      const bool by_first = call->token == first.given->token;
      if (by_first && call->op == Op::heartbeat && call->verdict == Verdict::done &&
          call->answered_at < second.given->granted_at) {
        held_until = std::max(held_until, call->expires_at);
      }
      const bool ends = call->op != Op::heartbeat && (by_first || call->op == Op::cancel);
      if (ends && call->verdict != Verdict::refused && call->invoked_at < second.call->answered_at)
        given_up = true;
      if (by_first && call->verdict == Verdict::done &&
          call->invoked_at > second.call->answered_at) {
        report("stale: " + id + " took a " + name(call->op) + " from a worker that had lost it");
      }
    }
    if (!given_up && second.given->granted_at + slack < held_until) {
      report("overlap: " + id + " was held by client " + std::to_string(first.call->client) +
             " and given to client " + std::to_string(second.call->client));
    }
  }

  const std::vector<const Call*>& calls_about(const std::string& id) const {
    static const std::vector<const Call*> none;
    const auto entry = by_task_.find(id);
    return entry == by_task_.end() ? none : entry->second;
  }

  void check_tokens() {
    std::unordered_set<std::string> tokens;
    for (const auto& [id, leases] : leases_) {
      for (const Lease& lease : leases) {
        if (!tokens.insert(lease.given->token).second)
          report("token: one of " + id + " was given twice");
      }
    }
  }

  // --- Queues

  void check_counts() {
    std::map<std::string, std::map<std::string, std::int64_t>> counted;
    std::map<std::string, std::set<std::string>> dead;
    for (const TaskFound& task : found_.tasks) {
      ++counted[task.queue][task.state];
      if (task.state == "dead") dead[task.queue].insert(task.id);
    }
    for (const auto& [name, queue] : found_.queues) {
      for (const auto& [state, count] : queue.counts) {
        if (counted[name][state] != count) {
          report("counts: " + name + " says " + std::to_string(count) + " " + state +
                 ", listed are " + std::to_string(counted[name][state]));
        }
      }
      if (std::set(queue.dead.begin(), queue.dead.end()) != dead[name] ||
          queue.dead.size() != dead[name].size()) {
        report("dead: the dead-letter queue of " + name + " lists others than the dead");
      }
    }
  }

  const std::vector<Call>& calls_;
  const Found& found_;
  std::unordered_map<std::string, const TaskFound*> by_id_;
  std::unordered_map<std::string, std::vector<const TaskFound*>> by_payload_;
  std::unordered_map<std::string, std::vector<const Call*>> by_task_;
  std::unordered_map<std::string, std::vector<Lease>> leases_;
  std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> violations(const std::vector<Call>& calls, const Found& found) {
  return Checker(calls, found).run();
}

}  // namespace quern::crash
