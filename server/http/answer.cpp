#include "http/answer.h"

namespace quern::http {

Result<void> answer_task(const Request&, const Context&, engine::Outcome&& outcome,
                         Response& response) {
  JsonWriter json(response.body);
  write_task(json, expect<engine::OneTask>(outcome).task, TaskShape::whole);
  return {};
}

Result<void> answer_queue(const Request&, const Context&, engine::Outcome&& outcome,
                          Response& response) {
  JsonWriter json(response.body);
  write_queue(json, expect<engine::OneQueue>(outcome).queue);
  return {};
}

void write_count(engine::Outcome& outcome, std::string_view name, Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  json.key(name).number(expect<engine::Counted>(outcome).count);
  json.end_object();
}

}  // namespace quern::http
