// Queue settings to and from JSON.
//
// Shape    the fields and ranges are those of docs/openapi.yaml. Numbers are ms, as `*_ms`.
// Errors   invalid_argument with the JSON Pointer of each field that is wrong.
#pragma once

#include <cstdint>

#include "quern/protocol/json_fields.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"
#include "quern/protocol/queue_settings.h"

namespace quern {

// The fields of `settings`, into an object that is open.
void write_settings(JsonWriter& json, const QueueSettings& settings);

// What a null and a `retry` object mean.
//   whole        PUT: null is refused, except where "none" is a value (`ttl_ms`). The parts of
//                `retry` that are left out are the default policy's.
//   merge_patch  PATCH, RFC 7396: null resets to the default, inside `retry` too, whose parts that
//                are left out stay as they are.
enum class SettingsBody : std::uint8_t { whole, merge_patch };

// Reads the text's one object of settings over `settings`: what is absent stays as it is, so for
// `whole` they start as defaults. It must be the whole text; on an error nothing changed.
//   invalid_json      the text is not JSON
//   invalid_argument  every field that is wrong
Result<void> read_settings(JsonReader& json, SettingsBody body, QueueSettings& settings);

// Reads a `retry` object, a queue's or a task's; errors are recorded in the value's body. A null
// part is refused in `whole` and the default policy's in `merge_patch`.
RetryOverride read_retry(JsonValue& value, SettingsBody body);

}  // namespace quern
