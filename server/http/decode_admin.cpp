#include "http/decode.h"
#include "http/request_body.h"

namespace quern::http {
namespace {

constexpr std::string_view drain_fields[] = {"wait_ms"};
constexpr JsonNames drain_names{.noun = "a field of a drain", .known = drain_fields};

}  // namespace

Result<engine::Drain> decode_drain(std::string_view text, const RequestLimits& limits) {
  engine::Drain drain;
  if (text.empty()) return drain;
  RequestBody body(text, limits);
  JsonFields field(body.root(), drain_names);
  while (field.next()) {
    if (field.name() != "wait_ms") continue;
    drain.wait = field.duration(Duration{0}, limits.wait_max).value_or(Duration{0});
  }
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return drain;
}

}  // namespace quern::http
