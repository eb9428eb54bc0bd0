#include <limits>
#include <string>
#include <utility>

#include "http/decode.h"
#include "http/request_body.h"

namespace quern::http {
namespace {

constexpr std::string_view redrive_fields[] = {"ids",         "all",        "type",
                                               "dead_reason", "error_type", "before",
                                               "limit",       "to_queue",   "rate_per_second"};
constexpr JsonNames redrive_names{.noun = "a field of a redrive", .known = redrive_fields};

constexpr std::string_view discard_fields[] = {"ids",        "all",    "type", "dead_reason",
                                               "error_type", "before", "limit"};
constexpr JsonNames discard_names{.noun = "a field of a discard", .known = discard_fields};

// Tasks a second. Slower than one in a quarter of an hour or faster than any machine is a slip.
constexpr double rate_min = 0.001;
constexpr double rate_max = 1'000'000;

std::optional<DeadReason> reason_from(std::string_view text) {
  const std::optional<DeadReason> reason = dead_reason_from(text);
  return reason == DeadReason::none ? std::nullopt : reason;
}

void read_ids(JsonFields& field, engine::DeadFilter& filter) {
  filter.ids.emplace();
  // As many as the body holds.
  JsonItems item(field, std::numeric_limits<std::size_t>::max());
  while (item.next()) {
    if (const auto id = item.choice(TaskId::parse, "must be the id of a task")) {
      filter.ids->push_back(*id);
    }
  }
}

void read_filter_field(JsonFields& field, engine::DeadFilter& filter) {
  const std::string_view name = field.name();
  if (name == "ids") {
    read_ids(field, filter);
  } else if (name == "all") {
    if (field.boolean() == false) field.error("must be true; leave it out to name ids");
  } else if (name == "type") {
    filter.type = field.name_text();
  } else if (name == "dead_reason") {
    filter.dead_reason =
        field.choice(reason_from, "must be max_attempts, not_retryable or expired");
  } else if (name == "error_type") {
    filter.error_type = field.text(1, limits::error_type_bytes_max);
  } else if (name == "before") {
    filter.before = field.time();
  } else if (name == "limit") {
    if (const auto limit = field.integer(1, std::numeric_limits<std::int64_t>::max())) {
      filter.limit = static_cast<std::uint64_t>(*limit);
    }
  }
}

void require_ids_or_all(const JsonFields& fields) {
  if (fields.given("ids") && fields.given("all")) {
    fields.body().add_error("/all", "cannot be given together with ids");
  } else if (!fields.given("ids") && !fields.given("all")) {
    fields.body().add_error("/ids", "is required, unless all is true");
  }
}

}  // namespace

Result<engine::RedriveDead> decode_redrive_dead(const std::string& name, std::string_view text,
                                                const RequestLimits& limits) {
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  RequestBody body(text, limits);
  engine::RedriveDead redrive;
  redrive.name = name;
  JsonFields field(body.root(), redrive_names);
  while (field.next()) {
    if (field.name() == "to_queue") {
      redrive.to_queue = field.name_text();
    } else if (field.name() == "rate_per_second") {
      redrive.rate_per_second = field.number(rate_min, rate_max);
    } else {
      read_filter_field(field, redrive.filter);
    }
  }
  require_ids_or_all(field);
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return redrive;
}

Result<engine::DiscardDead> decode_discard_dead(const std::string& name, std::string_view text,
                                                const RequestLimits& limits) {
  if (Result<void> named = decode_queue_name(name); !named) return std::move(named).error();
  RequestBody body(text, limits);
  engine::DiscardDead discard;
  discard.name = name;
  JsonFields field(body.root(), discard_names);
  while (field.next()) read_filter_field(field, discard.filter);
  require_ids_or_all(field);
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return discard;
}

}  // namespace quern::http
