#include "describe.h"

#include <sstream>

namespace quern::sim {
namespace {

using engine::SettleVerb;

// What tells ids of one run apart: when they were made, and their number in that millisecond.
std::string name_of(const TaskId& id) {
  return "#" + std::to_string(id.unix_ms() % 1'000'000'000) + "." + std::to_string(id.sequence());
}

std::string bytes(const std::string& value) {
  return value.size() <= 20 ? value : std::to_string(value.size()) + " bytes";
}

std::string token(const std::string& value) {
  std::ostringstream out;
  for (std::size_t i = 0; i < value.size() && i < 3; ++i) {
    out << std::hex << static_cast<int>(static_cast<unsigned char>(value[i]));
  }
  return out.str();
}

std::string list(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ",") + name;
  return out;
}

class Words {
 public:
  template <typename T>
  Words& say(const char* name, const std::optional<T>& value) {
    if (value) say(name, *value);
    return *this;
  }
  Words& say(const char* name, const std::string& value) {
    if (!value.empty()) out_ << ' ' << name << '=' << value;
    return *this;
  }
  Words& say(const char* name, Duration value) {
    out_ << ' ' << name << '=' << value.count() << "ms";
    return *this;
  }
  Words& say(const char* name, double value) {
    out_ << ' ' << name << '=' << value;
    return *this;
  }
  Words& say(const char* name, std::uint64_t value) {
    out_ << ' ' << name << '=' << value;
    return *this;
  }
  std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

std::string words(const engine::NewTask& task) {
  const record::TaskBody& body = *task.body;
  Words words;
  words.say("type", body.type()).say("payload", bytes(body.payload()));
  words.say("key", body.idempotency_key()).say("correlation", body.correlation_id());
  words.say("delay", task.delay).say("ttl", task.ttl);
  words.say("priority", std::uint64_t{body.priority()});
  if (body.has_max_attempts()) words.say("max_attempts", std::uint64_t{body.max_attempts()});
  if (body.has_lease_ms()) words.say("lease", Duration{body.lease_ms()});
  if (body.has_timeout_ms()) words.say("timeout", Duration{body.timeout_ms()});
  return task.queue + words.text();
}

std::string words(const engine::SettleItem& item) {
  static constexpr std::string_view verbs[] = {"complete", "fail", "heartbeat", "release"};
  Words words;
  words.say("token", token(item.token));
  if (item.verb == SettleVerb::complete) words.say("result", bytes(item.result));
  if (item.verb == SettleVerb::fail) {
    words.say("error", item.error_type + "/" + item.error_message);
    words.say("retryable", std::uint64_t{item.retryable}).say("retry_after", item.retry_after);
  }
  if (item.verb == SettleVerb::heartbeat) words.say("lease", item.lease);
  if (item.verb == SettleVerb::release) words.say("delay", item.delay);
  return std::string(verbs[static_cast<std::size_t>(item.verb)]) + " " +
         (item.id ? name_of(*item.id) : "no task") + words.text();
}

std::string words(const QueueSettings& s) {
  Words words;
  words.say("max_attempts", std::uint64_t{s.max_attempts}).say("backoff", s.retry.base);
  words.say("lease", s.lease).say("timeout", s.timeout).say("ttl", s.ttl);
  words.say("retention", s.retention).say("dead_retention", s.dead_retention);
  words.say("window", s.idempotency_window).say("max_backlog", s.max_backlog);
  return words.text() + (s.paused ? " paused" : "");
}

std::string words(const engine::DeadFilter& filter) {
  Words words;
  words.say("type", filter.type).say("error", filter.error_type).say("limit", filter.limit);
  if (filter.dead_reason) words.say("reason", std::string(to_string(*filter.dead_reason)));
  std::string out = words.text();
  if (filter.ids) {
    out += " ids=";
    for (const TaskId& id : *filter.ids) out += name_of(id) + ",";
  }
  return out;
}

std::string words(const engine::TaskView& view) {
  return name_of(view.id) + " " + std::string(to_string(view.state())) + " in " + *view.queue +
         Words()
             .say("attempts", std::uint64_t{view.status.attempts()})
             .say("token", token(view.status.lease().token()))
             .text();
}

struct Describe {
  std::string operator()(const engine::Submit& c) const {
    std::string out = "submit";
    for (const engine::NewTask& task : c.tasks) out += " [" + words(task) + "]";
    return out;
  }
  std::string operator()(const engine::SettleOne& c) const { return words(c.item); }
  std::string operator()(const engine::Settle& c) const { return settle(c.items); }
  std::string operator()(const engine::Lease& c) const {
    Words words;
    words.say("queues", list(c.queues)).say("max", std::uint64_t{c.tasks_max});
    words.say("wait", c.wait).say("lease", c.lease);
    return "lease" + words.text() + (c.settle.empty() ? "" : ", " + settle(c.settle));
  }
  std::string operator()(const engine::Abandon& c) const {
    return "the caller of " + std::to_string(c.ticket) + " is gone";
  }
  std::string operator()(const engine::Undelivered& c) const {
    std::string out = "not delivered:";
    for (const auto& held : c.leases) out += " " + name_of(held.id) + "/" + token(held.token);
    return out;
  }
  std::string operator()(const engine::WaitTask& c) const {
    return "wait for " + name_of(c.id) + Words().say("wait", c.wait).text();
  }
  std::string operator()(const engine::CancelTask& c) const { return "cancel " + name_of(c.id); }
  std::string operator()(const engine::RedriveTask& c) const { return "redrive " + name_of(c.id); }
  std::string operator()(const engine::PutQueue& c) const {
    return "put queue " + c.name + words(c.settings);
  }
  std::string operator()(const engine::PatchQueue& c) const {
    return "patch queue " + c.name + " " + c.merge_patch;
  }
  std::string operator()(const engine::PauseQueue& c) const {
    return (c.paused ? "pause " : "resume ") + c.name;
  }
  std::string operator()(const engine::DeleteQueue& c) const {
    return "delete queue " + c.name + (c.force ? " by force" : "");
  }
  std::string operator()(const engine::GetQueue& c) const { return "show queue " + c.name; }
  std::string operator()(const engine::ListQueues& c) const {
    return "list queues" +
           Words().say("after", c.after).say("limit", std::uint64_t{c.limit}).text();
  }
  std::string operator()(const engine::PurgeQueue& c) const {
    std::string out = "purge " + c.name + ":";
    for (const TaskState state : c.states) out += " " + std::string(to_string(state));
    return out;
  }
  std::string operator()(const engine::RedriveDead& c) const {
    return "redrive the dead of " + c.name + words(c.filter) +
           Words().say("to", c.to_queue).say("rate", c.rate_per_second).text();
  }
  std::string operator()(const engine::DiscardDead& c) const {
    return "discard the dead of " + c.name + words(c.filter);
  }
  std::string operator()(const engine::Drain&) const { return "drain"; }
  std::string operator()(const engine::EndDrain&) const { return "end the drain"; }
  std::string operator()(const engine::BackupCall&) const { return "a backup"; }
  std::string operator()(const engine::ReadOnly& c) const {
    return c.reason.empty() ? "new tasks are taken" : "no new tasks: " + c.reason;
  }

