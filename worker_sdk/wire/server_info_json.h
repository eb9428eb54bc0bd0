// What a server says about itself, from the JSON of the HTTP API.
#pragma once

#include "quern/protocol/json_reader.h"
#include "quern/server_info.h"

namespace quern::sdk {

// False when the next value is not a Quern server's info.
bool read_server_info(JsonReader& json, ServerInfo& info);

}  // namespace quern::sdk
