// Request bodies into commands. The first byte chooses the call.
//
// Promises: what is refused says why in a problem that is JSON, with pointers into the body; what
// is accepted keeps its payload's bytes, and is accepted again.
#include <string>

#include "http/decode.h"
#include "http/problem.h"
#include "input.h"
#include "quern/protocol/json_reader.h"

namespace {

using namespace quern;
using fuzz::Input;
using fuzz::require;

const http::RequestLimits few{.payload_bytes_max = 200, .batch_tasks_max = 8, .lease_tasks_max = 9};
const http::DecodeContext context{.limits = few, .now = Timestamp{1'800'000'000'000}};
const std::string id = "0198c0de-0000-7abc-8123-456789abcdef";

bool is_json(std::string_view text) {
  JsonReader reader(text, JsonReader::depth_limit);
  std::string_view raw;
  return reader.read_raw(raw) && reader.finish();
}

template <typename T>
void check(const Result<T>& decoded, std::string_view body) {
  if (decoded) {
    require(body.empty() || is_json(body), "what is accepted is JSON");
    return;
  }
  const Error& error = decoded.error();
  require(!error.detail.empty(), "a refusal says why");
  for (const FieldError& field : error.fields) {
    require(field.pointer.empty() || field.pointer.starts_with('/'), "a pointer is one");
    require(!field.detail.empty(), "an error of a field says why");
  }
  const unsigned status = http::status_of(error.code);
  require(status == 400 || status == 404 || status == 413, "a body is 400, 404 or 413");
  std::string problem;
  JsonWriter json(problem);
  http::write_problem(json, error, "id");
  require(is_json(problem), "a problem is JSON in UTF-8");
}

void check_tasks(const Result<engine::Submit>& submit, std::string_view body) {
  check(submit, body);
  if (!submit) return;
  require(!submit->tasks.empty() || submit->batch, "a submit has a task");
  for (const engine::NewTask& task : submit->tasks) {
    require(is_name(task.queue) && is_name(task.body->type()), "names are names");
    require(is_json(task.body->payload()), "a payload is JSON");
    require(
        task.body->payload() == "null" || body.find(task.body->payload()) != std::string_view::npos,
        "a payload is the client's bytes");
    require(task.body->priority() <= quern::limits::priority_max, "a priority is 0..9");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t call = input.below(15);
  const std::string text(input.rest());
  http::KnownFields fields;
  switch (call) {
    case 0:
      check_tasks(http::decode_submit(fields, text, context), text);
      break;
    case 1:
      check_tasks(http::decode_batch(fields, text, context), text);
      break;
    case 2:
      check(http::decode_lease(text, few), text);
      break;
    case 3:
      check(http::decode_settle(text, few), text);
      break;
    case 4:
    case 5:
    case 6:
    case 7:
      check(http::decode_settle_one(static_cast<engine::SettleVerb>(call - 4), id, text, few),
            text);
      break;
    case 8:
      check(http::decode_put_queue("q", text, few), text);
      break;
    case 9:
      check(http::decode_patch_queue("q", text, few), text);
      break;
    case 10:
      check(http::decode_purge("q", text, few), text);
      break;
    case 11:
      check(http::decode_redrive_dead("q", text, few), text);
      break;
    case 12:
      check(http::decode_discard_dead("q", text, few), text);
      break;
    case 13:
      check(http::decode_empty_body(text, few), text);
      break;
    case 14: {
      // Header fields that become part of a task.
      const std::string body = R"({"type":"t"})";
      for (const http::Known known :
           {http::Known::idempotency_key, http::Known::correlation_id, http::Known::traceparent}) {
        fields = {};
        fields.values[static_cast<std::size_t>(known)] = text;
        check_tasks(http::decode_submit(fields, body, context), body);
      }
      break;
    }
  }
  return 0;
}
