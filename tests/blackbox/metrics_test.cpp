// GET /metrics: every transition shows where it happened, by the time that its caller is answered;
// gauges are right at once after a start; the numbers agree with each other.
#include "steps.h"
#include "support/metrics_text.h"
#include "support/temp_dir.h"

using namespace quern::test;

namespace {

MetricsText metrics_of(Client& client) {
  const Response response = client.get("/metrics");
  REQUIRE(response.status == 200);
  CHECK(response.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  return MetricsText(response.body);
}

MetricsText metrics() { return metrics_of(api()); }

// What a queue's counters say, those that are not zero: "submitted 1, leased 1".
std::string counters(const MetricsText& seen, const std::string& queue) {
  struct Shown {
    const char* word;
    const char* name;
    MetricLabels labels;
  };
  std::string text;
  for (const Shown& shown : {
           Shown{"submitted", "quern_tasks_submitted_total", {}},
           Shown{"replayed", "quern_submits_replayed_total", {}},
           Shown{"leased", "quern_tasks_leased_total", {}},
           Shown{"extended", "quern_leases_extended_total", {}},
           Shown{"completed", "quern_tasks_completed_total", {}},
           Shown{"failed", "quern_tasks_failed_total", {}},
           Shown{"retried", "quern_tasks_retried_total", {}},
           Shown{"released", "quern_tasks_released_total", {}},
           Shown{"undelivered", "quern_leases_undelivered_total", {}},
           Shown{"expired", "quern_leases_expired_total", {}},
           Shown{"timed out", "quern_leases_timed_out_total", {}},
           Shown{"revoked", "quern_leases_revoked_total", {}},
           Shown{"cancelled", "quern_tasks_cancelled_total", {}},
           Shown{"redriven", "quern_tasks_redriven_total", {}},
           Shown{"dead: max_attempts", "quern_tasks_dead_total", {{"reason", "max_attempts"}}},
           Shown{"dead: not_retryable", "quern_tasks_dead_total", {{"reason", "not_retryable"}}},
           Shown{"dead: expired", "quern_tasks_dead_total", {{"reason", "expired"}}},
           Shown{"moved in", "quern_tasks_moved_total", {{"direction", "in"}}},
           Shown{"moved out", "quern_tasks_moved_total", {{"direction", "out"}}},
           Shown{"removed: retention", "quern_tasks_removed_total", {{"reason", "retention"}}},
           Shown{"removed: purge", "quern_tasks_removed_total", {{"reason", "purge"}}},
           Shown{"removed: discard", "quern_tasks_removed_total", {{"reason", "discard"}}},
           Shown{"removed: queue_deleted",
                 "quern_tasks_removed_total",
                 {{"reason", "queue_deleted"}}},
       }) {
    MetricLabels labels = shown.labels;
    labels["queue"] = queue;
    const double value = seen.value(shown.name, labels);
    if (value == 0) continue;
    if (!text.empty()) text += ", ";
    text += std::string(shown.word) + " " + std::to_string(static_cast<long>(value));
  }
  return text;
}

std::string counters(const std::string& queue) { return counters(metrics(), queue); }

// The states of a queue's tasks as GET /queues/{name} shows them.
Json states(const MetricsText& seen, const std::string& queue) {
  Json counts = Json::object();
  for (const std::string& state : seen.values_of("quern_tasks", "state")) {
    const double value = seen.value("quern_tasks", {{"queue", queue}, {"state", state}});
    if (value > 0) counts[state] = static_cast<long>(value);
  }
  return counts;
}

// That a queue's numbers agree: what came is there or has gone, what was leased runs or has ended.
void check_agreement(const MetricsText& seen, const std::string& queue) {
  CAPTURE(queue);
  const MetricLabels here{{"queue", queue}};
  const auto count = [&](const char* name) { return seen.sum(name, here); };
  const auto moved = [&](const char* direction) {
    return seen.value("quern_tasks_moved_total", {{"queue", queue}, {"direction", direction}});
  };
  CHECK(count("quern_tasks_submitted_total") + moved("in") ==
        count("quern_tasks") + moved("out") + count("quern_tasks_removed_total"));
  CHECK(count("quern_tasks_leased_total") ==
        count("quern_tasks_completed_total") + count("quern_tasks_failed_total") +
            count("quern_tasks_released_total") + count("quern_leases_revoked_total") +
            seen.value("quern_tasks", {{"queue", queue}, {"state", "running"}}));
  CHECK(count("quern_task_wait_seconds_count") == count("quern_tasks_leased_total"));
  CHECK(count("quern_task_run_seconds_count") ==
        count("quern_tasks_completed_total") + count("quern_tasks_failed_total"));
}

}  // namespace

TEST_CASE("a task that succeeds: submitted, replayed, leased, extended, completed") {
  const std::string queue = fresh_queue();
  submit(queue, {{"idempotency_key", "k"}});
  CHECK(counters(queue) == "submitted 1");
  CHECK(post_task({{"queue", queue}, {"type", "work"}, {"idempotency_key", "k"}})
            .header("Idempotency-Replayed")
            .has_value());
  CHECK(counters(queue) == "submitted 1, replayed 1");
  const Json leased = lease_one(queue);
  CHECK(states(metrics(), queue) == Json{{"running", 1}});
  CHECK(settle_call("heartbeat", leased).status == 200);
  complete(leased);
  const MetricsText seen = metrics();
  CHECK(counters(seen, queue) == "submitted 1, replayed 1, leased 1, extended 1, completed 1");
  CHECK(states(seen, queue) == Json{{"succeeded", 1}});
  check_agreement(seen, queue);
}

TEST_CASE("a failed attempt is retried or the last; a lease that runs out fails one") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"retry", {{"strategy", "fixed"}, {"base_ms", 0}, {"jitter", false}}}});
  submit(queue, {{"max_attempts", 3}});
  fail(lease_one(queue), {{"retry_after_ms", 0}});
  CHECK(counters(queue) == "submitted 1, leased 1, failed 1, retried 1");
  const auto next = [&](Json fields) {
    std::vector<Json> leased = eventually(
        "it can be leased again", [&] { return lease_up_to(queue, 1, fields); },
        [](const std::vector<Json>& tasks) { return !tasks.empty(); });
    return leased.front();
  };
  wait_until_lost(next({{"lease_ms", 1000}}));
  CHECK(counters(queue) == "submitted 1, leased 2, failed 2, retried 2, expired 1");
  fail(next(Json::object()));
  const MetricsText seen = metrics();
  CHECK(counters(seen, queue) ==
        "submitted 1, leased 3, failed 3, retried 2, expired 1, dead: max_attempts 1");
  CHECK(states(seen, queue) == Json{{"dead", 1}});
  check_agreement(seen, queue);
}

