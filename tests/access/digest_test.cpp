#include "access/digest.h"

#include <doctest/doctest.h>

#include <string>

using namespace quern::access;

TEST_CASE("a digest is SHA-256 as everybody computes it") {
  // FIPS 180-4's own example.
  CHECK(to_hex(sha256("abc")) ==
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(to_hex(sha256("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a digest reads back from its digits, of either case, and from nothing else") {
  const Digest digest = sha256("abc");
  const std::string text = to_hex(digest);
  CHECK(digest_from_hex(text) == digest);
  CHECK(digest_from_hex("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD") ==
        digest);
  CHECK_FALSE(digest_from_hex(text.substr(1)));
  CHECK_FALSE(digest_from_hex(text + "0"));
  CHECK_FALSE(digest_from_hex("g" + text.substr(1)));
  CHECK_FALSE(digest_from_hex(""));
}

TEST_CASE("digests are the same only if every byte is") {
  const Digest digest = sha256("abc");
  CHECK(same(digest, digest));
  for (std::size_t i = 0; i < digest.size(); ++i) {
    Digest other = digest;
    other[i] ^= 1;
    CHECK_FALSE(same(digest, other));
  }
}
