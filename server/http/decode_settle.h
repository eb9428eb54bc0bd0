// A list of settle items inside a body: /leases/settle and the `settle` of /leases.
#pragma once

#include <vector>

#include "engine/command.h"
#include "http/endpoint.h"
#include "http/request_body.h"

namespace quern::http {

// At most limits::settle_items_max items.
std::vector<engine::SettleItem> read_settle_list(JsonValue& place, RequestBody& body,
                                                 const RequestLimits& limits);

}  // namespace quern::http
