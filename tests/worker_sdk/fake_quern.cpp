#include "fake_quern.h"

#include <doctest/doctest.h>

namespace quern::test {

using nlohmann::json;
using Lock = std::unique_lock<std::mutex>;

std::string FakeQuern::add(const std::string& type, const std::string& payload) {
  const Lock lock(mutex_);
  return push(type, payload)["id"];
}

std::string FakeQuern::add_with_timeout(const std::string& type,
                                        std::chrono::milliseconds timeout) {
  const Lock lock(mutex_);
  json& task = push(type, "null");
  task["lease"]["timeout_ms"] = timeout.count();
  return task["id"];
}

json& FakeQuern::push(const std::string& type, const std::string& payload) {
  const std::string id = "task-" + std::to_string(++ids_);
  ready_.push_back({{"id", id},
                    {"queue", "q"},
                    {"type", type},
                    {"state", "running"},
                    {"payload", json::parse(payload)},
                    {"attempts", 1},
                    {"correlation_id", "operation"},
                    {"lease",
                     {{"token", "token-" + id},
                      {"worker_id", "w"},
                      {"expires_at", "2026-11-23T09:10:00.000Z"}}}});
  changed_.notify_all();
  return ready_.back();
}

void FakeQuern::lose(const std::string& id) {
  const Lock lock(mutex_);
  lost_.insert(id);
}

void FakeQuern::be_silent(int count) {
  const Lock lock(mutex_);
  silent_ = count;
}

void FakeQuern::refuse(FakeAnswer answer) {
  const Lock lock(mutex_);
  refusal_ = std::move(answer);
}

void FakeQuern::clear_refusal() {
  const Lock lock(mutex_);
  refusal_.reset();
}

void FakeQuern::limit_body(std::size_t bytes_max) {
  const Lock lock(mutex_);
  body_bytes_max_ = bytes_max;
}

std::vector<json> FakeQuern::outcomes(const std::string& id) {
  const Lock lock(mutex_);
  std::vector<json> found;
  for (const json& item : settled_) {
    if (item["id"] == id && item["op"] != "heartbeat") found.push_back(item);
  }
  return found;
}

std::vector<json> FakeQuern::heartbeats(const std::string& id) {
  const Lock lock(mutex_);
  std::vector<json> found;
  for (const json& item : settled_) {
    if (item["id"] == id && item["op"] == "heartbeat") found.push_back(item);
  }
  return found;
}

json FakeQuern::outcome(const std::string& id) {
  json last;
  const bool came = eventually([&] {
    for (const json& item : settled_) {
      if (item["id"] == id && item["op"] != "heartbeat") last = item;
    }
    return !last.is_null();
  });
  if (!came) FAIL("no outcome was reported for " << id);
  return last;
}

FakeAnswer FakeQuern::handle(const FakeRequest& request) {
  const json body = json::parse(request.body, nullptr, false);
  {
    const Lock lock(mutex_);
    ++calls_;
    changed_.notify_all();
    if (silent_ > 0) {
      --silent_;
      return {.manner = FakeAnswer::Manner::stay_silent};
    }
    if (refusal_) return *refusal_;
    if (request.body.size() > body_bytes_max_) return problem(413, "payload_too_large");
  }
  if (request.target == "/leases") return lease(body, request);
  const auto submitted = [](json task) {
    task["id"] = "submitted";
    task["state"] = "ready";
    return task;
  };
  if (request.target == "/tasks") return {.status = 202, .body = submitted(body).dump()};
  if (request.target == "/tasks/batch") {
    json answer = {{"tasks", json::array()}};
    for (const json& task : body["tasks"]) answer["tasks"].push_back(submitted(task));
    return {.status = 202, .body = answer.dump()};
  }
  return problem(404, "not_found");
}

json FakeQuern::settle(const json& items) {
  json answers = json::array();
  for (const json& item : items) {
    const std::string id = item["id"];
    if (lost_.contains(id)) {
      answers.push_back(
          {{"id", id}, {"problem", {{"status", 409}, {"code", "lease_lost"}, {"detail", "gone"}}}});
    } else if (item["op"] == "complete" && item["result"] == "too large") {
      answers.push_back(
          {{"id", id},
           {"problem", {{"status", 413}, {"code", "payload_too_large"}, {"detail", "1 MiB"}}}});
    } else {
      answers.push_back({{"id", id}, {"state", "running"}});
    }
    settled_.push_back(item);
  }
  changed_.notify_all();
  return answers;
}

FakeAnswer FakeQuern::lease(const json& body, const FakeRequest& request) {
  Lock lock(mutex_);
  const json settled = settle(body.value("settle", json::array()));
  const auto tasks_max = body["max_tasks"].get<std::size_t>();
  const auto until =
      std::chrono::steady_clock::now() + std::chrono::milliseconds(body.value("wait_ms", 0));
  while (tasks_max > 0 && ready_.empty() && std::chrono::steady_clock::now() < until &&
         !request.client_gone()) {
    changed_.wait_for(lock, std::chrono::milliseconds(2));
  }
  json tasks = json::array();
  while (tasks.size() < tasks_max && !ready_.empty()) {
    tasks.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  return {.body = json{{"tasks", tasks}, {"settled", settled}}.dump()};
}

}  // namespace quern::test
