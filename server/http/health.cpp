// GET /healthz, GET /readyz, GET /info.
#include "http/answer.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

Result<void> answer_healthz(const Request&, const Context&, engine::Outcome&&, Response& response) {
  response.body = R"({"status":"alive"})";
  return {};
}

Result<void> answer_readyz(const Request&, const Context& context, engine::Outcome&&,
                           Response& response) {
  server::Health health = context.engine.health();
  switch (health.readiness) {
    case server::Readiness::ready:
      response.body = R"({"status":"ready"})";
      return {};
    case server::Readiness::recovering:
      return Error{.code = ErrorCode::recovering, .detail = std::move(health.reason)};
    case server::Readiness::draining:
      return Error{.code = ErrorCode::draining, .detail = std::move(health.reason)};
    case server::Readiness::read_only:
      return Error{.code = ErrorCode::read_only,
                   .detail = std::move(health.reason),
                   .retry_after_seconds = 10};
  }
  return {};
}

void write_limits(JsonWriter& json, const Context& context) {
  const RequestLimits& limits = context.limits;
  json.begin_object();
  json.key("body_bytes_max").number(limits.body_bytes_max);
  json.key("payload_bytes_max").number(limits.payload_bytes_max);
  json.key("header_bytes_max").number(context.info.header_bytes_max);
  json.key("target_bytes_max").number(context.info.target_bytes_max);
  json.key("json_depth_max").number(limits.json_depth_max);
  json.key("batch_tasks_max").number(limits.batch_tasks_max);
  json.key("settle_items_max").number(quern::limits::settle_items_max);
  json.key("lease_tasks_max").number(limits.lease_tasks_max);
  json.key("lease_queues_max").number(quern::limits::lease_queues_max);
  json.key("wait_ms_max").number(std::int64_t{limits.wait_max.count()});
  json.key("page_limit_max").number(quern::limits::page_limit_max);
  json.key("connections_max").number(context.info.connections_max);
  json.end_object();
}

Result<void> answer_info(const Request&, const Context& context, engine::Outcome&&,
                         Response& response) {
  const ServerInfo& info = context.info;
  const auto uptime =
      std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - context.started_at);
  JsonWriter json(response.body);
  json.begin_object();
  json.key("version").string(info.version);
  json.key("build").string(info.build);
  json.key("rocksdb").string(info.rocksdb);
  json.key("uptime_ms").number(std::int64_t{uptime.count()});
  json.key("durability").string(info.durability);
  json.key("data_format").number(info.data_format);
  json.key("limits");
  write_limits(json, context);
  json.end_object();
  return {};
}

}  // namespace

const Endpoint get_healthz{.ask = nullptr, .answer = answer_healthz};
const Endpoint get_readyz{.ask = nullptr, .answer = answer_readyz};
const Endpoint get_info{.ask = nullptr, .answer = answer_info};

}  // namespace quern::http
