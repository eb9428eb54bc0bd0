// Three promises of JsonReader on any bytes at all:
//   - skipping a text and walking through it value by value agree on whether it is JSON;
//   - what is accepted is handed out byte for byte, and accepted again;
//   - a string that decodes is the same after it was written and read again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"
#include "quern/protocol/queue_json.h"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check_rewritten(const std::string& text) {
  std::string json;
  quern::append_json_string(json, text);
  quern::JsonReader reader(json);
  std::string again;
  require(reader.read_string(again) && reader.finish() && again == text);
}

// Recursion is bounded by the reader's depth limit.
void walk(quern::JsonReader& reader) {
  std::string text;
  std::string_view raw;
  double number = 0;
  bool boolean = false;
  switch (reader.peek()) {
    case quern::JsonKind::null:
      reader.read_null();
      break;
    case quern::JsonKind::boolean:
      reader.read_bool(boolean);
      break;
    case quern::JsonKind::number:
      if (!reader.read_double(number)) reader.read_raw(raw);
      break;
    case quern::JsonKind::string:
      if (reader.read_string(text)) {
        check_rewritten(text);
      } else {
        reader.read_raw(raw);
      }
      break;
    case quern::JsonKind::array:
      if (reader.enter_array()) {
        while (reader.next_element()) walk(reader);
      }
      break;
    case quern::JsonKind::object:
      if (reader.enter_object()) {
        while (reader.next_key(text)) walk(reader);
      }
      break;
  }
}

bool accepted_raw(std::string_view text, std::string_view& raw) {
  quern::JsonReader reader(text);
  return reader.read_raw(raw) && reader.finish();
}

bool accepted_walking(std::string_view text) {
  quern::JsonReader reader(text);
  walk(reader);
  const bool accepted = reader.finish();
  require(accepted || !reader.error().detail.empty());
  return accepted;
}

// The one difference: a key is decoded, and half a surrogate pair does not decode.
bool may_have_half_pair(std::string_view text) {
  return text.find("\\uD") != std::string_view::npos || text.find("\\ud") != std::string_view::npos;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string_view raw;
  const bool accepted = accepted_raw(text, raw);
  const bool walked = accepted_walking(text);
  require(accepted == walked || (accepted && may_have_half_pair(text)));
  if (accepted) {
    std::string_view again;
    require(accepted_raw(raw, again) && again == raw);
  }
  quern::QueueSettings settings;
  quern::JsonReader reader(text);
  const auto done = quern::read_settings(reader, quern::SettingsBody::merge_patch, settings);
  require(done.has_value() ? accepted : settings == quern::QueueSettings{});
  return 0;
}