TEST_CASE("an attempt that runs into its time-out is told from one whose lease ran out") {
  const std::string queue = fresh_queue();
  wait_until_lost(lease_new(queue, {{"timeout_ms", 100}, {"max_attempts", 1}}));
  CHECK(counters(queue) == "submitted 1, leased 1, failed 1, timed out 1, dead: max_attempts 1");
  check_agreement(metrics(), queue);
}

TEST_CASE("the dead by reason: not retryable, expired") {
  const std::string queue = fresh_queue();
  dead_task(queue);
  const Json expiring = submit(queue, {{"ttl_ms", 1}});
  eventually(
      "it expires", [&] { return task(expiring["id"]); },
      [](const Json& seen) { return seen["state"] == "dead"; });
  CHECK(counters(queue) ==
        "submitted 2, leased 1, failed 1, dead: not_retryable 1, dead: expired 1");
  check_agreement(metrics(), queue);
}

TEST_CASE("a release and a lease that nobody took") {
  const std::string queue = fresh_queue();
  release(lease_new(queue));
  CHECK(counters(queue) == "submitted 1, leased 1, released 1");
  release(lease_one(queue));
  CHECK(counters(queue) == "submitted 1, leased 2, released 2");
  check_agreement(metrics(), queue);
}

TEST_CASE("a cancel, of a task that waits and of one that runs") {
  const std::string queue = fresh_queue();
  cancel(submit(queue)["id"]);
  CHECK(counters(queue) == "submitted 1, cancelled 1");
  cancel(lease_new(queue)["id"]);
  CHECK(counters(queue) == "submitted 2, leased 1, revoked 1, cancelled 2");
  check_agreement(metrics(), queue);
}

