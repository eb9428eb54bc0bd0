// As much of HTTP as the load generator needs to read Quern's answers.
//
// Shape    answers carry a Content-Length (or have no body); chunked ones are malformed here.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quern::bench {

struct ResponseHead {
  int status = 0;
  std::size_t head_bytes = 0;  // status line, fields and the empty line
  std::size_t body_bytes = 0;
  bool closes = false;  // Connection: close

  bool succeeded() const { return status >= 200 && status < 300; }
};

struct ParsedHead {
  enum class State { partial, complete, malformed };
  State state = State::partial;
  ResponseHead head;
};

// Reads the head that `bytes` starts with; `partial` until its empty line is there.
ParsedHead parse_head(std::string_view bytes);

struct LeasedTask {
  std::string id;
  std::string token;
};

// The tasks of a lease's answer, in order; nullopt when ids and tokens do not pair. Looks for the
// two names as the server writes them, without white space: our payloads cannot contain them.
std::optional<std::vector<LeasedTask>> parse_leases(std::string_view body);

}  // namespace quern::bench
