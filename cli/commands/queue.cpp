#include <CLI/App.hpp>
#include <charconv>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/options.h"
#include "commands/queue_text.h"
#include "quern/protocol/json_writer.h"
#include "text.h"

namespace quern::cli {
namespace {

ExitCode show(const Session& session, const Queue& queue) {
  if (session.json) {
    std::cout << one_line(to_json(queue)) << '\n';
  } else {
    print_queue(std::cout, queue, session.look());
  }
  return exit_ok;
}

// A merge patch of those settings that were given.
class SettingsPatch {
 public:
  SettingsPatch() { json_.begin_object(); }

  void add_to(CLI::App& command) {
    add_number(command, "--max-attempts", "max_attempts", Unset::by_default,
               "Attempts before a task is dead");
    add_durations(command);
    add_number(command, "--max-backlog", "max_backlog", Unset::none,
               "Unfinished tasks it may hold, or none");
    add_choice(command, "--retry-strategy", strategy_, {"exponential", "linear", "fixed"},
               "How the wait between attempts grows");
    add_duration(command, "--retry-base", base_, "The first wait");
    add_duration(command, "--retry-max", max_, "The longest wait");
    add_finite(command, "--retry-factor", factor_, "What exponential waits grow by");
    add_choice(command, "--retry-jitter", jitter_, {"yes", "no"},
               "Whether the waits are spread at random");
  }

  std::string finish() {
    write_retry();
    json_.end_object();
    if (text_ == "{}") throw UsageError("queue set: nothing to set; see qctl queue set --help");
    return text_;
  }

 private:
  // Without a value some limits do not hold; others have none but their default.
  enum class Unset { none, by_default };

  void add_durations(CLI::App& command) {
    add_duration_setting(command, "--lease", "lease_ms", Unset::by_default,
                         "How long a worker holds a task without a heartbeat");
    add_duration_setting(command, "--timeout", "timeout_ms", Unset::none,
                         "Hard limit of one attempt, or none");
    add_duration_setting(command, "--ttl", "ttl_ms", Unset::none,
                         "Within which a task must start, or none");
    add_duration_setting(command, "--retention", "retention_ms", Unset::by_default,
                         "How long finished tasks are kept");
    add_duration_setting(command, "--dead-retention", "dead_retention_ms", Unset::none,
                         "How long dead tasks are kept, or none: for ever");
    add_duration_setting(command, "--idempotency-window", "idempotency_window_ms",
                         Unset::by_default, "How long an idempotency key is remembered");
  }

  void add_duration_setting(CLI::App& command, const std::string& option, const std::string& field,
                            Unset unset, const std::string& description) {
    const auto write = [this](const std::string& text) {
      const auto duration = parse_duration(text);
      if (duration) json_.number(std::int64_t{duration->count()});
      return duration.has_value();
    };
    add_setting(command, option, field, unset, description, "DURATION", write);
  }

  void add_number(CLI::App& command, const std::string& option, const std::string& field,
                  Unset unset, const std::string& description) {
    const auto write = [this](const std::string& text) {
      std::uint64_t number = 0;
      const char* const end = text.data() + text.size();
      const auto [stop, error] = std::from_chars(text.data(), end, number);
      if (error != std::errc{} || stop != end) return false;
      json_.number(number);
      return true;
    };
    add_setting(command, option, field, unset, description, "NUMBER", write);
  }

  // A merge patch takes a setting back to its default with null, and that is what both words do:
  // "none" only where no limit is the default, so that it means what it says.
  template <typename Write>
  void add_setting(CLI::App& command, const std::string& option, const std::string& field,
                   Unset unset, const std::string& description, const std::string& type,
                   Write write) {
    const std::string word = unset == Unset::none ? "none" : "default";
    command
        .add_option_function<std::string>(
            option,
            [this, option, field, type, word, write](const std::string& text) {
              json_.key(field);
              if (text == word || text == "default") {
                json_.null();
              } else if (!write(text)) {
                throw CLI::ValidationError(
                    option, "\"" + text + "\" is no " + type + " and not \"" + word + "\"");
              }
            },
            description)
        ->type_name(type);
  }

  void write_retry() {
    if (strategy_.empty() && !base_ && !max_ && !factor_ && jitter_.empty()) return;
    json_.key("retry").begin_object();
    if (!strategy_.empty()) json_.key("strategy").string(strategy_);
    if (base_) json_.key("base_ms").number(std::int64_t{base_->count()});
    if (max_) json_.key("max_ms").number(std::int64_t{max_->count()});
    if (factor_) json_.key("factor").number(*factor_);
    if (!jitter_.empty()) json_.key("jitter").boolean(jitter_ == "yes");
    json_.end_object();
  }

  std::string text_;
  JsonWriter json_{text_};
  std::string strategy_;
  std::optional<Duration> base_;
  std::optional<Duration> max_;
  std::optional<double> factor_;
  std::string jitter_;
};

// Makes the queue if there is none: the server patches only what exists.
Queue set_or_create(Client& client, const std::string& name, const std::string& patch) {
  try {
    return client.queue_patch(name, patch);
  } catch (const ApiError& error) {
    if (error.code() != ErrorCode::queue_not_found) throw;
    client.queue_set(name, {});
    return client.queue_patch(name, patch);
  }
}

// `queue <verb> <name>`, answered with the queue.
template <typename Ask>
CLI::App* add_verb(CLI::App& queue, Session& session, const std::string& verb,
                   const std::string& description, const Ask& ask) {
  auto name = std::make_shared<std::string>();
  CLI::App* command = queue.add_subcommand(verb, description);
  command->add_option("name", *name, "The queue's name")->required();
  add_examples(*command, "  qctl queue " + verb + " emails\n");
  command->callback([&session, name, ask] {
    session.action = [&session, name, ask] {
      return show(session, session.ask([&](Client& client) { return ask(client, *name); }));
    };
  });
  return command;
}

}  // namespace

void add_queue(CLI::App& app, Session& session) {
  CLI::App* queue = app.add_subcommand("queue", "Look at one queue, or change it");
  queue->require_subcommand(1);
  add_examples(*queue,
               "  qctl queue get emails\n"
               "  qctl queue set emails --max-attempts 10 --lease 2m\n");
  add_verb(*queue, session, "get", "Show a queue's settings and counts",
           [](Client& client, const std::string& name) { return client.queue(name); });
  add_verb(*queue, session, "pause", "Give out no more of its tasks; submitting still works",
           [](Client& client, const std::string& name) { return client.queue_pause(name); });
  add_verb(*queue, session, "resume", "Give out its tasks again",
           [](Client& client, const std::string& name) { return client.queue_resume(name); });
  auto patch = std::make_shared<SettingsPatch>();
  CLI::App* set = add_verb(*queue, session, "set",
                           "Change settings, of a new queue too; what is not named stays as it is",
                           [patch](Client& client, const std::string& name) {
                             return set_or_create(client, name, patch->finish());
                           });
  patch->add_to(*set);
  add_examples(*set,
               "  qctl queue set emails --max-attempts 10 --lease 2m\n"
               "  qctl queue set imports --max-backlog 100000 --ttl none\n");
  add_queue_removal(*queue, session);
}

}  // namespace quern::cli
