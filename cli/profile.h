// Named servers in the user's configuration file, so that nobody has to type addresses.
//
//   default = "local"
//   [profiles.local]
//   server = "http://127.0.0.1:7480"
//   [profiles.production]
//   server = "https://quern.example.com"
//   token_file = "production.token"   # beside this file, absolute, or ~/…
//   ca_file = "ca.pem"
//
// Errors   UsageError: the file is no TOML, has a key that we do not know, or no such profile.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace quern::cli {

struct Profile {
  std::string name;
  std::string server;
  std::string token_file;  // empty: none
  std::string ca_file;     // empty: the system's
};

// $XDG_CONFIG_HOME/quern/qctl.toml, else ~/.config/quern/qctl.toml; empty when neither variable is
// set.
std::filesystem::path profiles_path();

// The profile called `name`; or, for an empty name, the file's default. nullopt when there is no
// file or no default.
std::optional<Profile> load_profile(const std::filesystem::path& path, const std::string& name);

}  // namespace quern::cli
