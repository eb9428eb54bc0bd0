#include "access/token_file.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "support/temp_dir.h"

using namespace quern;
using namespace quern::access;
using quern::test::TempDir;

namespace {

const std::string secret(40, 's');
const std::string digest = "sha256:" + to_hex(sha256(secret));

std::string refusal(const std::string& text) {
  const Result<TokenSet> tokens = parse_tokens(text, "file");
  return tokens ? "" : tokens.error().detail;
}

TokenPtr only_token(const std::string& text) {
  const Result<TokenSet> tokens = parse_tokens(text, "file");
  if (!tokens) FAIL(tokens.error().detail);
  return tokens->find(secret, {});
}

std::string another_digest() { return "sha256:" + to_hex(sha256("another")); }

}  // namespace

TEST_CASE("a line is a name, a role, a digest, and what limits the token") {
  const TokenPtr plain = only_token("mailer producer " + digest + "\n");
  REQUIRE(plain);
  CHECK(plain->name == "mailer");
  CHECK(plain->role == Role::producer);
  CHECK(plain->may_use("anything"));
  CHECK_FALSE(plain->expires_at);

  const TokenPtr limited = only_token("# who works on mail\n\n  w-1\tworker " + digest +
                                      " queues=mail.*,bulk expires=2027-01-31T12:00:00Z  \r\n");
  REQUIRE(limited);
  CHECK(limited->role == Role::worker);
  CHECK(limited->may_use("mail.in"));
  CHECK(limited->may_use("bulk"));
  CHECK_FALSE(limited->may_use("mail"));
  CHECK_FALSE(limited->may_use("bulky"));
  CHECK(to_rfc3339(*limited->expires_at) == "2027-01-31T12:00:00.000Z");
}

TEST_CASE("an error says the file, the line and the reason, and never repeats a secret") {
  const std::string good = "a admin " + digest + "\n";
  struct Row {
    std::string text;
    const char* says;
  };
  for (const Row& row : {
           Row{"a", "file: line 1: a token is: name role sha256:digest"},
           Row{"\n\na admin", "file: line 3: a token is"},
           Row{"-a admin " + digest, "line 1: the name must be"},
           Row{"a boss " + digest, "line 1: the role must be producer, worker, reader or admin"},
           Row{"a admin " + secret, "line 1: the third word must be sha256:"},
           Row{"a admin sha256:12", "line 1: the third word must be sha256:"},
           Row{"a admin " + digest + " queues=", "line 1: queues= must be"},
           Row{"a admin " + digest + " queues=a,,b", "line 1: queues= must be"},
           Row{"a admin " + digest + " queues=a/b", "line 1: queues= must be"},
           Row{"a admin " + digest + " queues=a queues=b", "line 1: queues= is given twice"},
           Row{"a admin " + digest + " expires=tomorrow", "line 1: expires= must be a time"},
           Row{"a admin " + digest + " expires=2027-01-01", "line 1: expires= must be a time"},
           Row{"a admin " + digest + " color=red", "line 1: after the digest come"},
           Row{"a admin " + digest + " " + secret, "line 1: after the digest come"},
           Row{good + "a reader " + another_digest(), "line 2: the name is that of line 1"},
           Row{good + "b reader " + digest, "line 2: the digest is that of line 1"},
       }) {
    CAPTURE(row.text);
    const std::string said = refusal(row.text);
    CAPTURE(said);
    CHECK(said.find(row.says) != std::string::npos);
    CHECK(said.find(secret) == std::string::npos);
    CHECK(said.find(digest.substr(7)) == std::string::npos);
  }
}

TEST_CASE("a file that others may use, that is none, or that has no tokens is refused") {
  const TempDir folder;
  const auto path = folder.path() / "tokens";
  const auto said = [&] {
    const Result<TokenSet> tokens = read_token_file(path);
    return tokens ? "" : tokens.error().detail;
  };
  CHECK(said().find("No such file") != std::string::npos);
  std::ofstream(path) << "a admin " << digest << "\n";
  for (const mode_t mode : {0644, 0640, 0660, 0602, 0601, 0610}) {
    ::chmod(path.c_str(), mode);
    CHECK(said().find("chmod 600") != std::string::npos);
  }
  ::chmod(path.c_str(), 0600);
  CHECK(said() == "");
  ::chmod(path.c_str(), 0400);
  CHECK(said() == "");
  ::chmod(path.c_str(), 0600);
  std::ofstream(path) << "# nobody\n";
  CHECK(said().find("has no tokens") != std::string::npos);

  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  ::chmod(path.c_str(), 0700);
  CHECK(said().find("is not a file") != std::string::npos);
  std::filesystem::remove(path);
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  CHECK(said().find("is not a file") != std::string::npos);
}

TEST_CASE("a line is added only to a file that is right with it") {
  const TempDir folder;
  const auto path = folder.path() / "tokens";
  REQUIRE(append_token_line(path, "a admin " + digest));
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK_FALSE(append_token_line(path, "a admin " + another_digest()));
  CHECK_FALSE(append_token_line(path, "b boss " + another_digest()));
  // A file that an editor left without its last line feed.
  std::ofstream(path) << "a admin " << digest;
  REQUIRE(append_token_line(path, "b reader " + another_digest()));
  CHECK(read_token_file(path)->size() == 2);
  ::chmod(path.c_str(), 0644);
  CHECK_FALSE(append_token_line(path, "c reader sha256:" + to_hex(sha256("c"))));
  CHECK(check_token_line("a admin " + digest));
  CHECK_FALSE(check_token_line("a admin " + digest + "\nb admin " + another_digest()));
}
