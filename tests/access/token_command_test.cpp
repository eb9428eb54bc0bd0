#include "token_command.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "access/token_file.h"
#include "support/temp_dir.h"

using namespace quern;
using quern::server::CommandOutput;
using quern::server::run_token_command;
using quern::test::TempDir;

namespace {

constexpr Timestamp now{1'800'000'000'000};

CommandOutput make(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), "new");
  return run_token_command(arguments, now);
}

std::string first_line(const std::filesystem::path& path) {
  std::string line;
  std::getline(std::ifstream(path), line);
  return line;
}

}  // namespace

TEST_CASE("a new token is shown once, and only its digest is kept") {
  const TempDir folder;
  const std::string path = folder.path() / "tokens";
  const CommandOutput made = make({"--name", "w", "--role", "worker", "--queues", "mail.*",
                                   "--expires", "2d", "--append", path});
  CHECK(made.status == 0);
  REQUIRE(made.output.ends_with('\n'));
  const std::string token = made.output.substr(0, made.output.size() - 1);
  CHECK(token.find('\n') == std::string::npos);
  CHECK(made.errors.find(token) == std::string::npos);
  CHECK(first_line(path).find(token) == std::string::npos);

  const auto tokens = access::read_token_file(path);
  REQUIRE(tokens);
  const access::TokenPtr found = tokens->find(token, now);
  REQUIRE(found);
  CHECK(found->name == "w");
  CHECK(found->role == access::Role::worker);
  CHECK(found->may_use("mail.in"));
  CHECK_FALSE(found->may_use("other"));
  CHECK(*found->expires_at == now + Duration{2 * 86'400'000});
}

TEST_CASE("without a file the line to paste is shown, which a server takes") {
  const CommandOutput made = make({"--name", "p", "--role", "producer"});
  CHECK(made.status == 0);
  const std::string line = made.errors.substr(made.errors.find("p producer sha256:"));
  CHECK(access::parse_tokens(line, "pasted")->size() == 1);
}

TEST_CASE("a token can go into a file of its own instead, which is never overwritten") {
  const TempDir folder;
  const std::string tokens = folder.path() / "tokens";
  const std::string secret = folder.path() / "w.token";
  const CommandOutput made =
      make({"--name", "w", "--role", "worker", "--append", tokens, "--token-file", secret});
  CHECK(made.status == 0);
  CHECK(made.output == "");
  struct stat status {};
  REQUIRE(::stat(secret.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(access::read_token_file(tokens)->find(first_line(secret), now)->name == "w");

  const std::string before = first_line(secret);
  CHECK(make({"--name", "x", "--role", "worker", "--append", tokens, "--token-file", secret})
            .status == 1);
  CHECK(first_line(secret) == before);
  CHECK(access::read_token_file(tokens)->size() == 1);
  // What cannot be added leaves no token behind.
  const std::string orphan = folder.path() / "orphan.token";
  CHECK(make({"--name", "w", "--role", "worker", "--append", tokens, "--token-file", orphan})
            .status == 1);
  CHECK_FALSE(std::filesystem::exists(orphan));
}

TEST_CASE("what makes no sense makes no token") {
  for (const std::vector<std::string>& arguments : std::vector<std::vector<std::string>>{
           {},
           {"--name", "a"},
           {"--role", "admin"},
           {"--name", "a b", "--role", "admin"},
           {"--name", "a", "--role", "boss"},
           {"--name", "a", "--role", "admin", "--queues", "a b"},
           {"--name", "a", "--role", "admin", "--queues", "a\nb"},
           {"--name", "a", "--role", "admin", "--expires", "soon"},
           {"--name", "a", "--role", "admin", "--expires", "0d"},
           {"--name", "a", "--role", "admin", "--expires", "2001-01-01T00:00:00Z"},
           {"--name", "a", "--role", "admin", "--colour", "red"},
       }) {
    const CommandOutput made = make(arguments);
    CAPTURE(made.errors);
    CHECK(made.status == 2);
    CHECK(made.output == "");
    CHECK_FALSE(made.errors.empty());
  }
  CHECK(run_token_command({}, now).status == 2);
  CHECK(run_token_command({"list"}, now).status == 2);
  CHECK(make({"--help"}).output.find("--role") != std::string::npos);
}
