#include "quern/protocol/queue_json.h"

#include "quern/protocol/limits.h"

namespace quern {
namespace {

constexpr std::string_view setting_fields[] = {
    "max_attempts", "retry",        "lease_ms",          "timeout_ms",
    "ttl_ms",       "retention_ms", "dead_retention_ms", "idempotency_window_ms",
    "max_backlog",  "paused"};
// What a GET shows besides the settings.
constexpr std::string_view shown_fields[] = {"name", "counts", "oldest_ready_age_ms"};
constexpr JsonNames setting_names{
    .noun = "a setting", .known = setting_fields, .read_only = shown_fields};

constexpr std::string_view retry_fields[] = {"strategy", "base_ms", "factor", "max_ms", "jitter"};
constexpr JsonNames retry_names{.noun = "a part of a retry policy", .known = retry_fields};

// Puts what `value` says into `out`: what `read` makes of it, or for a null that resets, `reset`.
template <typename Out, typename Default, typename Read>
void assign(JsonValue& value, SettingsBody body, Out& out, const Default& reset, Read read) {
  if (body == SettingsBody::merge_patch && value.take_null()) {
    out = reset;
  } else if (const auto given = read()) {
    out = static_cast<Out>(*given);
  }
}

// The same for a setting that can be "none": a null means that, in either kind of body.
template <typename T, typename Read>
void assign_or_none(JsonValue& value, std::optional<T>& out, Read read) {
  if (value.take_null()) {
    out.reset();
  } else if (const auto given = read()) {
    out = static_cast<T>(*given);
  }
}

void read_retry_setting(JsonValue& value, SettingsBody body, RetryPolicy& policy) {
  if (body == SettingsBody::merge_patch && value.take_null()) {
    policy = RetryPolicy{};
    return;
  }
  policy =
      overridden(body == SettingsBody::whole ? RetryPolicy{} : policy, read_retry(value, body));
}

void read_setting(JsonFields& field, SettingsBody body, QueueSettings& settings) {
  static const QueueSettings defaults;
  const std::string_view name = field.name();
  const auto from_zero = [&] { return field.duration(Duration{0}, limits::ten_years); };
  const auto from_one = [&] { return field.duration(Duration{1}, limits::ten_years); };
  if (name == "max_attempts") {
    assign(field, body, settings.max_attempts, defaults.max_attempts,
           [&] { return field.integer(1, limits::attempts_max); });
  } else if (name == "retry") {
    read_retry_setting(field, body, settings.retry);
  } else if (name == "lease_ms") {
    assign(field, body, settings.lease, defaults.lease,
           [&] { return field.duration(limits::lease_min, limits::lease_max); });
  } else if (name == "timeout_ms") {
    assign_or_none(field, settings.timeout, from_one);
  } else if (name == "ttl_ms") {
    assign_or_none(field, settings.ttl, from_one);
  } else if (name == "retention_ms") {
    assign(field, body, settings.retention, defaults.retention, from_zero);
  } else if (name == "dead_retention_ms") {
    assign_or_none(field, settings.dead_retention, from_zero);
  } else if (name == "idempotency_window_ms") {
    assign(field, body, settings.idempotency_window, defaults.idempotency_window, from_zero);
  } else if (name == "max_backlog") {
    assign_or_none(field, settings.max_backlog,
                   [&] { return field.integer(1, std::int64_t{limits::backlog_max}); });
  } else if (name == "paused") {
    assign(field, body, settings.paused, defaults.paused, [&] { return field.boolean(); });
  }
}

void write_or_null(JsonWriter& json, std::string_view name, std::optional<Duration> duration) {
  json.key(name);
  if (duration) {
    json.number(std::int64_t{duration->count()});
  } else {
    json.null();
  }
}

}  // namespace

RetryOverride read_retry(JsonValue& value, SettingsBody body) {
  static const RetryPolicy defaults;
  RetryOverride over;
  JsonFields part(value, retry_names);
  const auto duration = [&] { return part.duration(Duration{0}, limits::ten_years); };
  while (part.next()) {
    if (part.name() == "strategy") {
      assign(part, body, over.strategy, defaults.strategy, [&] {
        return part.choice(retry_strategy_from, "must be exponential, linear or fixed");
      });
    } else if (part.name() == "base_ms") {
      assign(part, body, over.base, defaults.base, duration);
    } else if (part.name() == "factor") {
      assign(part, body, over.factor, defaults.factor,
             [&] { return part.number(1, limits::retry_factor_max); });
    } else if (part.name() == "max_ms") {
      assign(part, body, over.max, defaults.max, duration);
    } else if (part.name() == "jitter") {
      assign(part, body, over.jitter, defaults.jitter, [&] { return part.boolean(); });
    }
  }
  return over;
}

Result<void> read_settings(JsonReader& json, SettingsBody body, QueueSettings& settings) {
  QueueSettings changed = settings;
  JsonBody whole(json);
  JsonFields field(whole, setting_names);
  while (field.next()) read_setting(field, body, changed);
  Result<void> done = whole.finish();
  if (done) settings = changed;
  return done;
}

void write_retry(JsonWriter& json, const RetryPolicy& retry) {
  json.begin_object();
  json.key("strategy").string(to_string(retry.strategy));
  json.key("base_ms").number(std::int64_t{retry.base.count()});
  json.key("factor").number(retry.factor);
  json.key("max_ms").number(std::int64_t{retry.max.count()});
  json.key("jitter").boolean(retry.jitter);
  json.end_object();
}

void write_settings(JsonWriter& json, const QueueSettings& settings) {
  json.key("max_attempts").number(settings.max_attempts);
  json.key("retry");
  write_retry(json, settings.retry);
  json.key("lease_ms").number(std::int64_t{settings.lease.count()});
  write_or_null(json, "timeout_ms", settings.timeout);
  write_or_null(json, "ttl_ms", settings.ttl);
  json.key("retention_ms").number(std::int64_t{settings.retention.count()});
  write_or_null(json, "dead_retention_ms", settings.dead_retention);
  json.key("idempotency_window_ms").number(std::int64_t{settings.idempotency_window.count()});
  json.key("max_backlog");
  if (settings.max_backlog) {
    json.number(*settings.max_backlog);
  } else {
    json.null();
  }
  json.key("paused").boolean(settings.paused);
}

}  // namespace quern
