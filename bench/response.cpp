#include "response.h"

#include <charconv>

namespace quern::bench {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equals_ignoring_case(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  return true;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size();
}

// "HTTP/1.1 202 Accepted"
bool read_status_line(std::string_view line, ResponseHead& head) {
  constexpr std::string_view version = "HTTP/1.1 ";
  return line.substr(0, version.size()) == version && line.size() >= version.size() + 3 &&
         parse_number(line.substr(version.size(), 3), head.status);
}

bool read_field(std::string_view line, ResponseHead& head) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (equals_ignoring_case(name, "content-length")) return parse_number(value, head.body_bytes);
  if (equals_ignoring_case(name, "connection")) head.closes = equals_ignoring_case(value, "close");
  return !equals_ignoring_case(name, "transfer-encoding");
}

// The value of the next `"name":"value"` at or after `from`, which moves behind it.
std::optional<std::string_view> next_value(std::string_view body, std::string_view opening,
                                           std::size_t& from) {
  const std::size_t found = body.find(opening, from);
  if (found == std::string_view::npos) return std::nullopt;
  const std::size_t begin = found + opening.size();
  const std::size_t end = body.find('"', begin);
  if (end == std::string_view::npos) return std::nullopt;
  from = end + 1;
  return body.substr(begin, end - begin);
}

}  // namespace

ParsedHead parse_head(std::string_view bytes) {
  constexpr ParsedHead malformed{ParsedHead::State::malformed, {}};
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return {};

  ResponseHead head;
  head.head_bytes = end + 4;
  std::string_view lines = bytes.substr(0, end + 2);
  for (bool first = true; !lines.empty(); first = false) {
    const std::size_t line_end = lines.find("\r\n");
    const std::string_view line = lines.substr(0, line_end);
    if (!(first ? read_status_line(line, head) : read_field(line, head))) return malformed;
    lines.remove_prefix(line_end + 2);
  }
  return {ParsedHead::State::complete, head};
}

std::optional<std::vector<LeasedTask>> parse_leases(std::string_view body) {
  std::vector<LeasedTask> tasks;
  std::size_t id_from = 0;
  std::size_t token_from = 0;
  while (const auto token = next_value(body, R"("token":")", token_from)) {
    const auto id = next_value(body, R"("id":")", id_from);
    if (!id) return std::nullopt;
    tasks.push_back({std::string(*id), std::string(*token)});
  }
  if (next_value(body, R"("id":")", id_from)) return std::nullopt;
  return tasks;
}

}  // namespace quern::bench
