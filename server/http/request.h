// One request, taken apart and checked, as the endpoints see it.
//
// Shape    views into the connection's buffers. `body` is valid only while the command is decoded,
//          everything else until the response is complete.
// Threads  plain values of one connection.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/token_set.h"

namespace quern::http {

// The methods of RFC 9110 and PATCH. Any other is not_implemented.
enum class Method : std::uint8_t { get, head, post, put, patch, del, options, trace, connect };

std::optional<Method> method_from(std::string_view text);
std::string_view to_string(Method method);

struct Field {
  std::string_view name;
  std::string_view value;  // without surrounding white space
};

// The request line and the header fields as they came.
struct RequestHead {
  std::string_view method;
  std::string_view target;
  bool http_1_0 = false;
  bool keep_alive = true;
  std::vector<Field> fields;

  // Keeps the memory of `fields` for the next request.
  void clear() {
    method = target = {};
    http_1_0 = false;
    keep_alive = true;
    fields.clear();
  }
};

// The fields that the server reads. Each may be given once; only tracestate may be repeated.
enum class Known : std::uint8_t {
  host,
  content_length,
  transfer_encoding,
  content_type,
  content_encoding,
  expect,
  origin,
  authorization,
  idempotency_key,
  correlation_id,
  request_id,
  traceparent,
  sec_fetch_site,
};
inline constexpr std::size_t known_count = 13;

struct KnownFields {
  std::array<std::optional<std::string_view>, known_count> values;
  std::string tracestate;  // all of them, joined by commas

  const std::optional<std::string_view>& operator[](Known field) const {
    return values[static_cast<std::size_t>(field)];
  }
};

struct Parameter {
  std::string name;
  std::string value;
};

// A request target, percent-decoded once.
struct Target {
  std::string_view authority;         // of the absolute form, else empty
  bool https = false;                 // of the absolute form: its scheme
  std::vector<std::string> segments;  // of the path: "/tasks/x" has two
  std::vector<Parameter> query;
};

struct Request {
  Method method = Method::get;
  Target target;
  KnownFields fields;
  std::string_view body;
  access::TokenPtr token;  // null: nobody is asked who they are

  // The path's segment that a route's {} stands for, counted from 0.
  const std::string& segment(std::size_t index) const { return target.segments[index]; }
  // The queues whose tasks the caller may see and touch.
  engine::Scope scope() const { return token ? token->queues : nullptr; }
};

}  // namespace quern::http
