// POST /leases, POST /leases/settle, and the settling of single tasks.
#include <algorithm>

#include "client/impl.h"
#include "wire/lease_json.h"

namespace quern {

using sdk::Call;
using sdk::Repeat;
using sdk::task_path;
using sdk::throw_unless;

namespace {

// Room made for the answer to a lease call at once, since tasks are costly to move. More can come.
constexpr std::size_t tasks_expected = 128;

Settlement settlement(SettleOp op, const Task& leased) {
  return Settlement{
      .op = op, .id = leased.id, .lease_token = leased.lease ? leased.lease->token : std::string{}};
}

Call settle_call(const Settlement& item) {
  Call call{.method = "POST",
            .target = task_path(item.id, "/" + std::string(sdk::to_string(item.op)))};
  JsonWriter json(call.body);
  throw_unless(sdk::write_settlement_body(json, item));
  return call;
}

}  // namespace

LeaseAnswer Client::lease(const LeaseRequest& request, std::stop_token stop) {
  Call call{.method = "POST",
            .target = "/leases",
            .repeat = Repeat::never,
            .wait = request.wait,
            .timeout = request.timeout,
            .stop = std::move(stop)};
  JsonWriter json(call.body);
  throw_unless(sdk::write_lease_request(json, request));
  return impl_->ask<LeaseAnswer>(call, [&](JsonReader& json, LeaseAnswer& answer) {
    answer.tasks.reserve(std::min<std::size_t>(request.max_tasks, tasks_expected));
    answer.settled.reserve(request.settle.size());
    return sdk::read_lease_answer(json, answer);
  });
}

std::vector<Settled> Client::settle(const std::vector<Settlement>& settle) {
  Call call{.method = "POST", .target = "/leases/settle"};
  JsonWriter json(call.body);
  throw_unless(sdk::write_settle_request(json, settle));
  return impl_->ask<LeaseAnswer>(call, sdk::read_lease_answer).settled;
}

Task Client::complete(const Task& leased, std::string_view result) {
  Settlement item = settlement(SettleOp::complete, leased);
  item.result = result;
  return impl_->ask<Task>(settle_call(item), sdk::read_task);
}

Task Client::fail(const Task& leased, const TaskError& error, bool retryable,
                  std::optional<Duration> retry_after) {
  Settlement item = settlement(SettleOp::fail, leased);
  item.error = error;
  item.retryable = retryable;
  item.retry_after = retry_after;
  return impl_->ask<Task>(settle_call(item), sdk::read_task);
}

Timestamp Client::heartbeat(const Task& leased, std::optional<Duration> lease,
                            std::string_view progress) {
  Settlement item = settlement(SettleOp::heartbeat, leased);
  item.lease = lease;
  item.progress = progress;
  // {"lease": {"expires_at"}}
  const auto read = [](JsonReader& json, std::optional<Timestamp>& expires_at) {
    return sdk::read_object(json, [&](std::string_view key) {
      return key == "lease" && sdk::read_object(json, [&](std::string_view field) {
               return field == "expires_at" && sdk::read_timestamp(json, expires_at);
             });
    });
  };
  return impl_->ask<std::optional<Timestamp>>(settle_call(item), read).value_or(Timestamp{});
}

Task Client::release(const Task& leased, Duration delay) {
  Settlement item = settlement(SettleOp::release, leased);
  item.delay = delay;
  return impl_->ask<Task>(settle_call(item), sdk::read_task);
}

}  // namespace quern
