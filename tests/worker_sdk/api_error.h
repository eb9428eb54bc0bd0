// The ApiError that a call throws, for tests of what is refused.
#pragma once

#include <doctest/doctest.h>

#include "quern/errors.h"

namespace quern::test {

// Fails the test when `call` throws none.
template <typename Call>
ApiError error_of(const Call& call) {
  try {
    call();
  } catch (const ApiError& error) {
    return error;
  }
  FAIL("no ApiError was thrown");
  return ApiError({});
}

template <typename Call>
ErrorCode code_of(const Call& call) {
  return error_of(call).code();
}

}  // namespace quern::test
