#include <algorithm>
#include <charconv>
#include <initializer_list>
#include <utility>

#include "http/cursor.h"
#include "http/decode.h"
#include "quern/protocol/json_reader.h"

namespace quern::http {
namespace {

// The query parameters of one request, read by name, each at most once.
class QueryReader {
 public:
  QueryReader(const Target& target, std::initializer_list<std::string_view> known)
      : target_(target) {
    for (std::size_t i = 0; i < target.query.size(); ++i) check(i, known);
  }

  const std::string* find(std::string_view name) const {
    for (const Parameter& parameter : target_.query) {
      if (parameter.name == name) return &parameter.value;
    }
    return nullptr;
  }

  // What `from` makes of the parameter's value, nullopt when it was not given.
  template <typename From>
  auto choice(std::string_view name, From from, std::string_view expected)
      -> decltype(from(std::string_view{})) {
    const std::string* text = find(name);
    if (text == nullptr) return std::nullopt;
    auto value = from(std::string_view(*text));
    if (!value) error(name, std::string(expected));
    return value;
  }

  std::optional<std::int64_t> integer(std::string_view name, std::int64_t min, std::int64_t max) {
    const auto from = [&](std::string_view text) -> std::optional<std::int64_t> {
      std::int64_t value = 0;
      const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
      const bool whole = problem == std::errc{} && stop == text.data() + text.size();
      if (!whole || value < min || value > max) return std::nullopt;
      return value;
    };
    return choice(name, from,
                  "must be an integer " + std::to_string(min) + ".." + std::to_string(max));
  }

  std::size_t page_limit() {
    const auto limit = integer("limit", 1, static_cast<std::int64_t>(limits::page_limit_max));
    return limit ? static_cast<std::size_t>(*limit) : limits::page_limit_default;
  }

  void error(std::string_view name, std::string detail) {
    std::string pointer;
    append_pointer(pointer, name);
    errors_.push_back({std::move(pointer), std::move(detail)});
  }

  Result<void> finish() {
    if (errors_.empty()) return {};
    Error error = invalid_argument(errors_.front().pointer, errors_.front().detail);
    error.fields = std::move(errors_);
    return error;
  }

 private:
  void check(std::size_t index, std::initializer_list<std::string_view> known) {
    constexpr std::size_t shown_bytes_max = 128;
    const std::string& name = target_.query[index].name;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      // What the client wrote may be no UTF-8, or long.
      error(is_printable_ascii(name, shown_bytes_max) ? name : "query",
            "is not a parameter of this path");
    } else if (find(name) != &target_.query[index].value) {
      error(name, "is given twice");
    }
  }

  const Target& target_;
  std::vector<FieldError> errors_;
};

constexpr std::string_view cursor_expected = "is not a cursor of this list";
constexpr std::string_view name_expected = "must be a name";

std::optional<std::string> name_from(std::string_view text) {
  return is_name(text) ? std::optional(std::string(text)) : std::nullopt;
}

std::optional<std::string> correlation_id_from(std::string_view text) {
  if (!is_printable_ascii(text, limits::correlation_id_bytes_max)) return std::nullopt;
  return std::string(text);
}

std::optional<bool> bool_from(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

}  // namespace

Result<void> decode_no_query(const Target& target) { return QueryReader(target, {}).finish(); }

Result<Duration> decode_wait(const Target& target, const RequestLimits& limits) {
  QueryReader query(target, {"wait_ms"});
  const auto wait = query.integer("wait_ms", 0, limits.wait_max.count());
  if (Result<void> done = query.finish(); !done) return std::move(done).error();
  return Duration{wait.value_or(0)};
}

Result<engine::TaskQuery> decode_task_query(const Target& target) {
  QueryReader query(target, {"queue", "state", "type", "correlation_id", "limit", "cursor"});
  engine::TaskQuery tasks;
  tasks.queue = query.choice("queue", name_from, name_expected);
  tasks.correlation_id = query.choice("correlation_id", correlation_id_from,
                                      "must be 1..128 bytes of printable ASCII");
  tasks.state = query.choice("state", task_state_from, "must be a state of a task");
  tasks.type = query.choice("type", name_from, name_expected);
  tasks.after = query.choice("cursor", task_cursor_from, cursor_expected);
  tasks.limit = query.page_limit();
  if (query.find("queue") == nullptr && query.find("correlation_id") == nullptr) {
    query.error("queue", "is required, unless correlation_id is given");
  }
  if (Result<void> done = query.finish(); !done) return std::move(done).error();
  return tasks;
}

Result<engine::ListQueues> decode_queue_query(const Target& target) {
  QueryReader query(target, {"limit", "cursor"});
  engine::ListQueues list;
  list.after = query.choice("cursor", queue_cursor_from, cursor_expected).value_or("");
  list.limit = query.page_limit();
  if (Result<void> done = query.finish(); !done) return std::move(done).error();
  return list;
}

Result<engine::BackupCall> decode_backup_query(const Target& target) {
  QueryReader query(target, {"limit", "cursor"});
  engine::BackupCall list{.verb = engine::BackupCall::Verb::list};
  list.id = query.choice("cursor", backup_cursor_from, cursor_expected).value_or(0);
  list.limit = query.page_limit();
  if (Result<void> done = query.finish(); !done) return std::move(done).error();
  return list;
}

Result<bool> decode_force(const Target& target) {
  QueryReader query(target, {"force"});
  const bool force = query.choice("force", bool_from, "must be true or false").value_or(false);
  if (Result<void> done = query.finish(); !done) return std::move(done).error();
  return force;
}

Result<DeadQuery> decode_dead_query(const Target& target) {
  QueryReader query(target, {"limit", "cursor"});
  DeadQuery dead;
  dead.before = query.choice("cursor", dead_cursor_from, cursor_expected);
  dead.limit = query.page_limit();
  if (Result<void> done = query.finish(); !done) return std::move(done).error();
  return dead;
}

}  // namespace quern::http
