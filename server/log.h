// What the server tells the people who run it: one line an event, on standard error.
//
// Shape    a message that is a constant, and fields that vary. As text: `message key=value …`; as
//          JSON: an object a line. Control characters and what is not UTF-8 are escaped in both, so
//          that no client forges a line.
// Threads  any.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace quern::log {

enum class Level : std::uint8_t { debug, info, warn, error };
enum class Format : std::uint8_t { text, json };

std::optional<Level> level_from(std::string_view text);
std::optional<Format> format_from(std::string_view text);

struct Field {
  std::string_view key;
  std::string value;
};
using Fields = std::initializer_list<Field>;

// Before the first thread starts. Until then: info and worse, as text.
void configure(Level level, Format format);
// At any time.
void set_level(Level level);

bool enabled(Level level);
void write(Level level, std::string_view message, Fields fields = {});

inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::error, message, fields);
}

// The line without its time: for tests.
std::string format_line(Format format, Level level, std::string_view message, Fields fields);

}  // namespace quern::log
