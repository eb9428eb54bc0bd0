#include "http/decode_settle.h"

#include <string>
#include <utility>

#include "http/ascii.h"
#include "http/decode.h"

namespace quern::http {
namespace {

using engine::SettleItem;
using engine::SettleVerb;

// What each verb takes beside the token.
constexpr std::string_view complete_fields[] = {"lease_token", "result"};
constexpr std::string_view fail_fields[] = {"lease_token", "error", "retryable", "retry_after_ms"};
constexpr std::string_view heartbeat_fields[] = {"lease_token", "lease_ms", "progress"};
constexpr std::string_view release_fields[] = {"lease_token", "delay_ms"};

constexpr JsonNames complete_names{.noun = "a field of complete", .known = complete_fields};
constexpr JsonNames fail_names{.noun = "a field of fail", .known = fail_fields};
constexpr JsonNames heartbeat_names{.noun = "a field of heartbeat", .known = heartbeat_fields};
constexpr JsonNames release_names{.noun = "a field of release", .known = release_fields};

// An item of a list has those of its verb, which may come after them, and says whom it is about.
constexpr std::string_view item_fields[] = {"op",       "id",        "lease_token",    "result",
                                            "error",    "retryable", "retry_after_ms", "lease_ms",
                                            "progress", "delay_ms"};
constexpr JsonNames item_names{.noun = "a field of a settle item", .known = item_fields};

constexpr std::string_view error_fields[] = {"type", "message", "details"};
constexpr JsonNames error_names{.noun = "a field of an error", .known = error_fields};

constexpr std::string_view list_fields[] = {"settle"};
constexpr JsonNames list_names{.noun = "a field of this request", .known = list_fields};

const JsonNames& names_of(SettleVerb verb) {
  switch (verb) {
    case SettleVerb::complete:
      return complete_names;
    case SettleVerb::fail:
      return fail_names;
    case SettleVerb::heartbeat:
      return heartbeat_names;
    case SettleVerb::release:
      return release_names;
  }
  return complete_names;
}

std::optional<SettleVerb> verb_from(std::string_view text) {
  if (text == "complete") return SettleVerb::complete;
  if (text == "fail") return SettleVerb::fail;
  if (text == "heartbeat") return SettleVerb::heartbeat;
  if (text == "release") return SettleVerb::release;
  return std::nullopt;
}

// 32 lower-case hexadecimal digits as 16 bytes. Any other text is no token of ours: empty.
std::string token_bytes(std::string_view text) {
  constexpr std::size_t digits = 32;
  constexpr std::string_view hex = "0123456789abcdef";
  if (text.size() != digits || text.find_first_not_of(hex) != std::string_view::npos) return {};
  std::string bytes;
  for (std::size_t at = 0; at < digits; at += 2) {
    bytes += static_cast<char>(hex_value(text[at]) * 16 + hex_value(text[at + 1]));
  }
  return bytes;
}

// A JSON value of bounded size that is stored beside the task.
std::string read_bounded(JsonFields& field, std::size_t bytes_max) {
  const std::string_view raw = field.raw();
  if (raw.size() <= bytes_max) return std::string(raw);
  field.error("must be at most " + std::to_string(bytes_max) + " bytes, not " +
              std::to_string(raw.size()));
  return {};
}

void read_error(JsonFields& place, SettleItem& item) {
  JsonFields field(place, error_names);
  while (field.next()) {
    if (field.name() == "type") {
      item.error_type = field.text(1, limits::error_type_bytes_max).value_or("");
    } else if (field.name() == "message") {
      item.error_message = field.text(0, limits::error_message_bytes_max).value_or("");
    } else if (field.name() == "details") {
      item.error_details = read_bounded(field, limits::error_details_bytes_max);
    }
  }
}

void read_verb_field(JsonFields& field, RequestBody& body, const RequestLimits& limits,
                     SettleItem& item) {
  const std::string_view name = field.name();
  if (name == "lease_token") {
    item.token = token_bytes(field.text(0, limits.body_bytes_max).value_or(""));
  } else if (name == "result") {
    item.result = body.opaque(field, limits.payload_bytes_max);
  } else if (name == "error") {
    read_error(field, item);
  } else if (name == "retryable") {
    item.retryable = field.boolean().value_or(true);
  } else if (name == "retry_after_ms") {
    item.retry_after = field.duration(Duration{0}, limits::ten_years);
  } else if (name == "lease_ms") {
    item.lease = field.duration(limits::lease_min, limits::lease_max);
  } else if (name == "progress") {
    item.progress = read_bounded(field, limits::progress_bytes_max);
  } else if (name == "delay_ms") {
    item.delay = field.duration(Duration{0}, limits::ten_years).value_or(Duration{0});
  }
}

// Fields that the item has and its verb does not.
void refuse_foreign_fields(const JsonFields& fields, const std::string& base, SettleVerb verb) {
  const JsonNames& own = names_of(verb);
  for (const std::string_view name : item_fields) {
    const bool is_own = name == "op" || name == "id" ||
                        std::find(own.known.begin(), own.known.end(), name) != own.known.end();
    if (is_own || !fields.given(name)) continue;
    fields.body().add_error(base + "/" + std::string(name), "is not " + std::string(own.noun));
  }
}

SettleItem read_item(JsonValue& place, RequestBody& body, const RequestLimits& limits) {
  SettleItem item;
  std::optional<SettleVerb> verb;
  JsonFields field(place, item_names);
  while (field.next()) {
    if (field.name() == "op") {
      verb = field.choice(verb_from, "must be complete, fail, heartbeat or release");
    } else if (field.name() == "id") {
      item.id_text = field.text(0, limits.body_bytes_max).value_or("");
      item.id = TaskId::parse(item.id_text);
    } else {
      read_verb_field(field, body, limits, item);
    }
  }
  field.require("op");
  field.require("id");
  if (verb) {
    item.verb = *verb;
    field.require("lease_token");
    refuse_foreign_fields(field, place.pointer(), *verb);
  }
  return item;
}

}  // namespace

std::vector<SettleItem> read_settle_list(JsonValue& place, RequestBody& body,
                                         const RequestLimits& limits) {
  std::vector<SettleItem> items;
  JsonItems item(place, limits::settle_items_max);
  while (item.next()) items.push_back(read_item(item, body, limits));
  return items;
}

Result<engine::SettleOne> decode_settle_one(SettleVerb verb, const std::string& id,
                                            std::string_view text, const RequestLimits& limits) {
  Result<TaskId> task = decode_task_id(id);
  if (!task) return std::move(task).error();
  RequestBody body(text, limits);
  engine::SettleOne settle;
  settle.item.verb = verb;
  settle.item.id_text = id;
  settle.item.id = *task;
  JsonFields field(body.root(), names_of(verb));
  while (field.next()) read_verb_field(field, body, limits, settle.item);
  field.require("lease_token");
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return settle;
}

Result<engine::Settle> decode_settle(std::string_view text, const RequestLimits& limits) {
  RequestBody body(text, limits);
  engine::Settle settle;
  JsonFields field(body.root(), list_names);
  while (field.next()) settle.items = read_settle_list(field, body, limits);
  field.require("settle");
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return settle;
}

}  // namespace quern::http
