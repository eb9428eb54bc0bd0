#include "connection.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>

#include "profile.h"
#include "usage_error.h"

namespace quern::cli {
namespace {

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// A person who could be robbed is told; a script, whose secrets often come mounted like this, not.
void warn_if_open(const std::string& path) {
  struct stat file {};
  if (::isatty(STDERR_FILENO) == 1 && ::stat(path.c_str(), &file) == 0 &&
      (file.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    std::cerr << "qctl: others can read " << path << "; chmod 600 keeps the token secret\n";
  }
}

// What a header field can't carry would be an error of the client, which knows no names.
void check_token(const std::string& token, const std::string& origin) {
  const bool plain =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  if (!plain) {
    throw UsageError(origin +
                     ": a token has no spaces, line breaks or other than ASCII characters");
  }
}

std::string token_from(const std::string& path) {
  std::ifstream file(path);
  std::string token;
  std::getline(file, token);
  while (!token.empty() && (token.back() == '\r' || token.back() == ' ')) token.pop_back();
  if (token.empty()) {
    throw UsageError("token file " + path + ": cannot read a token from its first line");
  }
  check_token(token, "token file " + path);
  warn_if_open(path);
  return token;
}

// All but what flags say of the token and the CA file. A token from a file is yet to be read.
struct Source {
  Connection connection;
  std::string token_file;
};

// `token` and `ca_file` are the environment's; empty: the profile's own count.
Source from_profile(const Profile& profile, const std::string& token, const std::string& ca_file) {
  return {.connection = {.server = profile.server,
                         .origin = "profile " + profile.name,
                         .token = token,
                         .ca_file = ca_file.empty() ? profile.ca_file : ca_file},
          .token_file = token.empty() ? profile.token_file : ""};
}

Source without_flags(const ConnectionFlags& flags) {
  const std::string token = environment("QUERN_TOKEN");
  const std::string ca_file = environment("QUERN_CA_FILE");
  const auto at = [&](const std::string& server, const char* origin) -> Source {
    return {.connection = {.server = server, .origin = origin, .token = token, .ca_file = ca_file}};
  };
  if (!flags.server.empty()) {
    if (!flags.profile.empty()) throw UsageError("--server and --profile exclude each other");
    return at(flags.server, "--server");
  }
  if (!flags.profile.empty()) {
    const Profile profile = *load_profile(profiles_path(), flags.profile);
    return from_profile(profile, profile.token_file.empty() ? token : "",
                        profile.ca_file.empty() ? ca_file : "");
  }
  if (const std::string server = environment("QUERN_SERVER"); !server.empty()) {
    return at(server, "QUERN_SERVER");
  }
  if (const auto profile = load_profile(profiles_path(), environment("QUERN_PROFILE"))) {
    return from_profile(*profile, token, ca_file);
  }
  return at(default_server, "the default");
}

}  // namespace

Connection resolve_connection(const ConnectionFlags& flags) {
  Source source = without_flags(flags);
  Connection& connection = source.connection;
  if (!flags.token_file.empty()) source.token_file = flags.token_file;
  if (source.token_file.empty()) {
    check_token(connection.token, "QUERN_TOKEN");
  } else {
    connection.token = token_from(source.token_file);
  }
  if (!flags.ca_file.empty()) connection.ca_file = flags.ca_file;
  return connection;
}

}  // namespace quern::cli
