// What all commands share: the connection, and how answers are shown.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "connection.h"
#include "exit_code.h"
#include "look.h"
#include "quern/client.h"
#include "slow_notice.h"
#include "usage_error.h"

namespace quern::cli {

class Session {
 public:
  ConnectionFlags flags;
  Duration answer_timeout{30'000};
  bool json = false;
  ColourWhen colour = ColourWhen::automatic;
  // Set by the subcommand that was named; main() calls it.
  std::function<ExitCode()> action;

  const Connection& connection();  // resolved at the first call
  ClientOptions client_options();
  // For a client that does not repeat by itself, to be used with a Patience.
  ClientOptions patient_client_options(Duration patience);
  Client& client();  // made at the first call
  Look look() const { return look_of(1, colour); }

  std::string slow_text();
  // `call(Client&)`, for calls that should be answered at once: when the server takes long, the
  // person who waits is told.
  template <typename Call>
  auto ask(const Call& call) {
    Client& asked = client();
    const SlowNotice notice(json ? "" : slow_text());
    return call(asked);
  }

 private:
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<Client> client_;
};

// `json`, an object as the SDK writes it, as exactly one line that cannot drive a terminal. A
// payload may hold line feeds as white space between its tokens; and in its strings raw DEL, C1 and
// characters that turn the reading direction, which become escapes: the JSON stays equal.
std::string one_line(std::string json);

}  // namespace quern::cli
