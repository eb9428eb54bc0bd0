#include "http/cursor.h"

#include <charconv>
#include <limits>

#include "quern/protocol/limits.h"

namespace quern::http {
namespace {

constexpr char task_kind = 't';
constexpr char dead_kind = 'd';
constexpr char queue_kind = 'q';
constexpr char backup_kind = 'b';

constexpr std::size_t id_bytes = 16;
constexpr std::size_t time_bytes = 8;

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string base64url(std::string_view bytes) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;  // bits not written yet
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6;) out += alphabet[bits >> (held -= 6) & 0x3F];
  }
  if (held > 0) out += alphabet[bits << (6 - held) & 0x3F];
  return out;
}

std::optional<std::string> from_base64url(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::size_t digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held >= 8) out += static_cast<char>(bits >> (held -= 8) & 0xFF);
  }
  // Only what base64url() writes: no bits beyond the last byte.
  if (base64url(out) != text) return std::nullopt;
  return out;
}

// What follows the kind, of a cursor of that kind.
std::optional<std::string> place_of(char kind, std::string_view text) {
  std::optional<std::string> bytes = from_base64url(text);
  if (!bytes || bytes->empty() || bytes->front() != kind) return std::nullopt;
  return bytes->substr(1);
}

}  // namespace

std::string task_cursor(const TaskId& last) {
  return base64url(task_kind + std::string(last.view()));
}

std::string dead_cursor(const engine::DeadCursor& last) {
  std::string bytes(1, dead_kind);
  const auto ms = static_cast<std::uint64_t>(last.died_at.ms);
  for (std::size_t i = time_bytes; i-- > 0;) bytes += static_cast<char>(ms >> (8 * i) & 0xFF);
  return base64url(bytes.append(last.id.view()));
}

std::string queue_cursor(std::string_view last_name) {
  return base64url(queue_kind + std::string(last_name));
}

std::string backup_cursor(std::uint32_t last_id) {
  return base64url(backup_kind + std::to_string(last_id));
}

std::optional<TaskId> task_cursor_from(std::string_view text) {
  const std::optional<std::string> place = place_of(task_kind, text);
  if (!place || place->size() != id_bytes) return std::nullopt;
  return TaskId::from_bytes(*place);
}

std::optional<engine::DeadCursor> dead_cursor_from(std::string_view text) {
  const std::optional<std::string> place = place_of(dead_kind, text);
  if (!place || place->size() != time_bytes + id_bytes) return std::nullopt;
  std::uint64_t ms = 0;
  for (std::size_t i = 0; i < time_bytes; ++i) {
    ms = ms << 8 | static_cast<unsigned char>((*place)[i]);
  }
  if (ms > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return std::nullopt;
  return engine::DeadCursor{.died_at = Timestamp{static_cast<std::int64_t>(ms)},
                            .id = TaskId::from_bytes(std::string_view(*place).substr(time_bytes))};
}

std::optional<std::string> queue_cursor_from(std::string_view text) {
  std::optional<std::string> place = place_of(queue_kind, text);
  if (!place || !is_name(*place)) return std::nullopt;
  return place;
}

std::optional<std::uint32_t> backup_cursor_from(std::string_view text) {
  const std::optional<std::string> place = place_of(backup_kind, text);
  return place ? backup_id_from(*place) : std::nullopt;
}

std::optional<std::uint32_t> backup_id_from(std::string_view text) {
  std::uint32_t id = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), id);
  const bool whole = problem == std::errc{} && stop == text.data() + text.size();
  if (!whole || id == 0 || text.starts_with('0')) return std::nullopt;
  return id;
}

}  // namespace quern::http
