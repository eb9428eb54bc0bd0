// /queues/{name}/dead.
#include "client/impl.h"
#include "wire/queue_json.h"

namespace quern {

using sdk::Call;
using sdk::Query;
using sdk::queue_path;
using sdk::Repeat;

Page<Task> Client::dead_list(std::string_view queue, const PageOptions& page) {
  const Call call{.method = "GET", .target = queue_path(queue, "/dead" + Query{}.add(page).text())};
  return impl_->ask<Page<Task>>(call, sdk::page_reader<Task>("tasks", sdk::read_task));
}

std::uint64_t Client::dead_redrive(std::string_view queue, const DeadFilter& filter,
                                   const RedriveOptions& options) {
  Call call{
      .method = "POST", .target = queue_path(queue, "/dead/redrive"), .repeat = Repeat::unsafe};
  JsonWriter json(call.body);
  sdk::write_dead_filter(json, filter, options);
  return impl_->ask<std::uint64_t>(call, sdk::count_reader("redriven"));
}

std::uint64_t Client::dead_discard(std::string_view queue, const DeadFilter& filter) {
  Call call{
      .method = "POST", .target = queue_path(queue, "/dead/discard"), .repeat = Repeat::unsafe};
  JsonWriter json(call.body);
  sdk::write_dead_filter(json, filter, {});
  return impl_->ask<std::uint64_t>(call, sdk::count_reader("discarded"));
}

}  // namespace quern
