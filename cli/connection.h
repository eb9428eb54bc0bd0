// Which server to talk to, and as whom.
//
// Order    For each: the flag; a profile that was named by --profile; the environment; the
//          default profile (QUERN_PROFILE, else the file's own); what is built in.
//          --server and --profile exclude each other.
//          A profile's token and CA file go only to the profile's own server.
// Errors   UsageError.
#pragma once

#include <string>

namespace quern::cli {

inline constexpr const char* default_server = "http://127.0.0.1:7480";

struct ConnectionFlags {
  std::string server;
  std::string profile;
  std::string token_file;
  std::string ca_file;
};

struct Connection {
  std::string server;
  std::string
      origin;  // who named the server: "--server", "QUERN_SERVER", "profile x", "the default"
  std::string token;
  std::string ca_file;
};

Connection resolve_connection(const ConnectionFlags& flags);

}  // namespace quern::cli
