#include <string>
#include <utility>

#include "http/decode.h"
#include "http/request_body.h"
#include "quern/protocol/queue_json.h"

namespace quern::http {
namespace {

constexpr std::string_view purge_fields[] = {"states"};
constexpr JsonNames purge_names{.noun = "a field of a purge", .known = purge_fields};

// Settings that `body` makes of the defaults.
Result<QueueSettings> settings_of(std::string_view body, SettingsBody kind,
                                  const RequestLimits& limits) {
  if (body.empty()) {
    return Error{.code = ErrorCode::invalid_json,
                 .detail = "the body is empty; send the settings as a JSON object, {} for none"};
  }
  QueueSettings settings;
  JsonReader reader(body, limits.json_depth_max);
  if (Result<void> read = read_settings(reader, kind, settings); !read) {
    return std::move(read).error();
  }
  return settings;
}

void read_states(JsonFields& field, std::vector<TaskState>& states) {
  JsonItems item(field, task_state_count);
  while (item.next()) {
    const auto state = item.choice(task_state_from, "must be a state of a task");
    if (!state) continue;
    if (*state == TaskState::running) {
      item.error("cannot be purged: a worker holds these tasks");
    }
    states.push_back(*state);
  }
  if (item.is_array() && item.count() == 0) field.error("must name at least one state");
}

}  // namespace

Result<engine::PutQueue> decode_put_queue(const std::string& name, std::string_view body,
                                          const RequestLimits& limits) {
  if (!is_name(name)) {
    return invalid_argument("/name",
                            "must be 1..128 of A-Z a-z 0-9 _ . : -, starting with none of . : -");
  }
  Result<QueueSettings> settings = settings_of(body, SettingsBody::whole, limits);
  if (!settings) return std::move(settings).error();
  return engine::PutQueue{.name = name, .settings = *settings};
}

Result<engine::PatchQueue> decode_patch_queue(const std::string& name, std::string_view body,
                                              const RequestLimits& limits) {
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  // Merged by the engine, over what is set at that moment; here only checked.
  Result<QueueSettings> settings = settings_of(body, SettingsBody::merge_patch, limits);
  if (!settings) return std::move(settings).error();
  return engine::PatchQueue{.name = name, .merge_patch = std::string(body)};
}

Result<engine::PurgeQueue> decode_purge(const std::string& name, std::string_view text,
                                        const RequestLimits& limits) {
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  RequestBody body(text, limits);
  engine::PurgeQueue purge{.name = name, .states = {}};
  JsonFields field(body.root(), purge_names);
  while (field.next()) read_states(field, purge.states);
  field.require("states");
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return purge;
}

}  // namespace quern::http
