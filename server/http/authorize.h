// Whether a request may do what it asks for: its token, the right that its route needs, the queues
// that it names.
//
// What depends on the request alone is refused here, with 403, whether or not the queue exists.
// What depends on where a task lies is decided by the engine, to which a task outside of the
// token's queues is not there: 404.
//
// Shape    pure functions.
// Errors   unauthorized: no token, or none that is known. forbidden: not with this token.
// Source   RFC 6750.
#pragma once

#include <string_view>

#include "access/token_set.h"
#include "http/request.h"
#include "http/router.h"
#include "quern/protocol/result.h"

namespace quern::http {

// What requests are judged by.
struct Authority {
  const access::TokenSet* tokens = nullptr;  // null: nobody is asked
  Timestamp now;
};

// Null when nobody is asked.
Result<access::TokenPtr> authenticate(const KnownFields& fields, const Authority& authority);

// For a request whose token is known: the route, and the queue that the path names.
Result<void> authorize(const Request& request, const Route& route);

// For a queue that the request names elsewhere.
Result<void> check_queue(const Request& request, std::string_view queue);

}  // namespace quern::http
