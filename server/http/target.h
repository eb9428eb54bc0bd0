// A request target, taken apart and percent-decoded exactly once.
//
// Shape    path segments keep what they decode to, "/" included, so that nothing is routed by what
//          an escape hides; "." and ".." mean nothing here. In the query "+" is a space.
// Errors   bad_request: neither origin form nor absolute form; an escape that is none or is NUL.
//          misdirected_request: an absolute form of another scheme than http and https.
// Source   RFC 9112 section 3.2; the query as WHATWG URL's application/x-www-form-urlencoded.
#pragma once

#include <string_view>

#include "http/request.h"
#include "quern/protocol/result.h"

namespace quern::http {

// Into `target`, which is empty.
Result<void> parse_target(std::string_view text, Target& target);

}  // namespace quern::http
