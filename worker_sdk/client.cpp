#include "quern/client.h"

#include <algorithm>
#include <utility>

#include "idempotency.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/queue_json.h"
#include "transport.h"
#include "wire/lease_json.h"
#include "wire/queue_json.h"
#include "wire/read_object.h"
#include "wire/task_json.h"

namespace quern {
namespace {

using sdk::Call;
using sdk::percent_encode;
using sdk::Repeat;

// One long poll of wait(): well below what proxies allow.
constexpr Duration wait_slice{20'000};

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw ApiError(std::move(result).error());
  return std::move(result).value();
}

void throw_unless(Result<void> result) {
  if (!result) throw ApiError(std::move(result).error());
}

std::string task_path(std::string_view id, std::string_view verb = {}) {
  return "/tasks/" + percent_encode(id) + std::string(verb);
}

std::string queue_path(std::string_view name, std::string_view verb = {}) {
  return "/queues/" + percent_encode(name) + std::string(verb);
}

// Builds "?a=1&b=2", leaving out what is empty.
class Query {
 public:
  Query& add(std::string_view name, std::string_view value) {
    if (value.empty()) return *this;
    text_ += text_.empty() ? '?' : '&';
    text_ += name;
    text_ += '=';
    text_ += percent_encode(value);
    return *this;
  }
  Query& add(const PageOptions& page) {
    return add("limit", std::to_string(page.limit)).add("cursor", page.cursor);
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// {"<name>": […], "next_cursor"}
template <typename Item, typename Read>
auto page_reader(std::string_view name, const Read& read) {
  return [name, read](JsonReader& json, Page<Item>& page) {
    bool all = true;
    const bool is_object = sdk::read_object(json, [&](std::string_view key) {
      if (key == "next_cursor") return json.read_string(page.next_cursor);
      if (key != name) return false;
      return sdk::read_array(json, [&] { return all = read(json, page.items.emplace_back()); });
    });
    return is_object && all;
  };
}

bool read_tasks_object(JsonReader& json, std::vector<Task>& tasks) {
  bool found = false;
  return sdk::read_object(json,
                          [&](std::string_view key) {
                            return key == "tasks" && (found = sdk::read_tasks(json, tasks));
                          }) &&
         found;
}

Settlement settlement(SettleOp op, const Task& leased) {
  return Settlement{
      .op = op, .id = leased.id, .lease_token = leased.lease ? leased.lease->token : std::string{}};
}

Call settle_call(const Settlement& item) {
  Call call{.method = "POST",
            .target = task_path(item.id, "/" + std::string(sdk::to_string(item.op)))};
  JsonWriter json(call.body);
  throw_unless(sdk::write_settlement_body(json, item));
  return call;
}

}  // namespace

struct Client::Impl {
  explicit Impl(ClientOptions options) : options(std::move(options)), transport(this->options) {}

  // The answer to `call` as `read(JsonReader&, Answer&)` understands it.
  template <typename Answer, typename Read>
  Result<Answer> ask(const sdk::Call& call, const Read& read) {
    auto reply = transport.call(call);
    if (!reply) return std::move(reply).error();
    JsonReader json(reply->response.body, sdk::answer_depth_max);
    Answer answer{};
    if (read(json, answer) && json.finish()) return answer;
    return Error{.code = ErrorCode::bad_response,
                 .detail = "the answer to " + std::string(call.method) + " " + call.target +
                           " is not what a Quern server says: is one at " + options.server + "?"};
  }

