// POST /tasks, POST /tasks/batch.
#include "client/impl.h"
#include "idempotency.h"

namespace quern {

using sdk::Call;

Task Client::submit(NewTask task) {
  const bool own_key = task.idempotency_key.empty();
  if (own_key) task.idempotency_key = sdk::random_key();
  Call call{.method = "POST", .target = "/tasks"};
  JsonWriter json(call.body);
  sdk::throw_unless(sdk::write_new_task(json, task));
  const sdk::HttpResponse response = impl_->send(call);
  Task submitted = impl_->read_answer<Task>(call, response, sdk::read_task);
  // A replay of a key that we made up is our own repeat.
  submitted.replayed = response.replayed && !own_key;
  return submitted;
}

std::vector<Task> Client::submit_batch(std::vector<NewTask> tasks) {
  Call call{.method = "POST", .target = "/tasks/batch"};
  JsonWriter json(call.body);
  json.begin_object().key("tasks").begin_array();
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (tasks[i].idempotency_key.empty()) tasks[i].idempotency_key = sdk::random_key();
    if (auto written = sdk::write_new_task(json, tasks[i]); !written) {
      Error error = std::move(written).error();
      for (FieldError& field : error.fields) {
        field.pointer = "/tasks/" + std::to_string(i) + field.pointer;
      }
      throw ApiError(std::move(error));
    }
  }
  json.end_array().end_object();
  auto submitted =
      impl_->ask<Page<Task>>(call, sdk::page_reader<Task>("tasks", sdk::read_task)).items;
  if (submitted.size() != tasks.size()) impl_->throw_not_quern(call);
  return submitted;
}

}  // namespace quern
