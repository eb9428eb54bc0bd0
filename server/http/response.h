// An answer, and its bytes on the wire.
//
// Shape    one string for the head, one for the body, both reused by a connection and written
//          together.
// Threads  plain values of one connection.
#pragma once

#include <string>
#include <string_view>

namespace quern::http {

struct Response {
  unsigned status = 200;
  std::string_view content_type = "application/json";
  std::string fields;  // further header fields, each line ended by CRLF
  std::string body;

  // `value` must be free of control characters: checked wherever a client could supply it.
  void add_field(std::string_view name, std::string_view value);
  void clear();
};

// What of a response's head depends on the request and the hour.
struct HeadContext {
  std::string_view date;  // IMF-fixdate
  std::string_view request_id;
  bool keep_alive = true;
  bool http_1_0 = false;  // says "keep-alive" aloud
};

void write_head(const Response& response, const HeadContext& context, std::string& out);

// "Sun, 06 Nov 1994 08:49:37 GMT", RFC 9110 section 5.6.7.
std::string http_date(std::int64_t unix_seconds);

}  // namespace quern::http
