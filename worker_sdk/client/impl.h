// What all parts of Client share: how a call is made and its answer read.
//
// Errors   these are the functions that turn an Error into the ApiError that users see.
#pragma once

#include <atomic>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/endpoint.h"
#include "quern/client.h"
#include "quern/protocol/json_reader.h"
#include "transport.h"
#include "wire/read_object.h"
#include "wire/task_json.h"

namespace quern {

struct Client::Impl {
  explicit Impl(ClientOptions options) : options(std::move(options)), transport(this->options) {}

  // The answer to `call` as `read(JsonReader&, Answer&)` understands it.
  template <typename Answer, typename Read>
  Answer ask(const sdk::Call& call, const Read& read) {
    return read_answer<Answer>(call, send(call), read);
  }

  // A 2xx response to `call`; throws ApiError for any other.
  sdk::HttpResponse send(const sdk::Call& call) {
    auto reply = transport.call(call);
    if (!reply) throw ApiError(std::move(reply).error());
    return std::move(reply->response);
  }

  template <typename Answer, typename Read>
  Answer read_answer(const sdk::Call& call, const sdk::HttpResponse& response, const Read& read) {
    JsonReader json(response.body, sdk::answer_depth_max);
    Answer answer{};
    if (read(json, answer) && json.finish()) return answer;
    throw_not_quern(call);
  }

  // bad_response: the answer is well-formed HTTP, but not the answer to `call`.
  [[noreturn]] void throw_not_quern(const sdk::Call& call) const;

  ClientOptions options;
  // One long poll of wait(): well below what proxies allow, and less when a server refuses it.
  std::atomic<Duration> wait_slice{Duration{20'000}};
  sdk::Transport transport;
};

namespace sdk {

inline void throw_unless(Result<void> result) {
  if (!result) throw ApiError(std::move(result).error());
}

// One segment of a path. Throws for what would make it another path: "" and the dots of RFC 3986,
// section 5.2.4, which proxies resolve and which no encoding can hide.
std::string path_segment(std::string_view pointer, std::string_view text);

inline std::string task_path(std::string_view id, std::string_view verb = {}) {
  return "/tasks/" + path_segment("/id", id) + std::string(verb);
}

inline std::string queue_path(std::string_view name, std::string_view verb = {}) {
  return "/queues/" + path_segment("/name", name) + std::string(verb);
}

// Builds "?a=1&b=2", leaving out what is empty.
class Query {
 public:
  Query& add(std::string_view name, std::string_view value);
  Query& add(const PageOptions& page);
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// Reads {"<name>": […], "next_cursor"}, each item by `read(JsonReader&, Item&)`.
template <typename Item, typename Read>
auto page_reader(std::string_view name, const Read& read) {
  return [name, read](JsonReader& json, Page<Item>& page) {
    bool found = false;
    const bool is_object = read_object(json, [&](std::string_view key) {
      if (key == "next_cursor") return json.read_string(page.next_cursor);
      if (key != name) return false;
      bool all = true;
      const bool is_array =
          read_array(json, [&] { return all = read(json, page.items.emplace_back()) && all; });
      return found = is_array && all;
    });
    return is_object && found;
  };
}

// Reads {"<name>": n}.
inline auto count_reader(std::string_view name) {
  return [name](JsonReader& json, std::uint64_t& count) {
    std::int64_t value = -1;
    const bool is_object = read_object(
        json, [&](std::string_view key) { return key == name && json.read_int64(value); });
    count = static_cast<std::uint64_t>(value);
    return is_object && value >= 0;
  };
}

}  // namespace sdk
}  // namespace quern
