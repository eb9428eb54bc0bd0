// POST /leases, POST /leases/settle, POST /tasks/{id}/complete | fail | heartbeat | release.
#include "http/answer.h"
#include "http/authorize.h"
#include "http/decode.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

using engine::SettleVerb;

Result<std::optional<engine::Command>> ask_lease(const Request& request, const Context& context) {
  Result<engine::Lease> lease = decode_lease(request.body, context.limits);
  if (!lease) return std::move(lease).error();
  for (const std::string& queue : lease->queues) {
    if (Result<void> may = check_queue(request, queue); !may) return std::move(may).error();
  }
  lease->scope = request.scope();
  return std::optional<engine::Command>(*std::move(lease));
}

void write_settled_list(JsonWriter& json, const std::vector<engine::Settled>& items) {
  json.key("settled").begin_array();
  for (const engine::Settled& item : items) write_settled(json, item);
  json.end_array();
}

Result<void> answer_lease(const Request&, const Context&, engine::Outcome&& outcome,
                          Response& response) {
  const auto& leased = expect<engine::Leased>(outcome);
  JsonWriter json(response.body);
  json.begin_object();
  json.key("tasks").begin_array();
  for (const engine::TaskView& task : leased.tasks) write_task(json, task, TaskShape::leased);
  json.end_array();
  write_settled_list(json, leased.settled);
  json.end_object();
  return {};
}

Result<std::optional<engine::Command>> ask_settle(const Request& request, const Context& context) {
  Result<engine::Settle> settle = decode_settle(request.body, context.limits);
  if (settle) settle->scope = request.scope();
  return asked(std::move(settle));
}

Result<void> answer_settle(const Request&, const Context&, engine::Outcome&& outcome,
                           Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  write_settled_list(json, expect<engine::SettledMany>(outcome).items);
  json.end_object();
  return {};
}

template <SettleVerb Verb>
Result<std::optional<engine::Command>> ask_settle_one(const Request& request,
                                                      const Context& context) {
  Result<engine::SettleOne> settle =
      decode_settle_one(Verb, request.segment(1), request.body, context.limits);
  if (settle) settle->scope = request.scope();
  return asked(std::move(settle));
}

Result<void> answer_heartbeat(const Request&, const Context&, engine::Outcome&& outcome,
                              Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.key("lease").begin_object();
  json.key("expires_at").time(expect<engine::LeaseExtended>(outcome).expires_at);
  json.end_object();
  json.end_object();
  return {};
}

}  // namespace

const Endpoint lease_tasks{.ask = ask_lease, .answer = answer_lease};
const Endpoint settle_tasks{.ask = ask_settle, .answer = answer_settle};
const Endpoint complete_task{.ask = ask_settle_one<SettleVerb::complete>, .answer = answer_task};
const Endpoint fail_task{.ask = ask_settle_one<SettleVerb::fail>, .answer = answer_task};
const Endpoint heartbeat_task{.ask = ask_settle_one<SettleVerb::heartbeat>,
                              .answer = answer_heartbeat};
const Endpoint release_task{.ask = ask_settle_one<SettleVerb::release>, .answer = answer_task};

}  // namespace quern::http
