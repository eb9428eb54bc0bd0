// Lease calls and settlements to and from the JSON of the HTTP API.
//
// Errors   invalid_argument, with the field's pointer, for text that should be JSON and is not.
#pragma once

#include "quern/client.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"

namespace quern::sdk {

Result<void> write_lease_request(JsonWriter& json, const LeaseRequest& request);
// {"settle": […]}
Result<void> write_settle_request(JsonWriter& json, const std::vector<Settlement>& settle);
// The body of one task's own complete, fail, heartbeat or release.
Result<void> write_settlement_body(JsonWriter& json, const Settlement& item);

bool read_lease_answer(JsonReader& json, LeaseAnswer& answer);  // of a settle call, too

std::string_view to_string(SettleOp op);

// Text from outside (a what(), say) made fit for a TaskError: UTF-8, within the server's limits.
TaskError tidied(TaskError error);

}  // namespace quern::sdk
