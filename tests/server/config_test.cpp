#include "config.h"

#include <doctest/doctest.h>

#include <fstream>
#include <map>

#include "settings.h"
#include "support/temp_dir.h"

using namespace quern;
using namespace quern::server;
using namespace std::literals;

namespace {

using Variables = std::map<std::string, std::string>;

Result<Invocation> read(const std::vector<std::string>& arguments,
                        const Variables& variables = {}) {
  return read_config(
      arguments,
      [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second.c_str();
      },
      "quernd 1.2.3");
}

Config config_of(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  const Result<Invocation> invocation = read(arguments, variables);
  if (!invocation) FAIL(invocation.error().detail);
  return invocation->config;
}

std::string refusal_of(const std::vector<std::string>& arguments, const Variables& variables = {}) {
  const Result<Invocation> invocation = read(arguments, variables);
  return invocation ? "" : invocation.error().detail;
}

struct ConfigFile {
  test::TempDir directory;
  std::string path;

  explicit ConfigFile(std::string_view text) : path((directory.path() / "quern.toml").string()) {
    std::ofstream(path) << text;
  }
};

}  // namespace

TEST_CASE("what is not said has its default") {
  const Config config = config_of({"--data", "d"});
  CHECK(config.listen == "127.0.0.1:7480");
  CHECK(config.data == "d");
  CHECK(config.durability == storage::Durability::fsync);
  CHECK_FALSE(config.insecure);
  CHECK(config.allowed_hosts.empty());
  CHECK(config.limits.body_bytes_max == limits::body_bytes_max);
  CHECK(config.limits.payload_bytes_max == limits::payload_bytes_max);
  CHECK(config.limits.batch_tasks_max == limits::batch_tasks_max);
  CHECK(config.limits.wait_max == limits::wait_max);
  CHECK(config.head.header_bytes_max == limits::header_bytes_max);
  CHECK(config.head.target_bytes_max == limits::target_bytes_max);
}

TEST_CASE("a flag goes before the environment, and that before the file") {
  const ConfigFile file("data = 'file'\nlisten = 'file:1'\nio_threads = 3\nlog_level = 'warn'\n");
  const Variables variables = {{"QUERN_LISTEN", "env:1"}, {"QUERN_IO_THREADS", "2"}};
  const Config config = config_of({"--config", file.path, "--listen", "flag:1"}, variables);
  CHECK(config.listen == "flag:1");
  CHECK(config.io_threads == 2);
  CHECK(config.data == "file");
  CHECK(config.log_level == log::Level::warn);
  CHECK(config_of({}, {{"QUERN_CONFIG", file.path}}).io_threads == 3);
}

TEST_CASE("every setting can come from each of the three places") {
  for (const Setting& setting : all_settings()) {
    CAPTURE(setting.name);
    const bool is_switch = setting.value.empty();
    const std::string value = is_switch                  ? "true"
                              : setting.fallback.empty() ? "x"
                                                         : setting.fallback;
    std::string text = setting.name == "data" ? "" : "data = 'd'\n";
    text.append(setting.name).append(" = '").append(value).append("'\n");
    const ConfigFile file(text);
    CHECK(refusal_of({"--config", file.path}) == "");
    CHECK(refusal_of({}, {{"QUERN_DATA", "d"}, {setting.variable(), value}}) == "");
    std::vector<std::string> flags = {setting.flag()};
    if (!is_switch) flags.push_back(value);
    CHECK(refusal_of(flags, {{"QUERN_DATA", "d"}}) == "");
  }
}

TEST_CASE("a file may use TOML's own kinds of values") {
  const ConfigFile file(
      "data = 'd'\ninsecure = true\nallowed_hosts = ['a.example', 'B.example']\n"
      "payload_bytes_max = 1_000\n");
  const Config config = config_of({"--config", file.path});
  CHECK(config.insecure);
  CHECK(config.allowed_hosts == std::vector<std::string>{"a.example", "b.example"});
  CHECK(config.limits.payload_bytes_max == 1000);
}

