// GET /queues; GET, PUT, PATCH, DELETE /queues/{name}; pause, resume, purge.
#include "http/answer.h"
#include "http/cursor.h"
#include "http/decode.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

Result<std::optional<engine::Command>> ask_put(const Request& request, const Context& context) {
  return asked(decode_put_queue(request.segment(1), request.body, context.limits));
}

Result<std::optional<engine::Command>> ask_patch(const Request& request, const Context& context) {
  return asked(decode_patch_queue(request.segment(1), request.body, context.limits));
}

Result<std::optional<engine::Command>> ask_get(const Request& request, const Context&) {
  const std::string& name = request.segment(1);
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  return std::optional<engine::Command>(engine::GetQueue{.name = name});
}

Result<std::optional<engine::Command>> ask_list(const Request& request, const Context&) {
  Result<engine::ListQueues> list = decode_queue_query(request.target);
  if (list) list->scope = request.scope();
  return asked(std::move(list));
}

Result<void> answer_list(const Request&, const Context&, engine::Outcome&& outcome,
                         Response& response) {
  const auto& page = expect<engine::QueuePage>(outcome);
  JsonWriter json(response.body);
  json.begin_object();
  json.key("queues").begin_array();
  for (const engine::QueueView& queue : page.queues) write_queue(json, queue);
  json.end_array();
  json.key("next_cursor");
  if (page.more && !page.queues.empty()) {
    json.string(queue_cursor(page.queues.back().name));
  } else {
    json.null();
  }
  json.end_object();
  return {};
}

Result<std::optional<engine::Command>> ask_delete(const Request& request, const Context&) {
  const std::string& name = request.segment(1);
  Result<bool> force = decode_force(request.target);
  if (!force) return std::move(force).error();
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  return std::optional<engine::Command>(engine::DeleteQueue{.name = name, .force = *force});
}

Result<void> answer_delete(const Request&, const Context&, engine::Outcome&&, Response& response) {
  response.status = 204;
  return {};
}

template <bool Paused>
Result<std::optional<engine::Command>> ask_pause(const Request& request, const Context& context) {
  const std::string& name = request.segment(1);
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  if (Result<void> none = decode_empty_body(request.body, context.limits); !none)
    return std::move(none).error();
  return std::optional<engine::Command>(engine::PauseQueue{.name = name, .paused = Paused});
}

Result<std::optional<engine::Command>> ask_purge(const Request& request, const Context& context) {
  return asked(decode_purge(request.segment(1), request.body, context.limits));
}

Result<void> answer_purge(const Request&, const Context&, engine::Outcome&& outcome,
                          Response& response) {
  write_count(outcome, "purged", response);
  return {};
}

}  // namespace

const Endpoint put_queue{.ask = ask_put, .answer = answer_queue};
const Endpoint patch_queue{.ask = ask_patch, .answer = answer_queue};
const Endpoint get_queue{.ask = ask_get, .answer = answer_queue};
const Endpoint list_queues{.ask = ask_list, .answer = answer_list, .has_query = true};
const Endpoint delete_queue{.ask = ask_delete, .answer = answer_delete, .has_query = true};
const Endpoint pause_queue{.ask = ask_pause<true>, .answer = answer_queue};
const Endpoint resume_queue{.ask = ask_pause<false>, .answer = answer_queue};
const Endpoint purge_queue{.ask = ask_purge, .answer = answer_purge};

}  // namespace quern::http
