#include "session.h"

#include <cstdlib>
#include <fstream>

namespace quern::cli {
namespace {

// From a file or the environment, never from the command line, which every user of the machine can
// read.
std::string find_token(const std::string& path) {
  if (path.empty()) {
    const char* token = std::getenv("QUERN_TOKEN");
    return token == nullptr ? "" : token;
  }
  std::ifstream file(path);
  std::string token;
  if (!std::getline(file, token) || token.empty()) {
    throw UsageError("--token-file " + path + ": cannot read a token from its first line");
  }
  return token;
}

}  // namespace

Client& Session::client() {
  if (!client_) {
    // Short: a person waits.
    client_ = std::make_unique<Client>(ClientOptions{.server = server,
                                                     .token = find_token(token_file),
                                                     .ca_file = ca_file,
                                                     .retry_for = Duration{2'000}});
  }
  return *client_;
}

}  // namespace quern::cli
