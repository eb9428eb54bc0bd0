// POST and DELETE /admin/drain; POST and GET /admin/backups, POST /admin/backups/{id}/verify.
#include "http/answer.h"
#include "http/cursor.h"
#include "http/decode.h"
#include "http/endpoints.h"

namespace quern::http {
namespace {

Result<std::optional<engine::Command>> ask_drain(const Request& request, const Context& context) {
  return asked(decode_drain(request.body, context.limits));
}

Result<void> answer_drain(const Request&, const Context&, engine::Outcome&& outcome,
                          Response& response) {
  const std::uint64_t running = expect<engine::Drained>(outcome).running;
  JsonWriter json(response.body);
  json.begin_object();
  json.key("status").string(running == 0 ? "drained" : "draining");
  json.key("running").number(running);
  json.end_object();
  return {};
}

Result<std::optional<engine::Command>> ask_end_drain(const Request&, const Context&) {
  return std::optional<engine::Command>(engine::EndDrain{});
}

Result<void> answer_end_drain(const Request&, const Context&, engine::Outcome&&,
                              Response& response) {
  response.status = 204;
  return {};
}

using Verb = engine::BackupCall::Verb;

Result<std::optional<engine::Command>> ask_create(const Request& request, const Context& context) {
  if (Result<void> none = decode_empty_body(request.body, context.limits); !none) {
    return std::move(none).error();
  }
  return std::optional<engine::Command>(engine::BackupCall{.verb = Verb::create});
}

Result<void> answer_create(const Request&, const Context&, engine::Outcome&& outcome,
                           Response& response) {
  JsonWriter json(response.body);
  write_backup(json, expect<engine::BackupAnswer>(outcome).backups.front());
  return {};
}

Result<std::optional<engine::Command>> ask_backups(const Request& request, const Context&) {
  return asked(decode_backup_query(request.target));
}

Result<void> answer_backups(const Request&, const Context&, engine::Outcome&& outcome,
                            Response& response) {
  const auto& answer = expect<engine::BackupAnswer>(outcome);
  JsonWriter json(response.body);
  json.begin_object();
  json.key("backups").begin_array();
  for (const storage::Backup& backup : answer.backups) write_backup(json, backup);
  json.end_array();
  json.key("next_cursor");
  if (answer.more) {
    json.string(backup_cursor(answer.backups.back().id));
  } else {
    json.null();
  }
  json.end_object();
  return {};
}

Result<std::optional<engine::Command>> ask_verify(const Request& request, const Context& context) {
  const Result<std::uint32_t> id = decode_backup_id(request.segment(2));
  if (!id) return id.error();
  if (Result<void> none = decode_empty_body(request.body, context.limits); !none) {
    return std::move(none).error();
  }
  return std::optional<engine::Command>(engine::BackupCall{.verb = Verb::verify, .id = *id});
}

Result<void> answer_verify(const Request&, const Context&, engine::Outcome&& outcome,
                           Response& response) {
  const auto& answer = expect<engine::BackupAnswer>(outcome);
  JsonWriter json(response.body);
  write_backup_check(json, answer.backups.front().id, answer.findings);
  return {};
}

}  // namespace

const Endpoint start_drain{.ask = ask_drain, .answer = answer_drain};
const Endpoint end_drain{.ask = ask_end_drain, .answer = answer_end_drain};
const Endpoint create_backup{.ask = ask_create, .answer = answer_create};
const Endpoint list_backups{.ask = ask_backups, .answer = answer_backups, .has_query = true};
const Endpoint verify_backup{.ask = ask_verify, .answer = answer_verify};

}  // namespace quern::http
