// What the endpoints' files share in turning outcomes into responses.
#pragma once

#include <cassert>
#include <optional>
#include <utility>
#include <variant>

#include "http/encode.h"
#include "http/endpoint.h"
#include "quern/protocol/result.h"

namespace quern::http {

// A decoded command as `ask` answers it.
template <typename T>
Result<std::optional<engine::Command>> asked(Result<T> decoded) {
  if (!decoded) return std::move(decoded).error();
  return std::optional<engine::Command>(engine::Command(*std::move(decoded)));
}

// The outcome that `command` promises; the engine keeps that promise.
template <typename T>
T& expect(engine::Outcome& outcome) {
  assert(std::holds_alternative<T>(outcome));
  return *std::get_if<T>(&outcome);
}

// Answers with a snapshot of the committed state.
//   recovering  there is none at the moment
template <typename Read>
Result<void> with_snapshot(const Context& context, Read read) {
  const std::shared_ptr<const storage::Store> store = context.engine.store();
  if (!store) {
    return Error{.code = ErrorCode::recovering,
                 .detail = "the server is recovering; repeat the request in a moment"};
  }
  const std::unique_ptr<storage::Reader> snapshot = store->snapshot();
  return read(*snapshot);
}

// OneTask: the task itself.
Result<void> answer_task(const Request&, const Context&, engine::Outcome&& outcome, Response&);
// OneQueue: the queue itself.
Result<void> answer_queue(const Request&, const Context&, engine::Outcome&& outcome, Response&);
// Counted: {"<name>": n}.
void write_count(engine::Outcome& outcome, std::string_view name, Response& response);

}  // namespace quern::http
