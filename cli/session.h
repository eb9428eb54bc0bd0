// What all commands share: where the server is, who we are, and how answers are shown.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>

#include "exit_code.h"
#include "quern/client.h"

namespace quern::cli {

// The command line makes no sense, for a reason that the parser cannot know.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Session {
 public:
  std::string server = "http://127.0.0.1:7480";
  std::string token_file;
  std::string ca_file;
  bool json = false;
  // Set by the subcommand that was named; main() calls it.
  std::function<ExitCode()> action;

  Client& client();  // made at the first call

 private:
  std::unique_ptr<Client> client_;
};

}  // namespace quern::cli