  std::string operator()(const Error& e) const { return std::string(to_string(e.code)); }
  std::string operator()(const engine::Submitted& o) const {
    return tasks(o.tasks) + (o.replayed ? " (a replay)" : "");
  }
  std::string operator()(const engine::SettledMany& o) const { return settled(o.items); }
  std::string operator()(const engine::Leased& o) const {
    return "leased " + tasks(o.tasks) + settled(o.settled);
  }
  std::string operator()(const engine::OneTask& o) const { return words(o.task); }
  std::string operator()(const engine::LeaseExtended&) const { return "extended"; }
  std::string operator()(const engine::OneQueue& o) const {
    std::string out = "queue " + o.queue.name + ":";
    for (const std::uint64_t n : o.queue.counts) out += " " + std::to_string(n);
    return out;
  }
  std::string operator()(const engine::QueuePage& o) const {
    return std::to_string(o.queues.size()) + " queues";
  }
  std::string operator()(const engine::Counted& o) const {
    return "counted " + std::to_string(o.count);
  }
  std::string operator()(const engine::Done&) const { return "done"; }
  std::string operator()(const engine::Drained& o) const {
    return std::to_string(o.running) + " are running";
  }
  std::string operator()(const engine::BackupAnswer& o) const {
    return std::to_string(o.backups.size()) + " backups";
  }
  std::string operator()(const engine::AuditReport& o) const {
    return std::to_string(o.finding_count) + " findings";
  }

 private:
  static std::string settle(const std::vector<engine::SettleItem>& items) {
    std::string out = "settle";
    for (const engine::SettleItem& item : items) out += " [" + words(item) + "]";
    return out;
  }
  static std::string tasks(const std::vector<engine::TaskView>& views) {
    std::string out;
    for (const engine::TaskView& view : views) out += "[" + words(view) + "]";
    return out.empty() ? "nothing" : out;
  }
  static std::string settled(const std::vector<engine::Settled>& items) {
    std::string out;
    for (const engine::Settled& item : items) {
      const auto* view = std::get_if<engine::TaskView>(&item.outcome);
      out += " (" +
             (view ? words(*view) : std::string(to_string(std::get<Error>(item.outcome).code))) +
             ")";
    }
    return out;
  }
};

}  // namespace

std::string describe(const engine::Command& command) { return std::visit(Describe{}, command); }
std::string describe(const engine::Outcome& outcome) { return std::visit(Describe{}, outcome); }

}  // namespace quern::sim
