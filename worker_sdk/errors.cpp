#include "quern/errors.h"

#include <utility>

#include "problem.h"

namespace quern {

ApiError::ApiError(Error error)
    : std::runtime_error(std::string(to_string(error.code)) + ": " + error.detail),
      error_(std::move(error)) {}

bool ApiError::is_transient() const { return sdk::is_transient(error_.code); }

}  // namespace quern
