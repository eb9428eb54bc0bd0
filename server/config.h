// What can be set, and where from: flags, then QUERN_* in the environment, then a TOML file.
//
// Shape    one table (settings.cpp) names every setting once. `io_threads` in the file is
//          --io-threads and QUERN_IO_THREADS. A table of the file goes before its keys: `keep` in
//          [backup] is `backup_keep`.
// Errors   invalid_argument, in words for the person who starts the server.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "http/endpoint.h"
#include "http/raw_head.h"
#include "http/tls_context.h"
#include "log.h"
#include "quern/protocol/result.h"
#include "quern/storage/store.h"

namespace quern::server {

struct Config {
  std::string listen;
  std::filesystem::path data;
  storage::Durability durability = storage::Durability::fsync;
  bool accept_data_loss = false;
  bool insecure = false;
  std::filesystem::path tokens;  // empty: nobody is asked who they are
  std::uint32_t failed_tries_per_minute_max = 0;
  http::TlsFiles tls;  // both or neither
  std::vector<std::string> allowed_hosts;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::text;
  std::size_t io_threads = 0;  // 0: by the number of cores
  std::size_t connections_max = 0;
  std::size_t commands_max = 0;
  std::size_t queues_max = 0;
  std::size_t metrics_queues_max = 0;
  std::size_t body_memory_bytes_max = 0;
  std::uint64_t space_low_bytes = 0;
  std::uint64_t space_reserve_bytes = 0;
  std::size_t answer_memory_bytes_max = 0;
  std::chrono::milliseconds drain_timeout{0};
  std::filesystem::path backup_directory;        // empty: no backups
  std::chrono::milliseconds backup_interval{0};  // 0: only when somebody asks
  std::size_t backup_keep = 0;
  http::RequestLimits limits;
  http::HeadLimits head;
};

// What the command line asks for.
struct Invocation {
  Config config;
  std::optional<std::string> print;  // --help, --version: print this and exit
  // Every setting that has a value, as it was written: to tell what a later reading changes.
  std::map<std::string, std::string, std::less<>> texts;
};

using Environment = std::function<const char*(const char* name)>;

// `arguments` without the program's name. `version` is what --version prints.
Result<Invocation> read_config(const std::vector<std::string>& arguments,
                               const Environment& environment, const std::string& version);

}  // namespace quern::server
