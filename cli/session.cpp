#include "session.h"

#include <algorithm>
#include <utility>

#include "glyph.h"
#include "text.h"

namespace quern::cli {

const Connection& Session::connection() {
  if (!connection_) connection_ = std::make_unique<Connection>(resolve_connection(flags));
  return *connection_;
}

ClientOptions Session::client_options() {
  return {.server = connection().server,
          .token = connection().token,
          .ca_file = connection().ca_file,
          .connect_timeout = std::min(answer_timeout, Duration{5'000}),
          .timeout = answer_timeout,
          // Enough for a server that is just being restarted, short enough for a person who waits.
          .retry_for = Duration{2'000}};
}

ClientOptions Session::patient_client_options(Duration patience) {
  ClientOptions options = client_options();
  options.retry_for = Duration{0};
  // One silent server must not cost more than the whole patience.
  if (patience > Duration{0}) options.timeout = std::min(options.timeout, patience);
  return options;
}

Client& Session::client() {
  if (client_) return *client_;
  try {
    client_ = std::make_unique<Client>(client_options());
  } catch (const ApiError& error) {  // an address that is none, a CA file that cannot be read
    throw UsageError(error.detail() + " (from " + connection().origin + ")");
  }
  return *client_;
}

std::string Session::slow_text() {
  return "qctl: " + printable(connection().server) + " has not answered yet; waiting up to " +
         exact_text(answer_timeout);
}

namespace {

// In JSON what can drive a terminal is only ever part of a string, where an escape means the same.
std::string with_harmful_escaped(std::string json) {
  const auto plain = [](char c) { return static_cast<unsigned char>(c) < 0x7F; };
  if (std::all_of(json.begin(), json.end(), plain)) return json;
  std::string out;
  for (std::string_view rest = json; !rest.empty();) {
    const Glyph glyph = take_glyph(rest);
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(glyph.bytes[i]); };
    std::uint32_t character = byte(0);
    if (glyph.bytes.size() == 2) character = (byte(0) & 0x1FU) << 6 | (byte(1) & 0x3FU);
    if (glyph.bytes.size() == 3) {
      character = (byte(0) & 0xFU) << 12 | (byte(1) & 0x3FU) << 6 | (byte(2) & 0x3FU);
    }
    if (glyph.harmless || plain(glyph.bytes.front()) || glyph.bytes.size() > 3) {
      out += glyph.bytes;
    } else {
      constexpr std::string_view digits = "0123456789abcdef";
      out += "\\u";
      for (int shift = 12; shift >= 0; shift -= 4) out += digits[character >> shift & 0xF];
    }
  }
  return out;
}

}  // namespace

std::string one_line(std::string json) {
  // Inside a string JSON has them escaped, so these can only be white space.
  std::replace_if(
      json.begin(), json.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return with_harmful_escaped(std::move(json));
}

}  // namespace quern::cli
