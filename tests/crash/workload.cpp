#include "workload.h"

#include <algorithm>
#include <chrono>
#include <deque>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

#include "support/http_client.h"

namespace quern::crash {
namespace {

using test::Client;
using test::Json;
using test::Request;
using test::Response;

constexpr std::int64_t lease_ms = 1'000;  // the shortest there is
constexpr std::size_t unlike = 1'000'000;

std::string text_of(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member == object.end() || !member->is_string() ? "" : member->get<std::string>();
}

// "2026-11-23T09:10:00.123Z" as microseconds; 0 when it is absent.
std::int64_t micros_of(const Json& object, const char* name) {
  const std::string text = text_of(object, name);
  if (text.empty()) return 0;
  std::tm parts{};
  if (text.size() != 24 || ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) {
    throw std::runtime_error("not a time: " + text);
  }
  return (std::int64_t{::timegm(&parts)} * 1000 + std::stoi(text.substr(20, 3))) * 1000;
}

// One client: makes calls and notes them.
class Caller {
 public:
  Caller(const Surroundings& around, Journal& journal)
      : client_(around.port, Client::Log::off),
        journal_(journal),
        random_(around.seed),
        stop_(*around.stop) {}

  bool stopped() const { return stop_; }

  // One of `count` equally likely outcomes is 0.
  bool one_in(std::size_t count) { return below(count) == 0; }
  std::size_t below(std::size_t count) {
    return std::uniform_int_distribution<std::size_t>(0, count - 1)(random_);
  }
  void pause(std::size_t ms_max) {
    std::this_thread::sleep_for(std::chrono::milliseconds(below(ms_max + 1)));
  }

  // Makes the call; `read` takes what matters out of a 2xx answer. Returns how it went.
  template <typename Read>
  Verdict make(Call intent, const std::string& target, const Json& body, Read read) {
    const std::size_t place = journal_.intend(std::move(intent));
    Call& call = journal_.call(place);
    try {
      const Response response = client_.post(target, body);
      call.answered_at = now_micros();
      call.status = response.status;
      if (response.status < 300) {
        call.verdict = Verdict::done;
        read(call, response.json());
      } else if (response.status < 500) {
        call.verdict = Verdict::refused;
      }
    } catch (const test::ConnectionLost&) {
    } catch (const test::TimedOut&) {
    }
    journal_.conclude(place);
    // The server is down, or about to be.
    if (call.verdict == Verdict::unknown) pause(20);
    return call.verdict;
  }

  // The same, again and again until it is known how it went, as a client with a key or a token may.
  template <typename Read>
  Verdict make_sure(const Call& intent, const std::string& target, const Json& body, Read read) {
    for (;;) {
      const Verdict verdict = make(intent, target, body, read);
      if (verdict != Verdict::unknown || stopped()) return verdict;
    }
  }

 private:
  Client client_;
  Journal& journal_;
  std::mt19937_64 random_;
  const std::atomic<bool>& stop_;
};

// --- Producer

class Producer {
 public:
  Producer(const Surroundings& around, Journal& journal)
      : caller_(around, journal), name_("p" + std::to_string(around.seed % unlike)) {}

  void run() {
    while (!caller_.stopped()) {
      switch (caller_.below(12)) {
        case 0:
          submit_batch();
          break;
        case 1:
          submit_refused();
          break;
        case 2:
          submit_again();
          break;
        case 3:
          cancel();
          break;
        case 4:
        case 5:
        case 6:
        case 7:
          submit_keyed();
          break;
        default:
          submit_once();
          break;
      }
      caller_.pause(8);
    }
  }

 private:
  // No two are alike, and some are too long to be kept beside the record.
  std::string new_payload() {
    std::string payload = name_ + "-" + std::to_string(++count_) + "-";
    payload.append(caller_.one_in(20) ? 6000 : 20, 'x');
    return payload;
  }

  TaskSent new_task(bool keyed) {
    return {.queue = queue_names[caller_.below(queue_names.size())],
            .payload = new_payload(),
            .key = keyed ? name_ + "-key-" + std::to_string(count_) : ""};
  }

  Json body_of(const TaskSent& task) {
    Json body = {{"queue", task.queue},
                 {"type", "work"},
                 {"payload", task.payload},
                 {"priority", caller_.below(10)}};
    if (!task.key.empty()) body["idempotency_key"] = task.key;
    if (caller_.one_in(10)) body["delay_ms"] = caller_.below(300);
    return body;
  }

  static void read_one(Call& call, const Json& answer) { call.ids = {text_of(answer, "id")}; }

