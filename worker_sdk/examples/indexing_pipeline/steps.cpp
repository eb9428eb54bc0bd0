#include "steps.h"

#include <nlohmann/json.hpp>

#include "text.h"

// Every step has the same three parts:
//
//   1. work that can be done any number of times: reading, parsing, computing;
//   2. the effect, inside SearchIndex::once(): it happens in the same transaction that marks the
//      task as done, so it happens once, however often the task is delivered;
//   3. submitting the next step. If we die between 2 and 3, the task comes again, finds its mark,
//      and submits then; if we die after 3, it submits a second time. The second submit makes no
//      second task, since Context::submit() gives it the same idempotency key: made of this task's
//      id and of what is submitted.
//
// Then the handler returns, and only then is the task completed: late acknowledgement.
namespace pipeline {
namespace {

// The further a document has come, the sooner its turn: begun work is finished before more is
// begun. (Priorities go over all queues that a worker names; a first step has the default, 5.)
constexpr std::uint32_t chunk_priority = 6;
constexpr std::uint32_t index_priority = 7;

// What all three kinds of task carry: the number and path of a document. Its text stays in the
// index's file, where the next step picks it up (the pattern's name is "claim check").
struct Payload {
  std::size_t document;
  std::string path;

  explicit Payload(const std::string& text) {
    const auto json = nlohmann::json::parse(text);
    document = json.at("document");
    path = json.at("path");
  }
};

}  // namespace

quern::NewTask parse_task(const Document& document) {
  const nlohmann::json payload{{"document", document.number}, {"path", document.path.string()}};
  return {.queue = parse_queue,
          .type = "parse",
          .payload = payload.dump(),
          .idempotency_key = document.correlation_id(),
          .correlation_id = document.correlation_id()};
}

void add_steps(quern::Worker& worker, SearchIndex& index, std::atomic<std::size_t>& repeats) {
  const auto once = [&index, &repeats](quern::Context& context, const auto& effect) {
    if (!index.once(context.task().id, effect)) ++repeats;
  };

  // A file that nobody can ever read makes read_text() throw quern::Permanent: the task goes to the
  // dead-letter queue at once, with the reason. Any other exception is tried again later.
  worker.handle("parse", [&index, once](quern::Context& context) {
    const Payload payload(context.payload());
    const std::string text = read_text(payload.path);
    once(context, [&] { index.keep_text(payload.document, text); });
    context.submit({.queue = chunk_queue,
                    .type = "chunk",
                    .payload = context.payload(),
                    .priority = chunk_priority});
  });

  worker.handle("chunk", [&index, once](quern::Context& context) {
    const Payload payload(context.payload());
    once(context,
         [&] { index.keep_chunks(payload.document, split(index.take_text(payload.document))); });
    context.submit({.queue = index_queue,
                    .type = "index",
                    .payload = context.payload(),
                    .priority = index_priority});
  });

  worker.handle("index", [&index, once](quern::Context& context) {
    const Payload payload(context.payload());
    once(context, [&] { index.publish(payload.document); });
    return R"({"document": )" + std::to_string(payload.document) + "}";
  });
}

}  // namespace pipeline
