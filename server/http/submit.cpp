// POST /tasks, POST /tasks/batch.
#include "http/answer.h"
#include "http/authorize.h"
#include "http/decode.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

DecodeContext decode_context(const Context& context) {
  return DecodeContext{.limits = context.limits, .now = context.now()};
}

Result<std::optional<engine::Command>> ask(const Request& request,
                                           Result<engine::Submit>&& submit) {
  if (!submit) return std::move(submit).error();
  for (const engine::NewTask& task : submit->tasks) {
    if (Result<void> may = check_queue(request, task.queue); !may) return std::move(may).error();
  }
  return std::optional<engine::Command>(*std::move(submit));
}

Result<std::optional<engine::Command>> ask_submit(const Request& request, const Context& context) {
  return ask(request, decode_submit(request.fields, request.body, decode_context(context)));
}

Result<void> answer_submit(const Request&, const Context&, engine::Outcome&& outcome,
                           Response& response) {
  const auto& submitted = expect<engine::Submitted>(outcome);
  const engine::TaskView& task = submitted.tasks.front();
  response.status = 202;
  std::string location = "/tasks/";
  location.reserve(location.size() + TaskId::text_size);
  task.id.append_text(location);
  response.add_field("Location", location);
  if (submitted.replayed) response.add_field("Idempotency-Replayed", "true");
  JsonWriter json(response.body);
  write_task(json, task, TaskShape::summary);
  return {};
}

Result<std::optional<engine::Command>> ask_batch(const Request& request, const Context& context) {
  return ask(request, decode_batch(request.fields, request.body, decode_context(context)));
}

Result<void> answer_batch(const Request&, const Context&, engine::Outcome&& outcome,
                          Response& response) {
  response.status = 202;
  JsonWriter json(response.body);
  json.begin_object();
  json.key("tasks").begin_array();
  for (const engine::TaskView& task : expect<engine::Submitted>(outcome).tasks) {
    write_task(json, task, TaskShape::summary);
  }
  json.end_array();
  json.end_object();
  return {};
}

}  // namespace

const Endpoint submit_task{.ask = ask_submit, .answer = answer_submit};
const Endpoint submit_batch{.ask = ask_batch, .answer = answer_batch};

}  // namespace quern::http
