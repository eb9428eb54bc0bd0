// GET /metrics.
#include "http/answer.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

Result<void> answer_metrics(const Request&, const Context& context, engine::Outcome&&,
                            Response& response) {
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = context.metrics();
  return {};
}

}  // namespace

const Endpoint get_metrics{.ask = nullptr, .answer = answer_metrics};

}  // namespace quern::http