TEST_CASE("a redrive, in place and into another queue") {
  const std::string queue = fresh_queue();
  const std::string other = fresh_queue();
  const Json dead = dead_task(queue);
  CHECK(api().post("/tasks/" + dead["id"].get<std::string>() + "/redrive").status == 200);
  CHECK(counters(queue) == "submitted 1, leased 1, failed 1, redriven 1, dead: not_retryable 1");
  dead_task(queue);  // leases the redriven one first
  CHECK(api()
            .post("/queues/" + queue + "/dead/redrive", {{"all", true}, {"to_queue", other}})
            .json()["redriven"] == 1);
  const MetricsText seen = metrics();
  CHECK(counters(seen, other) == "moved in 1");
  CHECK(seen.value("quern_tasks_redriven_total", {{"queue", queue}}) == 2);
  CHECK(seen.value("quern_tasks_moved_total", {{"queue", queue}, {"direction", "out"}}) == 1);
  check_agreement(seen, queue);
  check_agreement(seen, other);
}

TEST_CASE("what has gone says why: discarded, purged, past its retention") {
  const std::string queue = fresh_queue();
  dead_task(queue);
  CHECK(api().post("/queues/" + queue + "/dead/discard", {{"all", true}}).status == 200);
  submit(queue);
  CHECK(api().post("/queues/" + queue + "/purge", {{"states", {"ready"}}}).status == 200);
  put_queue(queue, {{"retention_ms", 0}, {"idempotency_window_ms", 0}});
  const Json leased = lease_new(queue);
  complete(leased);
  await_gone(leased["id"]);
  const MetricsText seen = metrics();
  CHECK(counters(seen, queue) ==
        "submitted 3, leased 2, completed 1, failed 1, dead: not_retryable 1, removed: retention "
        "1, removed: purge 1, removed: discard 1");
  CHECK(states(seen, queue) == Json::object());
  check_agreement(seen, queue);
}

TEST_CASE("a deleted queue is shown no more; one of the same name begins anew") {
  const std::string queue = fresh_queue();
  submit(queue);
  const double queues = metrics().value("quern_queues");
  CHECK(api().del("/queues/" + queue + "?force=true").status == 204);
  CHECK_FALSE(metrics().values_of("quern_tasks", "queue").contains(queue));
  CHECK(metrics().value("quern_queues") == queues - 1);
  submit(queue);
  CHECK(counters(queue) == "submitted 1");
}

TEST_CASE("the oldest ready task's age grows, and is 0 when nothing is ready") {
  const std::string queue = fresh_queue();
  const auto age = [&] {
    return metrics().value("quern_queue_oldest_ready_age_seconds", {{"queue", queue}});
  };
  submit(queue);
  eventually("it grows", age, [](double seen) { return seen > 0.2; });
  const double shown = quern::test::queue(queue)["oldest_ready_age_ms"].get<double>() / 1000;
  CHECK(age() >= shown);
  complete(lease_one(queue));
  CHECK(age() == 0);
}

TEST_CASE("how long tasks waited and ran") {
  const std::string queue = fresh_queue();
  const Json submitted = submit(queue);
  const Json leased = lease_one(queue);
  complete(leased);
  const MetricsText seen = metrics();
  const MetricLabels here{{"queue", queue}};
  const double waited = seen.value("quern_task_wait_seconds_sum", here);
  const double ran = seen.value("quern_task_run_seconds_sum", here);
  const std::int64_t alive = now_millis() - millis(submitted["created_at"]);
  CHECK(waited >= 0);
  CHECK(ran > 0);
  CHECK((waited + ran) * 1000 <= static_cast<double>(alive + clock_tick.count()));
  CHECK(seen.value("quern_task_wait_seconds_bucket", {{"queue", queue}, {"le", "+Inf"}}) == 1);
}

