// That a wrong token's time says nothing of where it is wrong, shown by what the code does rather
// than by a clock: every comparison is OpenSSL's in constant time, over whole digests, whether they
// differ and wherever. This program's own CRYPTO_memcmp() comes before the library's and counts.
#include <doctest/doctest.h>

#include <cstddef>
#include <string>
#include <vector>

#include "access/digest.h"
#include "access/token_set.h"

namespace {

std::vector<std::size_t> compared;  // the size of each comparison

}  // namespace

extern "C" int CRYPTO_memcmp(const void* a, const void* b, std::size_t size) {
  compared.push_back(size);
  const auto* left = static_cast<const unsigned char*>(a);
  const auto* right = static_cast<const unsigned char*>(b);
  unsigned char difference = 0;
  for (std::size_t i = 0; i < size; ++i) {
    difference = static_cast<unsigned char>(difference | (left[i] ^ right[i]));
  }
  return difference;
}

namespace quern::access {
namespace {

// The sizes of the comparisons that a look for `digest` makes.
std::vector<std::size_t> comparisons_for(const TokenSet& tokens, const Digest& digest) {
  compared.clear();
  static_cast<void>(tokens.find(digest, {}));
  return compared;
}

TEST_CASE("digests are compared whole and in constant time, wherever they differ") {
  const Digest digest = sha256("abc");
  for (std::size_t i = 0; i < digest.size(); ++i) {
    Digest other = digest;
    other[i] ^= 0x80;
    compared.clear();
    CHECK_FALSE(same(digest, other));
    CHECK(compared == std::vector<std::size_t>{digest.size()});
  }
}

TEST_CASE("a token that is wrong near its digest's end costs what a right one does") {
  const Digest digest = sha256(std::string(40, 'a'));
  const TokenSet tokens({Token{.name = "one", .digest = digest}});
  const auto right = comparisons_for(tokens, digest);
  CHECK(right == std::vector<std::size_t>{digest.size()});
  // Before that a search may look at 8 bytes of the hash. What they give away helps nobody to find
  // a token with the other 24.
  for (std::size_t i = 8; i < digest.size(); ++i) {
    Digest wrong = digest;
    wrong[i] ^= 1;
    CHECK(comparisons_for(tokens, wrong) == right);
  }
}

TEST_CASE("every token whose digest begins alike is looked at") {
  Digest digest = sha256(std::string(40, 'a'));
  std::vector<Token> alike;
  for (unsigned char last = 0; last < 5; ++last) {
    digest.back() = last;
    alike.push_back(Token{.name = std::to_string(last), .digest = digest});
  }
  const TokenSet tokens(alike);
  digest.back() = 99;
  CHECK(comparisons_for(tokens, digest) == std::vector<std::size_t>(alike.size(), digest.size()));
}

}  // namespace
}  // namespace quern::access
