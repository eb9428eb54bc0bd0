// What stands behind a route: how a request becomes a command, and an outcome an answer.
//
// Endpoints translate; they decide nothing. Whoever drives one (session.h) calls `ask`, waits for
// the engine if that gave a command, and calls `answer`. A refusal from either, or an Error as the
// outcome, becomes a problem.
//
// Threads  any io thread; only `answer` may read the store.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "engine/command.h"
#include "engine/outcome.h"
#include "engine_port.h"
#include "http/request.h"
#include "http/response.h"
#include "long_work.h"
#include "quern/protocol/limits.h"

namespace quern::http {

// The settings that requests are checked against.
struct RequestLimits {
  std::size_t body_bytes_max = limits::body_bytes_max;
  std::size_t payload_bytes_max = limits::payload_bytes_max;
  std::size_t json_depth_max = limits::json_depth_max;
  std::size_t batch_tasks_max = limits::batch_tasks_max;
  std::size_t lease_tasks_max = limits::lease_tasks_max;
  Duration wait_max = limits::wait_max;
};

// What /info says beside the limits; constant while the server runs.
struct ServerInfo {
  std::string version;
  std::string build;       // "Release, GNU 12.2.0"
  std::string rocksdb;     // "RocksDB 7.8.3 (packaged)"
  std::string durability;  // "fsync" or "os"
  std::uint32_t data_format = 1;
  std::size_t header_bytes_max = limits::header_bytes_max;
  std::size_t target_bytes_max = limits::target_bytes_max;
  std::size_t connections_max = 0;
};

struct Context {
  server::EnginePort& engine;
  server::LongWork& audits;
  RequestLimits limits;
  ServerInfo info;
  std::function<Timestamp()> now;        // wall clock
  std::function<std::string()> metrics;  // in Prometheus' text format
  std::chrono::steady_clock::time_point started_at = std::chrono::steady_clock::now();
};

struct Endpoint {
  // Null when the engine is not needed. nullopt: not this time.
  Result<std::optional<engine::Command>> (*ask)(const Request&, const Context&);
  // `outcome` is what the command led to, Done when there was none.
  Result<void> (*answer)(const Request&, const Context&, engine::Outcome&& outcome, Response&);
  // Otherwise any query parameter is refused before `ask` is called.
  bool has_query = false;
  // What gives the outcome when `ask` asked the engine for nothing. Null: nothing has to.
  server::LongWork& (*work)(const Context&) = nullptr;
};

}  // namespace quern::http
