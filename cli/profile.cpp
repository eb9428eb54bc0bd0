#include "profile.h"

#include <toml++/toml.h>

#include <cstdlib>
#include <string_view>

#include "usage_error.h"

namespace quern::cli {
namespace {

namespace fs = std::filesystem;

// Absolute, or nothing: a relative XDG path is to be ignored (XDG Base Directory Specification).
std::optional<fs::path> folder_from(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || *value != '/') return std::nullopt;
  return fs::path(value);
}

class ProfilesFile {
 public:
  explicit ProfilesFile(fs::path path) : path_(std::move(path)) {
    try {
      table_ = toml::parse_file(path_.string());
    } catch (const toml::parse_error& error) {
      throw UsageError(path_.string() + ":" + std::to_string(error.source().begin.line) + ": " +
                       std::string(error.description()));
    }
    for (const auto& [key, node] : table_) {
      if (key != "default" && key != "profiles") refuse(node, unknown(key.str()));
    }
  }

  std::string default_name() const {
    const toml::node* node = table_.get("default");
    return node == nullptr ? "" : text(*node, "default");
  }

  Profile profile(const std::string& name) const {
    const toml::table* profiles = table_["profiles"].as_table();
    const toml::node* node = profiles == nullptr ? nullptr : profiles->get(name);
    if (node == nullptr || !node->is_table()) {
      throw UsageError(path_.string() + " has no [profiles." + name + "]");
    }
    Profile profile{.name = name};
    for (const auto& [key, value] : *node->as_table()) read(key.str(), value, profile);
    if (profile.server.empty()) refuse(*node, "a profile needs a server");
    return profile;
  }

 private:
  void read(std::string_view key, const toml::node& node, Profile& profile) const {
    if (key == "server") {
      profile.server = text(node, key);
    } else if (key == "token_file") {
      profile.token_file = resolved(text(node, key));
    } else if (key == "ca_file") {
      profile.ca_file = resolved(text(node, key));
    } else if (key == "token") {
      refuse(node, "a token does not belong here: put it into a file and name that as token_file");
    } else {
      refuse(node, unknown(key));
    }
  }

  static std::string unknown(std::string_view key) { return "unknown key " + std::string(key); }

  std::string text(const toml::node& node, std::string_view key) const {
    const auto value = node.value_exact<std::string>();
    if (!value || value->empty()) refuse(node, std::string(key) + " must be a text");
    return *value;
  }

  std::string resolved(const std::string& file) const {
    if (file.starts_with("~/")) {
      return (folder_from("HOME").value_or("/") / file.substr(2)).string();
    }
    return (path_.parent_path() / file).string();
  }

  [[noreturn]] void refuse(const toml::node& node, const std::string& why) const {
    throw UsageError(path_.string() + ":" + std::to_string(node.source().begin.line) + ": " + why);
  }

  fs::path path_;
  toml::table table_;
};

}  // namespace

fs::path profiles_path() {
  if (const auto folder = folder_from("XDG_CONFIG_HOME")) return *folder / "quern" / "qctl.toml";
  if (const auto home = folder_from("HOME")) return *home / ".config" / "quern" / "qctl.toml";
  return {};
}

std::optional<Profile> load_profile(const fs::path& path, const std::string& name) {
  std::error_code ignored;
  if (path.empty() || !fs::exists(path, ignored)) {
    if (name.empty()) return std::nullopt;
    throw UsageError("there is no profile " + name + ": no file " +
                     (path.empty() ? "qctl.toml, and no HOME to look in" : path.string()));
  }
  const ProfilesFile file(path);
  const std::string wanted = name.empty() ? file.default_name() : name;
  if (wanted.empty()) return std::nullopt;
  return file.profile(wanted);
}

}  // namespace quern::cli