  Call intent(Op op, std::vector<TaskSent> sent) {
    Call call;
    call.op = op;
    call.sent = std::move(sent);
    return call;
  }

  void submit_once() {
    const TaskSent task = new_task(false);
    remember(caller_.make(intent(Op::submit, {task}), "/tasks", body_of(task),
                          [&](Call& call, const Json& answer) {
                            read_one(call, answer);
                            last_ = call.ids[0];
                          }));
  }

  void submit_keyed() {
    const TaskSent task = new_task(true);
    keyed_.push_back(task);
    if (keyed_.size() > 200) keyed_.pop_front();
    caller_.make_sure(intent(Op::submit, {task}), "/tasks", body_of(task), read_one);
  }

  // A key once more: with its payload it names its task, with another it is refused.
  void submit_again() {
    if (keyed_.empty()) return;
    TaskSent task = keyed_[caller_.below(keyed_.size())];
    if (caller_.one_in(3)) task.payload = new_payload();
    caller_.make_sure(intent(Op::submit, {task}), "/tasks", body_of(task), read_one);
  }

  void submit_refused() {
    const TaskSent task = new_task(false);
    Json body = body_of(task);
    body["max_retry"] = 5;
    caller_.make(intent(Op::submit, {task}), "/tasks", body, read_one);
  }

  void submit_batch() {
    std::vector<TaskSent> tasks;
    Json bodies = Json::array();
    for (std::size_t i = 0, count = 2 + caller_.below(15); i < count; ++i) {
      tasks.push_back(new_task(caller_.one_in(3)));
      bodies.push_back(body_of(tasks.back()));
    }
    // One in five is refused for its last task, and must not leave the others behind.
    if (caller_.one_in(5)) bodies.back()["priority"] = 10;
    caller_.make(intent(Op::batch, tasks), "/tasks/batch", {{"tasks", bodies}},
                 [](Call& call, const Json& answer) {
                   for (const Json& task : answer["tasks"]) call.ids.push_back(text_of(task, "id"));
                 });
  }

  void remember(Verdict verdict) {
    if (verdict == Verdict::done) submitted_.push_back(last_);
    if (submitted_.size() > 50) submitted_.pop_front();
  }

  void cancel() {
    if (submitted_.empty()) return;
    Call call;
    call.op = Op::cancel;
    call.id = submitted_[caller_.below(submitted_.size())];
    caller_.make(call, "/tasks/" + call.id + "/cancel", Json::object(),
                 [](Call& made, const Json& answer) { made.state = text_of(answer, "state"); });
  }

  Caller caller_;
  std::string name_;
  std::size_t count_ = 0;
  std::string last_;
  std::deque<std::string> submitted_;
  std::deque<TaskSent> keyed_;
};

// --- Worker

class Worker {
 public:
  Worker(const Surroundings& around, Journal& journal)
      : caller_(around, journal), name_("w" + std::to_string(around.seed % unlike)) {}

  void run() {
    while (!caller_.stopped()) {
      for (const TaskGiven& task : lease()) settle(task);
      if (!old_.empty() && caller_.one_in(8)) complete(old_[caller_.below(old_.size())], "late-");
    }
  }

 private:
  std::vector<TaskGiven> lease() {
    std::vector<TaskGiven> given;
    Call call;
    call.op = Op::lease;
    const Json body = {{"queues", queue_names},
                       {"max_tasks", 1 + caller_.below(6)},
                       {"wait_ms", caller_.below(200)},
                       {"lease_ms", lease_ms},
                       {"worker_id", name_}};
    caller_.make(call, "/leases", body, [&](Call& made, const Json& answer) {
      for (const Json& task : answer["tasks"]) made.given.push_back(read_given(task));
      given = made.given;
    });
    return given;
  }

  static TaskGiven read_given(const Json& task) {
    const std::int64_t expires_at = micros_of(task["lease"], "expires_at");
    return {.id = text_of(task, "id"),
            .token = text_of(task["lease"], "token"),
            .payload = text_of(task, "payload"),
            .attempts = task["attempts"],
            .max_attempts = task["max_attempts"],
            .run_at = micros_of(task, "run_at"),
            .granted_at = expires_at - lease_ms * 1000,
            .expires_at = expires_at};
  }

