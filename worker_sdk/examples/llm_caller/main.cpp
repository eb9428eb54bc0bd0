// Calls a language model that limits its rate and is down for a while, and loses nothing by it.
//
//   llm_caller http://127.0.0.1:7480
//
// Each task is a document; the model is asked for a summary of each of its paragraphs.
//
//   rate limit   the model says when to come back: Retry with that time
//   outage       a few failures in a row open the circuit breaker. While it is open, tasks are
//                given back without losing an attempt, and the model is left alone
//   progress     shown on the task after each paragraph
//
// The model is a stand-in that this program starts (stand_in.h). The program submits its documents,
// works until they are done, says what happened, and exits with 0 if all of it did.
#include <quern/json.h>
#include <quern/quern.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "model.h"
#include "stand_in.h"

namespace llm_caller {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

// --- The worker: what a program of yours would have ---

std::string summarise(quern::Context& context, const Model& model, quern::CircuitBreaker& breaker) {
  const json paragraphs = quern::json_of(context.payload()).at("paragraphs");
  json summaries = json::array();
  for (const json& paragraph : paragraphs) {
    if (context.stop_requested()) throw quern::Retry("stopped half-way", "Stopped");
    summaries.push_back(breaker.call([&] { return model.ask(paragraph); }));
    context.progress(
        quern::json_text({{"paragraphs", summaries.size()}, {"of", paragraphs.size()}}));
  }
  return quern::json_text(summaries);
}

// --- The rest: a day with the stand-in ---

quern::NewTask document(const std::string& name, std::size_t paragraph_count) {
  json paragraphs = json::array();
  for (std::size_t i = 1; i <= paragraph_count; ++i) {
    paragraphs.push_back(name + " paragraph " + std::to_string(i) + " goes on and on");
  }
  return {.queue = "documents",
          .type = "summarise",
          .payload = quern::json_text({{"paragraphs", paragraphs}}),
          .max_attempts = 50,  // a rate limit is no reason to give up
          .retry = quern::RetryOverride{.base = 200ms, .max = 1s}};
}

// The task when it is done. Shows the progress that it makes.
quern::Task watch(quern::Client& client, const std::string& id) {
  std::string shown;
  for (;;) {
    const quern::Task task = client.wait(id, 100ms);
    if (task.progress != shown) std::cout << "progress: " << (shown = task.progress) << std::endl;
    if (is_terminal(task.state)) return task;
  }
}

bool run(const std::string& server) {
  StandIn stand_in({});
  const Model model(stand_in.port());
  std::atomic<int> opened = 0;
  quern::CircuitBreaker breaker{{.name = "model",
                                 .failure_threshold = 3,
                                 .recovery_time = 200ms,
                                 .counts = is_outage,
                                 .on_event = [&](quern::CircuitEvent event) {
                                   if (event == quern::CircuitEvent::opened) ++opened;
                                 }}};
  quern::Client client({.server = server});
  quern::Worker worker{client, {.queues = {"documents"}, .concurrency = 4, .heartbeat = 200ms}};
  worker.handle("summarise",
                [&](quern::Context& context) { return summarise(context, model, breaker); });
  std::jthread working([&](std::stop_token stop) { worker.run(std::move(stop)); });

  bool all = true;
  std::vector<quern::NewTask> documents;
  for (int i = 1; i <= 12; ++i) documents.push_back(document("short-" + std::to_string(i), 2));
  for (const quern::Task& task : client.submit_batch(std::move(documents))) {
    all = watch(client, task.id).state == quern::TaskState::succeeded && all;
  }
  const std::string id = client.submit(document("long", 8)).id;
  const quern::Task task = watch(client, id);
  all = task.state == quern::TaskState::succeeded && all;

  const StandIn::Calls calls = stand_in.calls();
  std::cout << "result: " << task.result << "\n"
            << calls.answered << " answers, " << calls.limited << " rate limits, " << calls.failed
            << " failures; the circuit opened " << opened << " times; "
            << (all ? "all documents are done" : "some documents failed") << std::endl;
  return all && calls.limited > 0 && opened > 0;
}

}  // namespace
}  // namespace llm_caller

int main(int argc, char** argv) {
  try {
    return llm_caller::run(argc > 1 ? argv[1] : "http://127.0.0.1:7480") ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "llm_caller: " << error.what() << "\n";
    return 1;
  }
}
