#include "wire/queue_json.h"

#include <array>
#include <utility>

#include "quern/protocol/queue_json.h"
#include "wire/read_object.h"

namespace quern::sdk {
namespace {

// In the order in which they are shown.
constexpr std::array<std::pair<std::string_view, std::uint64_t QueueCounts::*>, 8> count_names{{
    {"blocked", &QueueCounts::blocked},
    {"scheduled", &QueueCounts::scheduled},
    {"ready", &QueueCounts::ready},
    {"running", &QueueCounts::running},
    {"retrying", &QueueCounts::retrying},
    {"dead", &QueueCounts::dead},
    {"succeeded", &QueueCounts::succeeded},
    {"cancelled", &QueueCounts::cancelled},
}};

bool read_counts(JsonReader& json, QueueCounts& counts) {
  return read_object(json, [&](std::string_view key) {
    std::int64_t value = 0;
    for (const auto& [name, member] : count_names) {
      if (key != name) continue;
      if (!json.read_int64(value)) return false;
      counts.*member = static_cast<std::uint64_t>(value);
      return true;
    }
    return false;
  });
}

// One setting over those in `settings`. One that we do not know is left out: the protocol's reader
// is strict, and a newer server may have more.
void take_setting(std::string_view key, std::string_view raw, QueueSettings& settings) {
  std::string text;
  JsonWriter writer(text);
  writer.begin_object().key(key).raw(raw).end_object();
  JsonReader reader(text);
  static_cast<void>(read_settings(reader, SettingsBody::merge_patch, settings).has_value());
}

}  // namespace

bool read_queue(JsonReader& json, Queue& queue) {
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "name") return json.read_string(queue.name);
    if (key == "counts") return read_counts(json, queue.counts);
    std::string_view raw;
    if (key == "oldest_ready_age_ms") {
      std::int64_t ms = 0;
      if (!json.read_int64(ms)) return false;
      queue.oldest_ready_age = Duration{ms};
      return true;
    }
    if (!json.read_raw(raw)) return false;
    take_setting(key, raw, queue.settings);
    return true;
  });
  return is_object && !queue.name.empty();
}

void write_dead_filter(JsonWriter& json, const DeadFilter& filter, const RedriveOptions& options) {
  json.begin_object();
  if (filter.all) json.key("all").boolean(true);
  if (!filter.ids.empty()) {
    json.key("ids").begin_array();
    for (const std::string& id : filter.ids) json.string(id);
    json.end_array();
  }
  if (!filter.type.empty()) json.key("type").string(filter.type);
  if (filter.dead_reason) json.key("dead_reason").string(to_string(*filter.dead_reason));
  if (!filter.error_type.empty()) json.key("error_type").string(filter.error_type);
  if (filter.before) json.key("before").time(*filter.before);
  if (filter.limit) json.key("limit").number(std::uint64_t{*filter.limit});
  if (!options.to_queue.empty()) json.key("to_queue").string(options.to_queue);
  if (options.rate_per_second) json.key("rate_per_second").number(*options.rate_per_second);
  json.end_object();
}

}  // namespace quern::sdk

namespace quern {

std::string to_json(const Queue& queue) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("name").string(queue.name);
  write_settings(json, queue.settings);
  json.key("counts").begin_object();
  for (const auto& [name, member] : sdk::count_names) json.key(name).number(queue.counts.*member);
  json.end_object();
  if (queue.oldest_ready_age) {
    json.key("oldest_ready_age_ms").number(std::int64_t{queue.oldest_ready_age->count()});
  }
  json.end_object();
  return text;
}

}  // namespace quern
