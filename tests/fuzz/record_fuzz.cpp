// Stored records that are not what was stored: one value of a small, sound store is replaced by the
// input, or changed in a few bytes.
//
// Promises: whoever reads it gets an answer or an error, and an engine that recovers from it goes
// on or stops with an error. Nothing is read where there is nothing.
#include <google/protobuf/stubs/logging.h>

#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/query.h"
#include "engine/task_record.h"
#include "http/encode.h"
#include "input.h"
#include "quern/protocol/json_writer.h"
#include "quern/storage/memory_store.h"

namespace {

using namespace quern;
using namespace quern::engine;
using fuzz::Input;
using fuzz::require;
using storage::Batch;
using storage::MemoryStore;
using storage::Table;

constexpr Now start{.wall = Timestamp{1'800'000'000'000}, .steady = Steady{0}};

class FixedRandom final : public Random {
 public:
  std::uint64_t next() override { return state_ += 0x9E3779B97F4A7C15; }

 private:
  std::uint64_t state_ = 1;
};

// Applies a command and commits it. Nullopt: the engine failed, or the call is parked.
std::optional<Outcome> call(Engine& engine, MemoryStore& store, Command command, Now now) {
  engine.apply(1, std::move(command), now);
  std::optional<Outcome> outcome;
  for (int ticks = 0; ticks < 8 && !engine.failure(); ++ticks) {
    engine.tick(now);
    if (engine.failure()) break;
    const Batch batch = engine.take_batch();
    if (!batch.writes.empty() && !store.commit(batch)) break;
    for (Reply& reply : engine.take_replies()) outcome = std::move(reply.outcome);
  }
  return outcome;
}

NewTask task_in(const std::string& queue, const std::string& payload) {
  auto body = std::make_shared<record::TaskBody>();
  body->set_type("t");
  body->set_payload(payload);
  body->set_priority(5);
  body->set_idempotency_key("key" + payload.substr(0, 1) + queue);
  body->set_correlation_id("operation");
  return NewTask{.queue = queue, .body = std::move(body), .delay = {}, .ttl = {}};
}

struct Sound {
  std::vector<Batch::Write> entries;  // all of the store, tables in order
  std::vector<TaskId> ids;
};

// A store with a task in most states.
Sound make_sound() {
  Sound sound;
  MemoryStore store;
  FixedRandom random;
  const auto engine = *Engine::recover(store, random, {}, start);
  call(*engine, store, PutQueue{"q", {}}, start);
  for (const std::string payload : {"1", "2", "3", "4", "5", "6"}) {
    Submit submit;
    submit.tasks.push_back(
        task_in("q", payload == "6" ? '"' + std::string(5'000, 'p') + '"' : payload));
    if (payload == "5") submit.tasks[0].delay = Duration{1'000};
    const auto outcome = call(*engine, store, std::move(submit), start);
    sound.ids.push_back(std::get<Submitted>(*outcome).tasks[0].id);
  }
  const auto leased = call(*engine, store, Lease{.queues = {"q"}, .tasks_max = 3}, start);
  SettleVerb verb = SettleVerb::complete;
  for (const TaskView& view : std::get<Leased>(*leased).tasks) {
    SettleItem item{.verb = verb,
                    .id_text = view.id.text(),
                    .id = view.id,
                    .token = view.status.lease().token()};
    item.retryable = false;
    if (verb != SettleVerb::release) call(*engine, store, SettleOne{std::move(item)}, start);
    verb = verb == SettleVerb::complete ? SettleVerb::fail : SettleVerb::release;
  }
  call(*engine, store, RedriveDead{.name = "q", .filter = {}, .to_queue = "other"}, start);
  for (int table = 1; table <= 15; ++table) {
    const auto scanned = store.scan(
        static_cast<Table>(table), {}, [&](std::string_view key, std::string_view value) {
          sound.entries.push_back(
              {static_cast<Table>(table), std::string(key), std::string(value)});
          return true;
        });
    require(scanned.has_value(), "a sound store is read");
  }
  return sound;
}

void damage(std::string& value, Input& input) {
  if (input.flag() || value.empty()) {
    value = input.rest();
    return;
  }
  while (!input.empty()) {
    const std::size_t at = (input.byte() + std::size_t{256} * input.byte()) % value.size();
    value[at] = static_cast<char>(input.byte());
  }
}

// As an answer has it.
void show(const TaskView& task) {
  std::string text;
  JsonWriter json(text);
  http::write_task(json, task, http::TaskShape::whole);
  require(!text.empty(), "a task is shown");
}

void read_everything(const MemoryStore& store, const std::vector<TaskId>& ids) {
  const auto said = [](const auto& answer) {
    require(answer.has_value() || !answer.error().detail.empty(), "an error says why");
  };
  for (const TaskId& id : ids) {
    const auto task = read_task(store, id);
    said(task);
    if (task && *task) show(**task);
  }
  said(list_tasks(store, {.queue = "q"}));
  said(list_tasks(store, {.correlation_id = "operation"}));
  said(list_dead(store, "q", {}, 100));
}

void recover_from(const MemoryStore& store) {
  FixedRandom random;
  const auto recovered = Engine::recover(store, random, {.window_entries = 2}, start);
  require(recovered.has_value() || !recovered.error().detail.empty(),
          "a store that is refused says why");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // It says on standard error what is wrong with each record.
  static const auto quiet = google::protobuf::SetLogHandler(nullptr);
  static_cast<void>(quiet);
  static const Sound sound = make_sound();
  Input input(data, size);
  const std::size_t which = input.byte() % sound.entries.size();
  MemoryStore store;
  Batch batch{.writes = sound.entries};
  damage(*batch.writes[which].value, input);
  require(store.commit(batch).has_value(), "a commit succeeds");
  read_everything(store, sound.ids);
  recover_from(store);
  return 0;
}
