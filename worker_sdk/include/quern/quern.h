// Everything that a program needs to submit tasks and to work on them.
#pragma once

#include "quern/circuit_breaker.h"  // IWYU pragma: export
#include "quern/client.h"           // IWYU pragma: export
#include "quern/errors.h"           // IWYU pragma: export
#include "quern/once.h"             // IWYU pragma: export
#include "quern/operations.h"       // IWYU pragma: export
#include "quern/queue.h"            // IWYU pragma: export
#include "quern/server_info.h"      // IWYU pragma: export
#include "quern/task.h"             // IWYU pragma: export
#include "quern/worker.h"           // IWYU pragma: export
