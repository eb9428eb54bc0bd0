#include "quern/errors.h"

#include <utility>

namespace quern {

ApiError::ApiError(Error error)
    : std::runtime_error(std::string(to_string(error.code)) + ": " + error.detail),
      error_(std::move(error)) {}

}  // namespace quern
