// GET /queues/{name}/dead, POST /queues/{name}/dead/redrive, POST /queues/{name}/dead/discard.
#include "engine/query.h"
#include "http/answer.h"
#include "http/authorize.h"
#include "http/cursor.h"
#include "http/decode.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

void write_page(const engine::DeadPage& page, Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.key("tasks").begin_array();
  for (const engine::TaskView& task : page.tasks) write_task(json, task, TaskShape::summary);
  json.end_array();
  json.key("next_cursor");
  if (page.next) {
    json.string(dead_cursor(*page.next));
  } else {
    json.null();
  }
  json.end_object();
}

Result<void> answer_list(const Request& request, const Context& context, engine::Outcome&&,
                         Response& response) {
  const std::string& name = request.segment(1);
  Result<DeadQuery> query = decode_dead_query(request.target);
  if (!query) return std::move(query).error();
  if (Result<void> named = decode_queue_name(name); !named) return named;
  return with_snapshot(context, [&](const storage::Reader& reader) -> Result<void> {
    Result<engine::DeadPage> page = engine::list_dead(reader, name, query->before, query->limit);
    if (!page) return std::move(page).error();
    write_page(*page, response);
    return {};
  });
}

Result<std::optional<engine::Command>> ask_redrive(const Request& request, const Context& context) {
  Result<engine::RedriveDead> redrive =
      decode_redrive_dead(request.segment(1), request.body, context.limits);
  if (redrive && redrive->to_queue) {
    if (Result<void> may = check_queue(request, *redrive->to_queue); !may)
      return std::move(may).error();
  }
  return asked(std::move(redrive));
}

Result<void> answer_redrive(const Request&, const Context&, engine::Outcome&& outcome,
                            Response& response) {
  write_count(outcome, "redriven", response);
  return {};
}

Result<std::optional<engine::Command>> ask_discard(const Request& request, const Context& context) {
  return asked(decode_discard_dead(request.segment(1), request.body, context.limits));
}

Result<void> answer_discard(const Request&, const Context&, engine::Outcome&& outcome,
                            Response& response) {
  write_count(outcome, "discarded", response);
  return {};
}

}  // namespace

const Endpoint list_dead{.ask = nullptr, .answer = answer_list, .has_query = true};
const Endpoint redrive_dead{.ask = ask_redrive, .answer = answer_redrive};
const Endpoint discard_dead{.ask = ask_discard, .answer = answer_discard};

}  // namespace quern::http
