#include "work/outcome.h"

#include <string.h>

#include "quern/errors.h"
#include "quern/protocol/json_reader.h"
#include "quern/protocol/json_writer.h"

// Retried as the queue says. In no namespace, since the SDK takes the error's type from the class's
// full name.
class CommandFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace quern::cli {
namespace {

// Enough for a stack trace's end, and a fraction of the 64 KiB that a message may have.
constexpr std::size_t tail_bytes_max = 4'096;

std::size_t sequence_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const std::size_t length = byte(0) < 0x80             ? 1
                             : (byte(0) & 0xE0) == 0xC0 ? 2
                             : (byte(0) & 0xF0) == 0xE0 ? 3
                             : (byte(0) & 0xF8) == 0xF0 ? 4
                                                        : 0;
  if (length == 0 || length > text.size() || (length == 2 && byte(0) < 0xC2)) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  if (length == 3 && ((byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xED && byte(1) > 0x9F))) {
    return 0;  // overlong, or a surrogate
  }
  if (length == 4 && ((byte(0) == 0xF0 && byte(1) < 0x90) || byte(0) > 0xF4 ||
                      (byte(0) == 0xF4 && byte(1) > 0x8F))) {
    return 0;
  }
  return length;
}

// `bytes` with U+FFFD in place of what is no UTF-8.
std::string utf8_from(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    const std::size_t length = sequence_length(bytes);
    out += length == 0 ? "\xEF\xBF\xBD" : bytes.substr(0, length);
    bytes.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

bool is_json(const std::string& text) {
  JsonReader json(text, 61);  // the server's limit, less what the result is put into
  std::string_view raw;
  return utf8_from(text) == text && json.read_raw(raw) && json.finish();
}

std::string how_it_ended(const ProcessResult& result) {
  if (result.signal != 0) return std::string("ended by signal ") + ::strsignal(result.signal);
  return "exit status " + std::to_string(result.exit_status);
}

[[noreturn]] void throw_too_large(std::size_t bytes_max) {
  throw Permanent("standard output is larger than the " + std::to_string(bytes_max) +
                      " bytes that a result may have as JSON",
                  "ResultTooLarge");
}

}  // namespace

void ErrorTail::add(std::string_view bytes) {
  tail_ += bytes;
  if (tail_.size() > 2 * tail_bytes_max) tail_.erase(0, tail_.size() - tail_bytes_max);
}

std::string ErrorTail::text() const {
  std::string_view tail = tail_;
  if (tail.size() > tail_bytes_max) {
    tail.remove_prefix(tail.size() - tail_bytes_max);
    const std::size_t line_end = tail.find('\n');
    if (line_end + 1 < tail.size()) tail.remove_prefix(line_end + 1);
  }
  const std::size_t last = tail.find_last_not_of(" \t\r\n");
  return last == std::string_view::npos ? "" : utf8_from(tail.substr(0, last + 1));
}

std::string result_from(const std::string& output, ResultAs as) {
  const std::size_t last = output.find_last_not_of(" \t\r\n");
  if (last == std::string::npos) return "null";
  if (as != ResultAs::text && is_json(output)) {
    const std::size_t first = output.find_first_not_of(" \t\r\n");
    return output.substr(first, last + 1 - first);
  }
  if (as == ResultAs::json) throw Permanent("standard output is not JSON", "InvalidResult");
  std::string json;
  append_json_string(json, utf8_from(std::string_view(output).substr(0, last + 1)));
  return json;
}

std::string outcome_of(const ProcessResult& result, const ErrorTail& errors, ResultAs as,
                       std::size_t result_bytes_max) {
  if (result.stopped == StopReason::too_much_output) throw_too_large(result_bytes_max);
  const std::string tail = errors.text();
  // Many programs end with 0 on SIGTERM, so that says nothing. Of all that stops one, only a
  // time-out is ever reported: a cancelled or lost task is nobody's, and at a shutdown it is given
  // back.
  if (result.stopped != StopReason::none) {
    throw Retry("timed out" + (tail.empty() ? "" : "\n" + tail), "timeout");
  }
  if (result.signal == 0 && result.exit_status == 0) {
    std::string json = result_from(result.output, as);
    if (json.size() > result_bytes_max) throw_too_large(result_bytes_max);
    return json;
  }
  const std::string message = tail.empty() ? how_it_ended(result) : tail;
  if (result.exit_status == exit_not_retryable) {
    throw Permanent(message, "exit_65");
  }
  throw CommandFailed(how_it_ended(result) + (tail.empty() ? "" : "\n" + tail));
}

}  // namespace quern::cli
