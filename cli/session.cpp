#include "session.h"

#include <algorithm>

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

std::string one_line(std::string json) {
  // Inside a string JSON has them escaped, so these can only be white space.
  std::replace_if(
      json.begin(), json.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return json;
}

}  // namespace quern::cli