TEST_CASE("parked calls are counted while they wait") {
  const std::string queue = fresh_queue();
  const std::string id = submit(fresh_queue())["id"];
  const MetricsText before = metrics();
  const auto parked = [](const char* kind) {
    return metrics().value("quern_parked_calls", {{"kind", kind}});
  };
  PendingCall lease_call(server().port(),
                         {.method = "POST",
                          .target = "/leases",
                          .body = Json{{"queues", {queue}}, {"wait_ms", 60'000}}.dump()});
  PendingCall task_call(server().port(), {.target = "/tasks/" + id + "?wait_ms=60000"});
  eventually(
      "it is parked", [&] { return parked("lease"); }, [](double seen) { return seen == 1; });
  eventually(
      "it is parked", [&] { return parked("task"); }, [](double seen) { return seen == 1; });
  CHECK(metrics().value("quern_http_connections") >= before.value("quern_http_connections") + 2);
  lease_call.abandon();
  task_call.abandon();
  eventually(
      "nothing is", [&] { return parked("lease") + parked("task"); },
      [](double seen) { return seen == 0; });
}

TEST_CASE("requests are counted by route and status, what is refused by its reason") {
  const std::string queue = fresh_queue();
  put_queue(queue, {{"max_backlog", 1}});
  const MetricsText before = metrics();
  submit(queue);
  CHECK(refusal(post_task({{"queue", queue}, {"type", "work"}})) == "429 queue_full");
  CHECK(refusal(api().get("/no/such/path")) == "404 not_found");
  const auto answered = [](const MetricsText& seen, const char* route, const char* status,
                           const char* method) {
    return seen
        .find("quern_http_request_duration_seconds_count",
              {{"method", method}, {"route", route}, {"status", status}})
        .value_or(0);
  };
  const auto refused = [](const MetricsText& seen, const char* reason) {
    return seen.value("quern_http_requests_rejected_total", {{"reason", reason}});
  };
  // A request is counted when its answer has been written: perhaps a moment after it was read.
  eventually(
      "all three are counted",
      [&] {
        const MetricsText seen = metrics();
        return answered(seen, "/tasks", "2xx", "POST") - answered(before, "/tasks", "2xx", "POST") +
               answered(seen, "/tasks", "4xx", "POST") - answered(before, "/tasks", "4xx", "POST") +
               answered(seen, "none", "4xx", "none") - answered(before, "none", "4xx", "none");
      },
      [](double seen) { return seen == 3; });
  const MetricsText seen = metrics();
  CHECK(refused(seen, "queue_full") == refused(before, "queue_full") + 1);
  CHECK(refused(seen, "not_found") == refused(before, "not_found") + 1);
  CHECK(refused(seen, "overloaded") == 0);
}

TEST_CASE("a settle that changes nothing is counted, in a list too") {
  const std::string queue = fresh_queue();
  const MetricsText before = metrics();
  const Json leased = lease_new(queue);
  cancel(leased["id"]);
  CHECK(refusal(settle_call("complete", leased)) == "409 lease_lost");
  CHECK(api()
            .post("/leases/settle",
                  {{"settle",
                    {{{"op", "complete"}, {"id", leased["id"]}, {"lease_token", token(leased)}}}}})
            .status == 200);
  const auto lost = [](const MetricsText& seen) {
    return seen.value("quern_settles_refused_total", {{"reason", "lease_lost"}});
  };
  CHECK(lost(metrics()) == lost(before) + 2);
}

TEST_CASE("commits are counted with what they hold and how long the disk took") {
  const MetricsText before = metrics();
  submit(fresh_queue());
  const MetricsText seen = metrics();
  for (const char* name : {"quern_commit_batch_size_count", "quern_commit_duration_seconds_count",
                           "quern_fsync_duration_seconds_count"}) {
    CAPTURE(name);
    CHECK(seen.value(name) > before.value(name));
  }
  CHECK(seen.value("quern_commit_duration_seconds_sum") >
        seen.value("quern_fsync_duration_seconds_sum"));
  CHECK(seen.value("quern_fsync_duration_seconds_sum") > 0);
  CHECK(seen.value("quern_commit_batch_size_sum") > before.value("quern_commit_batch_size_sum"));
}

TEST_CASE("the server tells its state, its storage and its process") {
  submit(fresh_queue());
  const MetricsText seen = metrics();
  CHECK(seen.value("quern_server_state", {{"state", "ready"}}) == 1);
  CHECK(seen.sum("quern_server_state") == 1);
  CHECK(seen.sum("quern_build_info") == 1);
  CHECK(seen.value("quern_engine_commands_limit") == 16'384);
  for (const char* name :
       {"quern_storage_free_bytes", "quern_storage_low_bytes", "quern_storage_log_bytes",
        "quern_storage_memtable_bytes", "process_resident_memory_bytes", "process_open_fds",
        "process_max_fds", "process_virtual_memory_bytes", "process_threads"}) {
    CAPTURE(name);
    CHECK(seen.value(name) > 0);
  }
  CHECK(seen.value("process_open_fds") < seen.value("process_max_fds"));
  CHECK(seen.value("process_start_time_seconds") * 1000 < static_cast<double>(now_millis()) + 1000);
  CHECK(seen.value("process_start_time_seconds") * 1000 >
        static_cast<double>(now_millis()) - 3'600'000);
}

TEST_CASE("all that was submitted is there or has gone, in every queue of this program") {
  const MetricsText seen = metrics();
  const std::set<std::string> queues = seen.values_of("quern_tasks", "queue");
  CHECK_FALSE(queues.empty());
  for (const std::string& queue : queues) {
    check_agreement(seen, queue);
    CHECK(states(seen, queue) == counts(queue));
  }
}

TEST_CASE("after a kill and a start, gauges are right at once and counters begin at 0") {
  TempDir dir;
  const std::string body = R"({"queue":"q","type":"work"})";
  {
    Server first({.data = dir.path()});
    Client client(first.port());
    for (int i = 0; i < 3; ++i) REQUIRE(client.post_text("/tasks", body).status == 202);
    REQUIRE(client.post("/leases", {{"queues", {"q"}}}).status == 200);
    first.kill();
  }
  Server second({.data = dir.path()});
  Client client(second.port());
  const MetricsText seen = metrics_of(client);
  CHECK(states(seen, "q") == Json{{"ready", 2}, {"running", 1}});
  CHECK(seen.value("quern_queue_oldest_ready_age_seconds", {{"queue", "q"}}) > 0);
  CHECK(counters(seen, "q") == "");
  CHECK(seen.value("quern_tasks_submitted_total", {{"queue", "q"}}) == 0);
}

TEST_CASE("queues beyond the limit are shown together") {
  TempDir dir;
  Server limited({.data = dir.path(), .flags = {"--metrics-queues-max=2"}});
  Client client(limited.port());
  for (const char* queue : {"a", "b", "c", "d"}) {
    REQUIRE(client.post("/tasks", {{"queue", queue}, {"type", "work"}}).status == 202);
  }
  const MetricsText seen = metrics_of(client);
  CHECK(seen.values_of("quern_tasks", "queue") == std::set<std::string>{"a", "b", "_other"});
  CHECK(counters(seen, "_other") == "submitted 2");
  CHECK(states(seen, "_other") == Json{{"ready", 2}});
  CHECK(seen.value("quern_queues") == 4);
}

TEST_CASE("a server without queues shows all that it can") {
  TempDir dir;
  Server fresh({.data = dir.path()});
  Client client(fresh.port());
  const MetricsText seen = metrics_of(client);
  CHECK(seen.value("quern_queues") == 0);
  CHECK(seen.families().at("quern_tasks") == "gauge");
  CHECK(seen.values_of("quern_tasks", "queue").empty());
}

TEST_CASE("HEAD works, and a query or another method does not") {
  CHECK(api().head("/metrics").status == 200);
  CHECK(refused_field(api().get("/metrics?queue=x")).substr(0, 3) == "400");
  CHECK(api().post("/metrics").status == 405);
}