TEST_CASE("a table of the file goes before the names of its keys") {
  const ConfigFile file(
      "data = 'd'\n[backup]\ndirectory = 'b'\ninterval_ms = 3_600_000\nkeep = 24\n");
  const Config config = config_of({"--config", file.path});
  CHECK(config.backup_directory == "b");
  CHECK(config.backup_interval == std::chrono::hours(1));
  CHECK(config.backup_keep == 24);
}

TEST_CASE("backups lie elsewhere than the data, and a schedule needs a place for them") {
  const std::string outside = "must lie outside";
  for (const char* directory : {"d", "d/", "d/backups", "d/../d/backups", "."}) {
    CAPTURE(std::string(directory));
    CHECK(refusal_of({"--data", "d", "--backup-directory", directory}).find(outside) !=
          std::string::npos);
  }
  CHECK(refusal_of({"--data", "d", "--backup-directory", "d2"}) == "");
  CHECK(refusal_of({"--data", "d/data", "--backup-directory", "d/backups"}) == "");
  CHECK(refusal_of({"--data", "d", "--backup-interval-ms", "1000"}).find("backup_directory") !=
        std::string::npos);
}

TEST_CASE("what is not understood refuses to start, and says where it came from") {
  CHECK(refusal_of({}).find("--data") != std::string::npos);
  CHECK(refusal_of({"--data", "d", "--no-such"}).find("--no-such") != std::string::npos);
  CHECK(refusal_of({"--data", "d", "extra"}).find("extra") != std::string::npos);
  CHECK(refusal_of({"--data"}) != "");
  CHECK(refusal_of({"--data", "d", "--io-threads", "many"}) ==
        "--io-threads must be 0..256, not 'many'");
  CHECK(refusal_of({"--data", "d"}, {{"QUERN_DURABILITY", "maybe"}}) ==
        "QUERN_DURABILITY must be fsync or os, not 'maybe'");
  CHECK(refusal_of({"--data", "d", "--allowed-hosts", "a:80"}).find("without ports") !=
        std::string::npos);

  const ConfigFile unknown("data = 'd'\nlisten_on = 'x'\n");
  CHECK(refusal_of({"--config", unknown.path}) == unknown.path + ": listen_on is not a setting");
  const ConfigFile table("data = 'd'\n[http]\nlisten = 'x'\n");
  CHECK(refusal_of({"--config", table.path}) == table.path + ": http.listen is not a setting");
  const ConfigFile deeper("data = 'd'\n[backup]\nkeep.most = 3\n");
  CHECK(refusal_of({"--config", deeper.path}).find("backup.keep must be") != std::string::npos);
  const ConfigFile twice("data = 'd'\nbackup_keep = 3\n[backup]\nkeep = 4\n");
  CHECK(refusal_of({"--config", twice.path}).find("said already") != std::string::npos);
  const ConfigFile wrong("data = 'd'\nio_threads = 1.5\n");
  CHECK(refusal_of({"--config", wrong.path}).find("io_threads must be") != std::string::npos);
  const ConfigFile broken("data = 'd'\nlisten = \n");
  CHECK(refusal_of({"--config", broken.path}).find("line 2") != std::string::npos);
  CHECK(refusal_of({"--config", "/no/such/file"}).find("/no/such/file") != std::string::npos);
}

TEST_CASE("help names every setting, and both it and the version need no others") {
  const Result<Invocation> help = read({"--help"});
  REQUIRE(help);
  REQUIRE(help->print);
  for (const Setting& setting : all_settings()) {
    CAPTURE(setting.name);
    CHECK(help->print->find(setting.flag()) != std::string::npos);
  }
  const Result<Invocation> version = read({"--version"});
  REQUIRE(version);
  CHECK(version->print == "quernd 1.2.3\n");
}
