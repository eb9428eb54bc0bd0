#include "response.h"

#include <doctest/doctest.h>

#include <string>
#include <string_view>

using namespace quern::bench;

TEST_CASE("a head is complete with its empty line, not before") {
  const std::string_view head = "HTTP/1.1 202 Accepted\r\nServer: x\r\nContent-Length: 17\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size) {
    CAPTURE(size);
    CHECK(parse_head(head.substr(0, size)).state == ParsedHead::State::partial);
  }
  const ParsedHead parsed = parse_head(std::string(head) + "{\"body\": true}");
  REQUIRE(parsed.state == ParsedHead::State::complete);
  CHECK(parsed.head.status == 202);
  CHECK(parsed.head.succeeded());
  CHECK(parsed.head.head_bytes == head.size());
  CHECK(parsed.head.body_bytes == 17);
  CHECK_FALSE(parsed.head.closes);
}

TEST_CASE("field names and Connection: close are read in any case") {
  const ParsedHead parsed =
      parse_head("HTTP/1.1 503 \r\ncontent-LENGTH:\t5 \r\nCONNECTION: Close\r\n\r\n");
  REQUIRE(parsed.state == ParsedHead::State::complete);
  CHECK(parsed.head.status == 503);
  CHECK_FALSE(parsed.head.succeeded());
  CHECK(parsed.head.body_bytes == 5);
  CHECK(parsed.head.closes);
}

TEST_CASE("an answer without Content-Length has no body") {
  const ParsedHead parsed = parse_head("HTTP/1.1 204 No Content\r\n\r\n");
  REQUIRE(parsed.state == ParsedHead::State::complete);
  CHECK(parsed.head.body_bytes == 0);
}

TEST_CASE("what is no answer that the load generator reads is malformed") {
  for (const std::string_view head :
       {"HTTP/2 200\r\n\r\n", "HTTP/1.1 OK\r\n\r\n", "HTTP/1.1 2\r\n\r\n", "\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    CAPTURE(head);
    CHECK(parse_head(head).state == ParsedHead::State::malformed);
  }
}

TEST_CASE("leased tasks come with their tokens, in order, wherever the names stand in the object") {
  const auto tasks = parse_leases(
      R"({"tasks":[{"id":"a","correlation_id":"no","lease":{"token":"1","worker_id":"no"}},)"
      R"({"lease":{"worker_id":"no","token":"2"},"id":"b"}],"settled":[]})");
  REQUIRE(tasks);
  REQUIRE(tasks->size() == 2);
  CHECK(tasks->at(0).id == "a");
  CHECK(tasks->at(0).token == "1");
  CHECK(tasks->at(1).id == "b");
  CHECK(tasks->at(1).token == "2");
}

TEST_CASE("an empty lease has no tasks, and ids without tokens are not understood") {
  const auto empty = parse_leases(R"({"tasks":[],"settled":[]})");
  REQUIRE(empty);
  CHECK(empty->empty());
  CHECK_FALSE(parse_leases(R"({"tasks":[{"id":"a"}]})"));
  CHECK_FALSE(parse_leases(R"({"tasks":[{"lease":{"token":"1"}}]})"));
}
