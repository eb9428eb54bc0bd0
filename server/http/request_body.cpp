#include "http/request_body.h"

namespace quern::http {

std::string_view RequestBody::opaque(JsonValue& value, std::size_t bytes_max) {
  const std::string_view raw = value.raw();
  // One is enough to refuse the request.
  if (raw.size() > bytes_max && too_large_.empty()) {
    too_large_.push_back(
        {value.pointer(),
         "is " + std::to_string(raw.size()) + " bytes; the limit is " + std::to_string(bytes_max)});
  }
  return raw;
}

Result<void> RequestBody::finish() {
  if (empty_) {
    return Error{.code = ErrorCode::invalid_json,
                 .detail = "the body is empty; this request needs a JSON object"};
  }
  if (Result<void> done = root_.finish(); !done) return done;
  if (too_large_.empty()) return {};
  return Error{.code = ErrorCode::payload_too_large,
               .detail = too_large_.front().pointer + " " + too_large_.front().detail,
               .fields = std::move(too_large_)};
}

}  // namespace quern::http
