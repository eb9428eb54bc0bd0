#include <doctest/doctest.h>

#include "quern/storage/records.pb.h"

namespace quern::storage::test {
namespace {

TEST_CASE("fields that a later version wrote are kept when this one rewrites the record") {
  record::TaskStatus status;
  status.set_attempts(2);
  status.mutable_lease()->set_worker_id("w1");
  // Field 1000, a varint of 7; in the record and in the one nested in it.
  const std::string unknown = "\xc0\x3e\x07";
  std::string lease = status.lease().SerializeAsString() + unknown;
  std::string bytes = status.SerializeAsString() + unknown;
  record::TaskStatus extended;
  REQUIRE(extended.ParseFromString(bytes));
  REQUIRE(extended.mutable_lease()->ParseFromString(lease));

  extended.set_attempts(3);
  extended.mutable_lease()->set_expires_at(99);
  const std::string rewritten = extended.SerializeAsString();
  CHECK(rewritten.ends_with(unknown));
  record::TaskStatus again;
  REQUIRE(again.ParseFromString(rewritten));
  CHECK(again.attempts() == 3);
  CHECK(again.lease().SerializeAsString().ends_with(unknown));
}

TEST_CASE("an optional field tells zero from absent") {
  record::TaskBody body;
  body.set_lease_ms(0);
  record::TaskBody read;
  REQUIRE(read.ParseFromString(body.SerializeAsString()));
  CHECK(read.has_lease_ms());
  CHECK(!read.has_timeout_ms());
}

TEST_CASE("bytes that are no record are refused") {
  record::TaskBody body;
  CHECK(!body.ParseFromString("\xff\xff\xff"));
  CHECK(
      !body.ParseFromString(std::string("\x22\x7f"
                                        "short",
                                        7)));  // says 127 bytes of payload
}

}  // namespace
}  // namespace quern::storage::test
