// GET /tasks, GET /tasks/{id}, POST /tasks/{id}/cancel, POST /tasks/{id}/redrive.
#include "engine/query.h"
#include "http/answer.h"
#include "http/authorize.h"
#include "http/cursor.h"
#include "http/decode.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

// GET /tasks/{id}: with wait_ms the engine says when it is time to look.
Result<std::optional<engine::Command>> ask_get(const Request& request, const Context& context) {
  Result<TaskId> id = decode_task_id(request.segment(1));
  if (!id) return std::move(id).error();
  Result<Duration> wait = decode_wait(request.target, context.limits);
  if (!wait) return std::move(wait).error();
  if (*wait == Duration{0}) return std::optional<engine::Command>();
  return std::optional<engine::Command>(
      engine::WaitTask{.id = *id, .wait = *wait, .scope = request.scope()});
}

Result<void> answer_get(const Request& request, const Context& context, engine::Outcome&&,
                        Response& response) {
  Result<TaskId> id = decode_task_id(request.segment(1));
  if (!id) return std::move(id).error();
  return with_snapshot(context, [&](const storage::Reader& reader) -> Result<void> {
    Result<std::optional<engine::TaskView>> task = engine::read_task(reader, *id);
    if (!task) return std::move(task).error();
    if (!task->has_value() || !engine::covers(request.scope(), *(*task)->queue)) {
      return Error{.code = ErrorCode::task_not_found, .detail = "there is no task " + id->text()};
    }
    JsonWriter json(response.body);
    write_task(json, **task, TaskShape::whole);
    return {};
  });
}

// `next`: where to go on, nullopt at the end.
void write_page(const std::vector<engine::TaskView>& tasks, const std::optional<TaskId>& next,
                Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.key("tasks").begin_array();
  for (const engine::TaskView& task : tasks) write_task(json, task, TaskShape::summary);
  json.end_array();
  json.key("next_cursor");
  if (next) {
    json.string(task_cursor(*next));
  } else {
    json.null();
  }
  json.end_object();
}

Result<void> answer_list(const Request& request, const Context& context, engine::Outcome&&,
                         Response& response) {
  Result<engine::TaskQuery> query = decode_task_query(request.target);
  if (!query) return std::move(query).error();
  if (query->queue) {
    if (Result<void> may = check_queue(request, *query->queue); !may) return may;
  }
  query->scope = request.scope();
  return with_snapshot(context, [&](const storage::Reader& reader) -> Result<void> {
    Result<engine::TaskPage> page = engine::list_tasks(reader, *query);
    if (!page) return std::move(page).error();
    write_page(page->tasks, page->next, response);
    return {};
  });
}

// POST /tasks/{id}/<verb> without anything to say.
template <typename C>
Result<std::optional<engine::Command>> ask_one(const Request& request, const Context& context) {
  Result<TaskId> id = decode_task_id(request.segment(1));
  if (!id) return std::move(id).error();
  if (Result<void> none = decode_empty_body(request.body, context.limits); !none)
    return std::move(none).error();
  return std::optional<engine::Command>(C{.id = *id, .scope = request.scope()});
}

}  // namespace

const Endpoint get_task{.ask = ask_get, .answer = answer_get, .has_query = true};
const Endpoint list_tasks{.ask = nullptr, .answer = answer_list, .has_query = true};
const Endpoint cancel_task{.ask = ask_one<engine::CancelTask>, .answer = answer_task};
const Endpoint redrive_task{.ask = ask_one<engine::RedriveTask>, .answer = answer_task};

}  // namespace quern::http