  ClientOptions options;
  sdk::Transport transport;
};

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

const ClientOptions& Client::options() const { return impl_->options; }

// --- Submitting ---

Task Client::submit(NewTask task) {
  const bool own_key = task.idempotency_key.empty();
  if (own_key) task.idempotency_key = sdk::random_key();
  Call call{.method = "POST", .target = "/tasks"};
  JsonWriter json(call.body);
  throw_unless(sdk::write_new_task(json, task));
  auto reply = value_or_throw(impl_->transport.call(call));
  JsonReader answer(reply.response.body, sdk::answer_depth_max);
  Task submitted;
  if (!sdk::read_task(answer, submitted)) {
    throw ApiError(Error{.code = ErrorCode::bad_response,
                         .detail = "the answer to a submit is no task: is a Quern server at " +
                                   impl_->options.server + "?"});
  }
  // A replay of a key that we made up is our own repeat.
  submitted.replayed = reply.response.replayed && !own_key;
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
  return value_or_throw(impl_->ask<std::vector<Task>>(call, read_tasks_object));
}

// --- Asking ---

Task Client::get(std::string_view id) {
  const Call call{.method = "GET", .target = task_path(id)};
  return value_or_throw(impl_->ask<Task>(call, sdk::read_task));
}

Task Client::wait(std::string_view id, Duration timeout) {
  const auto give_up_at = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<Duration>(give_up_at - std::chrono::steady_clock::now());
    const Duration slice = std::clamp(left, Duration{0}, wait_slice);
    const Call call{.method = "GET",
                    .target = task_path(id, "?wait_ms=" + std::to_string(slice.count())),
                    .wait = slice};
    Task task = value_or_throw(impl_->ask<Task>(call, sdk::read_task));
    if (is_terminal(task.state) || left <= slice) return task;
  }
}

Page<Task> Client::list(const TaskQuery& query) {
  Query parameters;
  parameters.add("queue", query.queue)
      .add("state", query.state ? to_string(*query.state) : std::string_view{})
      .add("type", query.type)
      .add("correlation_id", query.correlation_id)
      .add(query.page);
  const Call call{.method = "GET", .target = "/tasks" + parameters.text()};
  return value_or_throw(impl_->ask<Page<Task>>(call, page_reader<Task>("tasks", sdk::read_task)));
}

Task Client::cancel(std::string_view id) {
  const Call call{.method = "POST", .target = task_path(id, "/cancel"), .repeat = Repeat::unsafe};
  return value_or_throw(impl_->ask<Task>(call, sdk::read_task));
}

Task Client::redrive(std::string_view id) {
  const Call call{.method = "POST", .target = task_path(id, "/redrive"), .repeat = Repeat::unsafe};
  return value_or_throw(impl_->ask<Task>(call, sdk::read_task));
}

// --- Working ---

LeaseAnswer Client::lease(const LeaseRequest& request, std::stop_token stop) {
  Call call{.method = "POST",
            .target = "/leases",
            .repeat = Repeat::never,
            .wait = request.wait,
            .stop = std::move(stop)};
  JsonWriter json(call.body);
  throw_unless(sdk::write_lease_request(json, request));
  return value_or_throw(impl_->ask<LeaseAnswer>(call, sdk::read_lease_answer));
}

std::vector<Settled> Client::settle(const std::vector<Settlement>& settle) {
  Call call{.method = "POST", .target = "/leases/settle"};
  JsonWriter json(call.body);
  throw_unless(sdk::write_settle_request(json, settle));
  return value_or_throw(impl_->ask<LeaseAnswer>(call, sdk::read_lease_answer)).settled;
}

Task Client::complete(const Task& leased, std::string_view result) {
  Settlement item = settlement(SettleOp::complete, leased);
  item.result = result;
  return value_or_throw(impl_->ask<Task>(settle_call(item), sdk::read_task));
}

Task Client::fail(const Task& leased, const TaskError& error, bool retryable,
                  std::optional<Duration> retry_after) {
  Settlement item = settlement(SettleOp::fail, leased);
  item.error = error;
  item.retryable = retryable;
  item.retry_after = retry_after;
  return value_or_throw(impl_->ask<Task>(settle_call(item), sdk::read_task));
}

Timestamp Client::heartbeat(const Task& leased, std::optional<Duration> lease,
                            std::string_view progress) {
  Settlement item = settlement(SettleOp::heartbeat, leased);
  item.lease = lease;
  item.progress = progress;
  // {"lease": {"expires_at"}}
  const auto read = [](JsonReader& json, std::optional<Timestamp>& expires_at) {
    return sdk::read_object(json, [&](std::string_view key) {
      return key == "lease" && sdk::read_object(json, [&](std::string_view field) {
               return field == "expires_at" && sdk::read_timestamp(json, expires_at);
             });
    });
  };
  return value_or_throw(impl_->ask<std::optional<Timestamp>>(settle_call(item), read))
      .value_or(Timestamp{});
}

Task Client::release(const Task& leased, Duration delay) {
  Settlement item = settlement(SettleOp::release, leased);
  item.delay = delay;
  return value_or_throw(impl_->ask<Task>(settle_call(item), sdk::read_task));
}

// --- Queues ---

Page<Queue> Client::queues(const PageOptions& page) {
  const Call call{.method = "GET", .target = "/queues" + Query{}.add(page).text()};
  return value_or_throw(
      impl_->ask<Page<Queue>>(call, page_reader<Queue>("queues", sdk::read_queue)));
}

Queue Client::queue(std::string_view name) {
  const Call call{.method = "GET", .target = queue_path(name)};
  return value_or_throw(impl_->ask<Queue>(call, sdk::read_queue));
}

Queue Client::queue_set(std::string_view name, const QueueSettings& settings) {
  Call call{.method = "PUT", .target = queue_path(name)};
  JsonWriter json(call.body);
  json.begin_object();
  write_settings(json, settings);
  json.end_object();
  return value_or_throw(impl_->ask<Queue>(call, sdk::read_queue));
}

Queue Client::queue_patch(std::string_view name, std::string_view merge_patch) {
  const Call call{.method = "PATCH", .target = queue_path(name), .body = std::string(merge_patch)};
  return value_or_throw(impl_->ask<Queue>(call, sdk::read_queue));
}

Queue Client::queue_pause(std::string_view name) {
  const Call call{.method = "POST", .target = queue_path(name, "/pause")};
  return value_or_throw(impl_->ask<Queue>(call, sdk::read_queue));
}

Queue Client::queue_resume(std::string_view name) {
  const Call call{.method = "POST", .target = queue_path(name, "/resume")};
  return value_or_throw(impl_->ask<Queue>(call, sdk::read_queue));
}

// --- Dead letters ---

Page<Task> Client::dead_list(std::string_view queue, const PageOptions& page) {
  const Call call{.method = "GET", .target = queue_path(queue, "/dead" + Query{}.add(page).text())};
  return value_or_throw(impl_->ask<Page<Task>>(call, page_reader<Task>("tasks", sdk::read_task)));
}

std::uint64_t Client::dead_redrive(std::string_view queue, const DeadFilter& filter,
                                   const RedriveOptions& options) {
  Call call{
      .method = "POST", .target = queue_path(queue, "/dead/redrive"), .repeat = Repeat::unsafe};
  JsonWriter json(call.body);
  sdk::write_dead_filter(json, filter, options);
  const auto read = [](JsonReader& json, std::int64_t& count) {
    return sdk::read_object(
        json, [&](std::string_view key) { return key == "redriven" && json.read_int64(count); });
  };
  return static_cast<std::uint64_t>(value_or_throw(impl_->ask<std::int64_t>(call, read)));
}

}  // namespace quern
