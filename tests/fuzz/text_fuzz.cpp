// The small parsers of text that strangers or operators write. The first byte chooses one.
//
// Promises: what reads back from its own text is the same; what is refused says why, in UTF-8.
#include <algorithm>
#include <string>

#include "access/token_file.h"
#include "http/ascii.h"
#include "http/cursor.h"
#include "http/decode.h"
#include "http/header_guard.h"
#include "http/target.h"
#include "input.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"
#include "settings.h"

namespace {

using namespace quern;
using fuzz::Input;
using fuzz::require;

void check_text(const std::string& text) {
  require(!text.empty(), "an error says why");
  std::string json;
  append_json_string(json, text);
  JsonReader reader(json);
  std::string again;
  require(reader.read_string(again) && reader.finish() && again == text, "an error is UTF-8");
}

void fuzz_target(std::string_view text) {
  // Other bytes do not come this far: raw_head.h.
  if (!std::all_of(text.begin(), text.end(), http::is_visible)) return;
  http::Target target;
  if (Result<void> parsed = http::parse_target(text, target); !parsed) {
    return check_text(parsed.error().detail);
  }
  for (const std::string& segment : target.segments) {
    require(segment.find('\0') == std::string::npos, "no segment has a NUL");
  }
  const http::RequestLimits limits;
  const auto said = [](const auto& decoded) {
    if (decoded) return;
    check_text(decoded.error().detail);
    for (const FieldError& field : decoded.error().fields) {
      check_text(field.detail);
      require(field.pointer.starts_with('/'), "an error of a parameter names it");
      check_text(field.pointer);
    }
  };
  said(http::decode_no_query(target));
  said(http::decode_wait(target, limits));
  said(http::decode_task_query(target));
  said(http::decode_queue_query(target));
  said(http::decode_force(target));
  said(http::decode_dead_query(target));
}

void fuzz_cursor(std::string_view text) {
  if (const auto task = http::task_cursor_from(text)) {
    require(http::task_cursor(*task) == text, "a task cursor is its own text");
  }
  if (const auto dead = http::dead_cursor_from(text)) {
    require(http::dead_cursor(*dead) == text, "a dead cursor is its own text");
  }
  if (const auto queue = http::queue_cursor_from(text)) {
    require(http::queue_cursor(*queue) == text, "a queue cursor is its own text");
  }
}

void fuzz_timestamp(std::string_view text) {
  const auto time = parse_rfc3339(text);
  if (!time) return;
  require(parse_rfc3339(to_rfc3339(*time)) == time, "a time reads back");
  require(time->ms >= 0, "no time is before 1970");
}

void fuzz_task_id(std::string_view text) {
  const auto id = TaskId::parse(text);
  if (id) require(id->text() == text, "a task's id is its own text");
}

void fuzz_authority(std::string_view text) {
  std::string host;
  if (!http::split_authority(text, host)) return;
  require(!host.empty() && host.find_first_of("/ \t@") == std::string::npos, "a host is one");
}

void fuzz_tokens(std::string_view text) {
  Result<access::TokenSet> tokens = access::parse_tokens(text, "file");
  if (!tokens) {
    check_text(tokens.error().detail);
    require(tokens.error().detail.starts_with("file: line "), "an error names the line");
  }
  const Result<void> line = access::check_token_line(text);
  if (line) {
    require(access::parse_tokens(std::string(text) + "\n", "file").has_value() ||
                text.find_first_not_of(" \t") == std::string_view::npos || text.starts_with('#'),
            "a line that is right is right in a file");
  }
}

void fuzz_pattern(std::string_view text) {
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string_view pattern = text.substr(0, slash);
  const std::string_view name = text.substr(std::min(slash + 1, text.size()));
  if (!engine::is_queue_pattern(pattern)) return;
  const bool covered = engine::QueueScope({std::string(pattern)}).covers(name);
  if (pattern.find('*') == std::string_view::npos) {
    require(covered == (pattern == name), "a pattern without stars is a name");
  }
  require(engine::QueueScope({"*"}).covers(name), "a star is everything");
}

void fuzz_settings(std::string_view text) {
  const std::string copy(text);
  for (const server::Setting& setting : server::all_settings()) {
    server::Config config;
    const Result<void> set = setting.set(config, copy);
    if (!set) require(!set.error().detail.empty(), "a refused setting says why");
  }
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr void (*parsers[])(std::string_view) = {fuzz_target,  fuzz_cursor,    fuzz_timestamp,
                                                   fuzz_task_id, fuzz_authority, fuzz_tokens,
                                                   fuzz_pattern, fuzz_settings};
  Input input(data, size);
  parsers[input.below(std::size(parsers))](input.rest());
  return 0;
}
