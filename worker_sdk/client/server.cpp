// GET /healthz, /readyz, /info, /metrics, /admin/doctor.
#include <utility>

#include "client/impl.h"
#include "wire/diagnosis_json.h"
#include "wire/server_info_json.h"

namespace quern {

using sdk::Call;
using sdk::Repeat;

namespace {

// {"status": "<expected>"}
auto status_reader(std::string_view expected) {
  return [expected](JsonReader& json, std::string& status) {
    return sdk::read_object(
               json,
               [&](std::string_view key) { return key == "status" && json.read_string(status); }) &&
           status == expected;
  };
}

bool says_not_ready(ErrorCode code) {
  return code == ErrorCode::recovering || code == ErrorCode::draining ||
         code == ErrorCode::read_only || code == ErrorCode::store_unavailable;
}

}  // namespace

ServerInfo Client::info() {
  const Call call{.method = "GET", .target = "/info"};
  return impl_->ask<ServerInfo>(call, sdk::read_server_info);
}

std::string Client::metrics() {
  const Call call{.method = "GET", .target = "/metrics"};
  sdk::HttpResponse response = impl_->send(call);
  if (!response.content_type.starts_with("text/plain")) impl_->throw_not_quern(call);
  return std::move(response.body);
}

void Client::check_alive() {
  const Call call{.method = "GET", .target = "/healthz", .repeat = Repeat::never};
  impl_->ask<std::string>(call, status_reader("alive"));
}

Readiness Client::readiness() {
  const Call call{.method = "GET", .target = "/readyz", .repeat = Repeat::never};
  try {
    impl_->ask<std::string>(call, status_reader("ready"));
    return {.ready = true, .reason = {}};
  } catch (const ApiError& error) {
    if (!says_not_ready(error.code())) throw;
    return {.ready = false, .reason = error.error()};
  }
}

Diagnosis Client::doctor(Duration patience) {
  const Call call{.method = "GET", .target = "/admin/doctor", .wait = patience};
  return impl_->ask<Diagnosis>(call, sdk::read_diagnosis);
}

}  // namespace quern
