// /queues and /queues/{name}: settings, counts, pause, purge, removal.
#include "client/impl.h"
#include "quern/protocol/queue_json.h"
#include "wire/queue_json.h"

namespace quern {

using sdk::Call;
using sdk::Query;
using sdk::queue_path;
using sdk::Repeat;

Page<Queue> Client::queues(const PageOptions& page) {
  const Call call{.method = "GET", .target = "/queues" + Query{}.add(page).text()};
  return impl_->ask<Page<Queue>>(call, sdk::page_reader<Queue>("queues", sdk::read_queue));
}

Queue Client::queue(std::string_view name) {
  const Call call{.method = "GET", .target = queue_path(name)};
  return impl_->ask<Queue>(call, sdk::read_queue);
}

Queue Client::queue_set(std::string_view name, const QueueSettings& settings) {
  Call call{.method = "PUT", .target = queue_path(name)};
  JsonWriter json(call.body);
  json.begin_object();
  write_settings(json, settings);
  json.end_object();
  return impl_->ask<Queue>(call, sdk::read_queue);
}

Queue Client::queue_patch(std::string_view name, std::string_view merge_patch) {
  const Call call{.method = "PATCH", .target = queue_path(name), .body = std::string(merge_patch)};
  return impl_->ask<Queue>(call, sdk::read_queue);
}

Queue Client::queue_pause(std::string_view name) {
  const Call call{.method = "POST", .target = queue_path(name, "/pause")};
  return impl_->ask<Queue>(call, sdk::read_queue);
}

Queue Client::queue_resume(std::string_view name) {
  const Call call{.method = "POST", .target = queue_path(name, "/resume")};
  return impl_->ask<Queue>(call, sdk::read_queue);
}

std::uint64_t Client::queue_purge(std::string_view name, const std::vector<TaskState>& states) {
  Call call{.method = "POST", .target = queue_path(name, "/purge"), .repeat = Repeat::unsafe};
  JsonWriter json(call.body);
  json.begin_object().key("states").begin_array();
  for (const TaskState state : states) json.string(to_string(state));
  json.end_array().end_object();
  return impl_->ask<std::uint64_t>(call, sdk::count_reader("purged"));
}

void Client::queue_delete(std::string_view name, bool force) {
  const Call call{.method = "DELETE",
                  .target = queue_path(name, force ? "?force=true" : ""),
                  .repeat = Repeat::unsafe};
  if (impl_->send(call).status != 204) impl_->throw_not_quern(call);
}

}  // namespace quern
