#include "wire.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace quern::bench;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

std::string submit(Wire wire, std::string_view queue, std::string_view payload) {
  std::string out;
  append_submit(wire, queue, payload, out);
  return out;
}

// Every shorter piece is not an answer yet.
void check_whole(Wire wire, std::string_view answer, int status) {
  CAPTURE(answer);
  for (std::size_t size = 0; size < answer.size(); ++size) {
    CAPTURE(size);
    CHECK(parse_answer(wire, answer.substr(0, size)).state == ParsedHead::State::partial);
  }
  const ParsedHead parsed = parse_answer(wire, answer);
  REQUIRE(parsed.state == ParsedHead::State::complete);
  CHECK(parsed.head.status == status);
  CHECK(parsed.head.head_bytes + parsed.head.body_bytes == answer.size());
}

constexpr auto ack = "\x01\x00\x01\x00\x00\x00\x0d\x00\x3c\x00\x50\0\0\0\0\0\0\0\x01\x00\xce"sv;
constexpr auto nack = "\x01\x00\x01\x00\x00\x00\x0d\x00\x3c\x00\x78\0\0\0\0\0\0\0\x01\x00\xce"sv;

}  // namespace

TEST_CASE("submits are written as each server reads them") {
  CHECK(submit(Wire::redis, "bench", "\"xy\"") ==
        "*3\r\n$5\r\nLPUSH\r\n$5\r\nbench\r\n$4\r\n\"xy\"\r\n");
  CHECK(submit(Wire::beanstalkd, "bench", "\"xy\"") == "put 1024 0 60 4\r\n\"xy\"\r\n");
}

TEST_CASE("a message is a method, a header that makes it persistent, and bodies within the frame") {
  const std::string message = submit(Wire::rabbitmq, "q", std::string(200'000, 'x'));
  const std::string method =
      "\x01\x00\x01\x00\x00\x00\x0a\x00\x3c\x00\x28\x00\x00\x00\x01q\x00\xce"s;
  const std::string header =
      "\x02\x00\x01\x00\x00\x00\x0f\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x03\x0d\x40\x10\x00\x02\xce"s;
  REQUIRE(message.size() > method.size() + header.size());
  CHECK(message.substr(0, method.size()) == method);
  CHECK(message.substr(method.size(), header.size()) == header);
  // 131,072 bytes a frame at most, of which 8 are the frame's own.
  const std::size_t first = method.size() + header.size();
  CHECK(message.substr(first, 7) == "\x03\x00\x01\x00\x01\xff\xf8"s);
  CHECK(message.size() == first + 200'000 + 2 * 8);
  CHECK(message.back() == '\xce');
}

TEST_CASE("what was stored is told from what was refused") {
  check_whole(Wire::redis, ":12\r\n", 200);
  check_whole(Wire::redis, "-MISCONF not now\r\n", 500);
  check_whole(Wire::beanstalkd, "INSERTED 7\r\n", 200);
  check_whole(Wire::beanstalkd, "DRAINING\r\n", 500);
  check_whole(Wire::beanstalkd, "BURIED 7\r\n", 500);
  for (const Wire wire : {Wire::rabbitmq, Wire::rabbitmq_quorum}) {
    check_whole(wire, ack, 200);
    check_whole(wire, nack, 500);
  }
}

TEST_CASE("what is no answer to a submit is malformed") {
  CHECK(parse_answer(Wire::redis, "HTTP/1.1 200 OK\r\n").state == ParsedHead::State::malformed);
  CHECK(parse_answer(Wire::redis, "$-1\r\n").state == ParsedHead::State::malformed);
  CHECK(parse_answer(Wire::beanstalkd, ":1\r\n").state == ParsedHead::State::malformed);
  std::string no_end(ack);
  no_end.back() = 'x';
  CHECK(parse_answer(Wire::rabbitmq, no_end).state == ParsedHead::State::malformed);
  CHECK(parse_answer(Wire::rabbitmq, "\x08\x00\x00\x00\x00\x00\x00\xce"sv).state ==
        ParsedHead::State::malformed);
}

TEST_CASE("Quern's own answers are read as HTTP") {
  check_whole(Wire::quern, "HTTP/1.1 202 Accepted\r\n\r\n", 202);
}
