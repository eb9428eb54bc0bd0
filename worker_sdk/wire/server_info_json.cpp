#include "wire/server_info_json.h"

#include <array>
#include <utility>

#include "quern/protocol/json_writer.h"
#include "wire/read_object.h"

namespace quern::sdk {
namespace {

// In the order in which they are shown.
constexpr std::array<std::pair<std::string_view, std::uint64_t ServerLimits::*>, 11> limit_names{{
    {"body_bytes_max", &ServerLimits::body_bytes_max},
    {"payload_bytes_max", &ServerLimits::payload_bytes_max},
    {"header_bytes_max", &ServerLimits::header_bytes_max},
    {"target_bytes_max", &ServerLimits::target_bytes_max},
    {"json_depth_max", &ServerLimits::json_depth_max},
    {"batch_tasks_max", &ServerLimits::batch_tasks_max},
    {"settle_items_max", &ServerLimits::settle_items_max},
    {"lease_tasks_max", &ServerLimits::lease_tasks_max},
    {"lease_queues_max", &ServerLimits::lease_queues_max},
    {"page_limit_max", &ServerLimits::page_limit_max},
    {"connections_max", &ServerLimits::connections_max},
}};

bool read_duration(JsonReader& json, Duration& out) {
  std::int64_t ms = 0;
  if (!json.read_int64(ms)) return false;
  out = Duration{ms};
  return true;
}

bool read_limits(JsonReader& json, ServerLimits& limits) {
  return read_object(json, [&](std::string_view key) {
    if (key == "wait_ms_max") return read_duration(json, limits.wait_max);
    for (const auto& [name, member] : limit_names) {
      if (key != name) continue;
      std::int64_t value = 0;
      if (!json.read_int64(value)) return false;
      limits.*member = static_cast<std::uint64_t>(value);
      return true;
    }
    return false;
  });
}

}  // namespace

bool read_server_info(JsonReader& json, ServerInfo& info) {
  const bool is_object = read_object(json, [&](std::string_view key) {
    if (key == "version") return json.read_string(info.version);
    if (key == "build") return json.read_string(info.build);
    if (key == "rocksdb") return json.read_string(info.rocksdb);
    if (key == "durability") return json.read_string(info.durability);
    if (key == "uptime_ms") return read_duration(json, info.uptime);
    if (key == "data_format") return json.read_int64(info.data_format);
    if (key == "limits") return read_limits(json, info.limits);
    return false;
  });
  // Many services have a version; this much only a Quern server says.
  return is_object && !info.version.empty() && !info.durability.empty();
}

}  // namespace quern::sdk

namespace quern {

std::string to_json(const ServerInfo& info) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  json.key("version").string(info.version);
  json.key("build").string(info.build);
  json.key("rocksdb").string(info.rocksdb);
  json.key("uptime_ms").number(std::int64_t{info.uptime.count()});
  json.key("durability").string(info.durability);
  json.key("data_format").number(info.data_format);
  json.key("limits").begin_object();
  for (const auto& [name, member] : sdk::limit_names) json.key(name).number(info.limits.*member);
  json.key("wait_ms_max").number(std::int64_t{info.limits.wait_max.count()});
  json.end_object().end_object();
  return text;
}

}  // namespace quern
