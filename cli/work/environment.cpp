#include "work/environment.h"

#include <filesystem>
#include <string_view>

#include "quern/protocol/json_writer.h"

extern char** environ;

namespace quern::cli {
namespace {

std::string metadata_json(const Task& task) {
  std::string text;
  JsonWriter json(text);
  json.begin_object();
  for (const auto& [name, value] : task.metadata) json.key(name).string(value);
  json.end_object();
  return text;
}

}  // namespace

std::vector<std::string> environment_for(const Task& task, const Connection& connection,
                                         bool pass_token) {
  std::vector<std::string> environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (!std::string_view(*entry).starts_with("QUERN_")) environment.emplace_back(*entry);
  }
  const auto set = [&](const std::string& name, const std::string& value) {
    environment.push_back("QUERN_" + name + "=" + value);
  };
  set("TASK_ID", task.id);
  set("TASK_TYPE", task.type);
  set("QUEUE", task.queue);
  set("ATTEMPT", std::to_string(task.attempts));
  set("MAX_ATTEMPTS", std::to_string(task.max_attempts));
  set("CORRELATION_ID", task.correlation_id);
  if (!task.idempotency_key.empty()) set("IDEMPOTENCY_KEY", task.idempotency_key);
  set("METADATA", metadata_json(task));
  // For follow-up tasks with qctl submit, from whatever folder.
  set("SERVER", connection.server);
  if (!connection.ca_file.empty()) {
    set("CA_FILE", std::filesystem::absolute(connection.ca_file).string());
  }
  if (pass_token && !connection.token.empty()) set("TOKEN", connection.token);
  return environment;
}

}  // namespace quern::cli
