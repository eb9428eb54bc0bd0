#include "log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <memory>

#include "quern/protocol/json_writer.h"
#include "quern/protocol/timestamp.h"

namespace quern::log {
namespace {

struct State {
  std::atomic<Level> level{Level::info};
  Format format = Format::text;
  std::shared_ptr<spdlog::logger> logger;
};

State& state() {
  // Never destroyed: threads may log until the very end.
  static State& state = *new State{.logger = [] {
    auto logger = std::make_shared<spdlog::logger>(
        "quernd", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_level(spdlog::level::trace);
    // Lines come complete.
    logger->set_pattern("%v");
    // A full disk behind standard error must not stop the server.
    logger->set_error_handler([](const std::string&) {});
    return logger;
  }()};
  return state;
}

std::string_view name_of(Level level) {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warn:
      return "warn";
    case Level::error:
      return "error";
  }
  return "";
}

// The length of the UTF-8 sequence at the start of `text`, 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 && lead < 0xF5   ? 4
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return 0;
  }
  return length;
}

// Without control characters (C1 ones too, which terminals obey) and broken UTF-8: those become
// \xNN.
std::string escaped(std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  while (!text.empty()) {
    std::size_t length = sequence_length(text);
    const auto byte = static_cast<unsigned char>(text.front());
    const bool c1 = length == 2 && byte == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
    if (length == 0 || c1 || byte < 0x20 || byte == 0x7F) {
      length = 1;
      out += "\\x";
      out += digits[byte >> 4];
      out += digits[byte & 0xF];
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  return out;
}

bool needs_quotes(std::string_view value) {
  return value.empty() || value.find_first_of(" \"=\\") != std::string_view::npos;
}

void append_text(std::string& out, Level level, std::string_view message, Fields fields) {
  out += name_of(level);
  out += ' ';
  out += escaped(message);
  for (const Field& field : fields) {
    const std::string value = escaped(field.value);
    out += ' ';
    out += field.key;
    out += '=';
    if (needs_quotes(value)) {
      append_json_string(out, value);
    } else {
      out += value;
    }
  }
}

void append_json(JsonWriter& json, Level level, std::string_view message, Fields fields) {
  json.key("level").string(name_of(level));
  json.key("message").string(escaped(message));
  for (const Field& field : fields) json.key(field.key).string(escaped(field.value));
}

Timestamp wall_now() {
  return Timestamp{
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())
          .count()};
}

}  // namespace

std::optional<Level> level_from(std::string_view text) {
  for (const Level level : {Level::debug, Level::info, Level::warn, Level::error}) {
    if (text == name_of(level)) return level;
  }
  return std::nullopt;
}

std::optional<Format> format_from(std::string_view text) {
  if (text == "text") return Format::text;
  if (text == "json") return Format::json;
  return std::nullopt;
}

void configure(Level level, Format format) {
  state().level = level;
  state().format = format;
}

void set_level(Level level) { state().level = level; }

bool enabled(Level level) { return level >= state().level.load(std::memory_order_relaxed); }

std::string format_line(Format format, Level level, std::string_view message, Fields fields) {
  std::string line;
  if (format == Format::text) {
    append_text(line, level, message, fields);
  } else {
    JsonWriter json(line);
    json.begin_object();
    append_json(json, level, message, fields);
    json.end_object();
  }
  return line;
}

void write(Level level, std::string_view message, Fields fields) {
  if (!enabled(level)) return;
  std::string line;
  if (state().format == Format::text) {
    line = to_rfc3339(wall_now()) + ' ';
    append_text(line, level, message, fields);
  } else {
    JsonWriter json(line);
    json.begin_object();
    json.key("time").time(wall_now());
    append_json(json, level, message, fields);
    json.end_object();
  }
  state().logger->log(spdlog::level::info, std::string_view(line));
}

}  // namespace quern::log
