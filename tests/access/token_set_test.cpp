#include "access/token_set.h"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "access/new_token.h"

using namespace quern;
using namespace quern::access;

namespace {

const std::string first(40, 'a');
const std::string second(40, 'b');

Token token_of(const std::string& text, std::string name) {
  return Token{.name = std::move(name), .digest = sha256(text)};
}

}  // namespace

TEST_CASE("a token is found by what the client sends, and nothing else is") {
  const TokenSet tokens({token_of(first, "one"), token_of(second, "two")});
  REQUIRE(tokens.find(first, {}));
  CHECK(tokens.find(first, {})->name == "one");
  CHECK(tokens.find(second, {})->name == "two");
  for (const std::string& other :
       {std::string(), first.substr(1), first + "a", std::string(40, 'c'), to_hex(sha256(first))}) {
    CHECK_FALSE(tokens.find(other, {}));
  }
  CHECK_FALSE(TokenSet({}).find(first, {}));
}

TEST_CASE("digests that begin alike are told apart") {
  Token one = token_of(first, "one");
  Token two = one;
  two.name = "two";
  two.digest.back() ^= 1;
  const TokenSet tokens({two, one});
  CHECK(tokens.find(first, {})->name == "one");
  CHECK(tokens.find(two.digest, {})->name == "two");
}

TEST_CASE("a token that could be guessed is none, whatever the file says") {
  const std::string weak(token_bytes_min - 1, 'w');
  const std::string long_one(token_bytes_max + 1, 'l');
  const TokenSet tokens({token_of(weak, "weak"), token_of(long_one, "long")});
  CHECK_FALSE(tokens.find(weak, {}));
  CHECK_FALSE(tokens.find(long_one, {}));
}

TEST_CASE("a token is worth nothing from its expiry on") {
  Token token = token_of(first, "one");
  token.expires_at = Timestamp{1000};
  const TokenSet tokens({token});
  CHECK(tokens.find(first, Timestamp{999}));
  CHECK_FALSE(tokens.find(first, Timestamp{1000}));
}

TEST_CASE("tokens that are made are long, of the expected letters, and never the same") {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const Result<std::string> token = random_token();
    REQUIRE(token);
    CHECK(token->size() == 46);
    CHECK(token->starts_with("qt_"));
    CHECK(token->find_first_not_of(
              "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos);
    CHECK(seen.insert(*token).second);
  }
}
