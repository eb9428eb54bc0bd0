// What a server found in its store, from the JSON of the HTTP API.
#pragma once

#include "quern/protocol/json_reader.h"
#include "quern/server_info.h"

namespace quern::sdk {

// False when the next value is not a Quern server's diagnosis.
bool read_diagnosis(JsonReader& json, Diagnosis& diagnosis);

}  // namespace quern::sdk
