#include "http/response.h"

#include <doctest/doctest.h>

using namespace quern::http;

TEST_CASE("a response's head has its status, length, request id and what the endpoint added") {
  Response response;
  response.status = 202;
  response.body = "{}";
  response.add_field("Location", "/tasks/x");
  std::string head;
  write_head(response, {.date = "today", .request_id = "r1"}, head);
  CHECK(head ==
        "HTTP/1.1 202 Accepted\r\nDate: today\r\nContent-Type: application/json\r\n"
        "Content-Length: 2\r\nX-Request-ID: r1\r\nLocation: /tasks/x\r\n\r\n");
}

TEST_CASE("a 204 has no length, and the end of a connection is announced") {
  Response response;
  response.status = 204;
  std::string head;
  write_head(response, {.date = "d", .request_id = "r", .keep_alive = false}, head);
  CHECK(head ==
        "HTTP/1.1 204 No Content\r\nDate: d\r\nX-Request-ID: r\r\nConnection: close\r\n\r\n");
  write_head(response, {.date = "d", .request_id = "r", .keep_alive = true, .http_1_0 = true},
             head);
  CHECK(head.find("Connection: keep-alive\r\n") != std::string::npos);
}

TEST_CASE("the date is written as RFC 9110 wants it") {
  CHECK(http_date(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(http_date(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(http_date(951782400) == "Tue, 29 Feb 2000 00:00:00 GMT");
}
