// Reads what the configuration names: the tokens, and what TLS needs.
//
// Errors   invalid_argument, in words for the operator.
#pragma once

#include "config.h"
#include "http/credentials.h"

namespace quern::server {

// At the start, and again with every SIGHUP.
Result<http::Credentials> load_credentials(const Config& config);

}  // namespace quern::server
