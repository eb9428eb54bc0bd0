// The table of settings.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "config.h"

namespace quern::server {

struct Setting {
  std::string name;      // in the file
  std::string value;     // what stands for it in --help; empty: a switch
  std::string fallback;  // its default, written as one would; empty: none
  std::string help;
  // Errors: the detail completes "<where it came from> ".
  Result<void> (*set)(Config& config, std::string_view text);
  bool live = false;  // SIGHUP changes it in a running server

  std::string flag() const;      // "--io-threads"
  std::string variable() const;  // "QUERN_IO_THREADS"
};

std::span<const Setting> all_settings();

}  // namespace quern::server
