#include "http/encode.h"
#include "quern/protocol/queue_json.h"

namespace quern::http {

void write_queue(JsonWriter& json, const engine::QueueView& queue) {
  json.begin_object();
  json.key("name").string(queue.name);
  write_settings(json, queue.settings);
  json.key("counts").begin_object();
  for (const TaskState state : task_states) {
    json.key(to_string(state)).number(queue.counts[static_cast<std::size_t>(state)]);
  }
  json.end_object();
  json.key("oldest_ready_age_ms");
  if (queue.oldest_ready_age) {
    json.number(std::int64_t{queue.oldest_ready_age->count()});
  } else {
    json.null();
  }
  json.end_object();
}

}  // namespace quern::http
