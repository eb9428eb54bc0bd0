// What can be exchanged while the server runs.
//
// Threads  constant; each io thread has a copy of its own.
#pragma once

#include <memory>

#include "access/token_set.h"
#include "http/tls_context.h"

namespace quern::http {

struct Credentials {
  std::shared_ptr<const access::TokenSet> tokens;  // null: nobody is asked
  std::shared_ptr<const TlsContext> tls;           // null: plain HTTP
};

}  // namespace quern::http
