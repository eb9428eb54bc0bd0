// Queues from the JSON of the HTTP API, and what is asked of dead-letter queues to it.
#pragma once

#include "quern/client.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"

namespace quern::sdk {

// False when the next value is not a queue.
bool read_queue(JsonReader& json, Queue& queue);

// An object; `options` is for redrive only.
void write_dead_filter(JsonWriter& json, const DeadFilter& filter, const RedriveOptions& options);

}  // namespace quern::sdk
