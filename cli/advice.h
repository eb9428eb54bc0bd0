// Says plainly what went wrong, and what to do about it.
#pragma once

#include "session.h"

namespace quern::cli {

// To standard error: for eyes, or with --json as one object with `code`, `detail` and, where single
// fields are wrong, `errors`. May ask the server which version it is.
void print_error(Session& session, const ApiError& error);

}  // namespace quern::cli
