// The frame around each body's decoding.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "http/endpoint.h"
#include "quern/protocol/json_fields.h"
#include "quern/protocol/result.h"

namespace quern::http {

// A body being read, and what it holds that is well-formed but too large.
class RequestBody {
 public:
  RequestBody(std::string_view text, const RequestLimits& limits)
      : reader_(text, limits.json_depth_max), root_(reader_), empty_(text.empty()) {}

  JsonBody& root() { return root_; }

  // A payload or result as it came. One larger than `bytes_max` ends in payload_too_large.
  std::string_view opaque(JsonValue& value, std::size_t bytes_max);

  // Once, at the end.
  Result<void> finish();

 private:
  JsonReader reader_;
  JsonBody root_;
  bool empty_;
  std::vector<FieldError> too_large_;
};

}  // namespace quern::http
