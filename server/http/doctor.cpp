// GET /admin/doctor.
#include "http/answer.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

server::LongWork& audits(const Context& context) { return context.audits; }

Result<void> answer_doctor(const Request&, const Context&, engine::Outcome&& outcome,
                           Response& response) {
  JsonWriter json(response.body);
  json.begin_object();
  write_audit(json, expect<engine::AuditReport>(outcome));
  json.end_object();
  return {};
}

}  // namespace

const Endpoint get_doctor{.ask = nullptr, .answer = answer_doctor, .work = audits};

}  // namespace quern::http