  void settle(const TaskGiven& task) {
    old_.push_back(task);
    if (old_.size() > 100) old_.pop_front();
    switch (caller_.below(20)) {
      case 0:
      case 1:
        fail(task, true);
        break;
      case 2:
        fail(task, false);
        break;
      case 3:
        call(Op::release, "release", task, Json::object(), "");
        break;
      case 4:
      case 5:
        call(Op::heartbeat, "heartbeat", task, {{"progress", "half"}}, "");
        complete(task, "slow-");
        break;
      case 6:
        break;  // silent: the lease runs out
      default:
        complete(task, "");
        break;
    }
  }

  void complete(const TaskGiven& task, const char* how) {
    const std::string result = how + name_ + "-" + std::to_string(++count_);
    call(Op::complete, "complete", task, {{"result", result}}, result);
  }

  void fail(const TaskGiven& task, bool retryable) {
    call(Op::fail, "fail", task,
         {{"error", {{"type", "broken"}, {"message", "drawn"}}}, {"retryable", retryable}}, "");
  }

  void call(Op op, const char* verb, const TaskGiven& task, Json body, const std::string& result) {
    Call call;
    call.op = op;
    call.id = task.id;
    call.token = task.token;
    call.result = result;
    body["lease_token"] = task.token;
    caller_.make_sure(call, "/tasks/" + task.id + "/" + verb, body,
                      [](Call& made, const Json& answer) {
                        made.state = text_of(answer, "state");
                        if (made.op == Op::heartbeat)
                          made.expires_at = micros_of(answer["lease"], "expires_at");
                      });
  }

  Caller caller_;
  std::string name_;
  std::size_t count_ = 0;
  std::deque<TaskGiven> old_;
};

// --- Reading

Json get(Client& client, const std::string& target) {
  const Response response = client.get(target);
  if (response.status != 200) {
    throw std::runtime_error("GET " + target + ": " + std::to_string(response.status) + " " +
                             response.body);
  }
  return response.json();
}

std::vector<std::string> list_ids(Client& client, const std::string& target) {
  std::vector<std::string> ids;
  std::string cursor;
  for (;;) {
    const Json page = get(client, target + "limit=1000" + cursor);
    for (const Json& task : page["tasks"]) ids.push_back(text_of(task, "id"));
    if (page["next_cursor"].is_null()) return ids;
    cursor = "&cursor=" + page["next_cursor"].get<std::string>();
  }
}

TaskFound read_task(Client& client, const std::string& id) {
  const Json task = get(client, "/tasks/" + id);
  return {.id = text_of(task, "id"),
          .queue = text_of(task, "queue"),
          .state = text_of(task, "state"),
          .payload = text_of(task, "payload"),
          .result = text_of(task, "result"),
          .key = text_of(task, "idempotency_key"),
          .dead_reason = text_of(task, "dead_reason"),
          .attempts = task["attempts"],
          .max_attempts = task["max_attempts"],
          .created_at = micros_of(task, "created_at"),
          .started_at = micros_of(task, "started_at"),
          .finished_at = micros_of(task, "finished_at")};
}

}  // namespace

void configure_queues(std::uint16_t port) {
  Client client(port, Client::Log::off);
  for (const std::string& queue : queue_names) {
    const Json settings = {{"max_attempts", 5},
                           {"retry", {{"strategy", "fixed"}, {"base_ms", 20}, {"jitter", false}}}};
    const Response response = client.put("/queues/" + queue, settings);
    if (response.status != 200)
      throw std::runtime_error("PUT /queues/" + queue + ": " + response.body);
  }
}

void run_producer(const Surroundings& around, Journal& journal) { Producer(around, journal).run(); }
void run_worker(const Surroundings& around, Journal& journal) { Worker(around, journal).run(); }

std::int64_t count_unfinished(std::uint16_t port) {
  Client client(port, Client::Log::off);
  std::int64_t count = 0;
  for (const std::string& queue : queue_names) {
    const Json counts = get(client, "/queues/" + queue)["counts"];
    for (const char* state : {"blocked", "scheduled", "ready", "running", "retrying"}) {
      count += counts[state].get<std::int64_t>();
    }
  }
  return count;
}

Found read_everything(std::uint16_t port) {
  Client client(port, Client::Log::off);
  Found found;
  for (const std::string& name : queue_names) {
    QueueFound& queue = found.queues[name];
    const Json shown = get(client, "/queues/" + name);
    for (const auto& [state, count] : shown["counts"].items()) queue.counts[state] = count;
    queue.dead = list_ids(client, "/queues/" + name + "/dead?");
    for (const std::string& id : list_ids(client, "/tasks?queue=" + name + "&")) {
      found.tasks.push_back(read_task(client, id));
    }
  }
  return found;
}

}  // namespace quern::crash
