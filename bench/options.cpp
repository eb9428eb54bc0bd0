#include "options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

namespace quern::bench {
namespace {

const std::map<std::string, Mode>& modes() {
  static const std::map<std::string, Mode> by_name{
      {"ping", Mode::ping},       {"submit", Mode::submit},       {"batch", Mode::batch},
      {"preload", Mode::preload}, {"lifecycle", Mode::lifecycle}, {"lease", Mode::lease},
      {"deliver", Mode::deliver}};
  return by_name;
}

const std::map<std::string, Wire>& wires() {
  static const std::map<std::string, Wire> by_name{{"quern", Wire::quern},
                                                   {"redis", Wire::redis},
                                                   {"beanstalkd", Wire::beanstalkd},
                                                   {"rabbitmq", Wire::rabbitmq},
                                                   {"rabbitmq-quorum", Wire::rabbitmq_quorum}};
  return by_name;
}

std::uint32_t default_batch(Mode mode) {
  switch (mode) {
    case Mode::batch:
      return 100;
    case Mode::preload:
      return 1000;
    case Mode::ping:
    case Mode::submit:
    case Mode::lifecycle:
    case Mode::lease:
    case Mode::deliver:
      return 1;
  }
  return 1;
}

bool submits_batches(Mode mode) { return mode == Mode::batch || mode == Mode::preload; }
bool takes_batch(Mode mode) { return submits_batches(mode) || mode == Mode::lease; }

// What the flags cannot say one by one.
void check(const Options& options, bool batch_given, bool warmup_given) {
  if (options.mode == Mode::preload && !options.count) {
    throw CLI::ValidationError("preload needs --count: how many tasks");
  }
  if (batch_given && !takes_batch(options.mode)) {
    throw CLI::ValidationError("--batch is for the modes batch, preload and lease");
  }
  if (options.wire != Wire::quern && (options.mode != Mode::submit || options.queues > 1)) {
    throw CLI::ValidationError("--wire: of other servers only submits to one queue are measured");
  }
  if (options.fails && (options.mode != Mode::lease || options.batch == 1)) {
    throw CLI::ValidationError("--fail is for the mode lease with a --batch above 1");
  }
  if (!options.run_at.empty() && options.mode != Mode::submit && !submits_batches(options.mode)) {
    throw CLI::ValidationError("--run-at is for the modes submit, batch and preload");
  }
  if (options.mode == Mode::deliver) {
    if (options.rate == 0)
      throw CLI::ValidationError("deliver needs --rate: how many are submitted");
    if (options.connections < 2 || options.payload_bytes < deliver_payload_bytes_min) {
      throw CLI::ValidationError("deliver needs 2 connections, and payloads of 22 bytes at least");
    }
  }
  if (options.mode == Mode::lease && options.batch > 1000) {
    throw CLI::ValidationError("--batch: a lease brings at most 1000 tasks");
  }
  if (options.count && warmup_given) {
    throw CLI::ValidationError("--warmup goes with --seconds: with --count every task is measured");
  }
}

void set_server(Options& options, const std::string& server) {
  const std::size_t colon = server.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == server.size()) {
    throw CLI::ValidationError("--server: host:port is wanted, not '" + server + "'");
  }
  options.host = server.substr(0, colon);
  options.port = server.substr(colon + 1);
}

}  // namespace

const char* name_of(Wire wire) {
  const auto named = std::find_if(wires().begin(), wires().end(),
                                  [wire](const auto& entry) { return entry.second == wire; });
  return named->first.c_str();
}

const char* name_of(Mode mode) {
  const auto named = std::find_if(modes().begin(), modes().end(),
                                  [mode](const auto& entry) { return entry.second == mode; });
  return named->first.c_str();
}

ParsedOptions parse_options(int argc, char** argv) {
  Options options;
  std::string server = options.host + ":" + options.port;
  double seconds = options.seconds.count();
  double warmup = options.warmup.count();
  std::uint64_t count = 0;

  CLI::App app{"Drives a Quern server with many connections from one thread, and measures it."};
  app.add_option("mode", options.mode,
                 "ping | submit | batch | preload | lifecycle | lease | deliver (bench/README.md)")
      ->required()
      ->transform(CLI::CheckedTransformer(modes()).description(""))
      ->type_name("MODE");
  app.add_option("--server", server, "host:port")->capture_default_str();
  app.add_option("--wire", options.wire,
                 "whose: quern | redis | beanstalkd | rabbitmq | rabbitmq-quorum")
      ->transform(CLI::CheckedTransformer(wires()).description(""))
      ->type_name("NAME")
      ->default_str("quern");
  app.add_option("--connections", options.connections)
      ->check(CLI::Range(1, 60'000))
      ->capture_default_str();
  auto* seconds_option = app.add_option("--seconds", seconds, "how long to measure")
                             ->check(CLI::Range(0.01, 1e6))
                             ->capture_default_str();
  auto* count_option = app.add_option("--count", count, "how many tasks, instead of --seconds")
                           ->check(CLI::PositiveNumber)
                           ->excludes(seconds_option);
  auto* warmup_option =
      app.add_option("--warmup", warmup,
                     "seconds before measuring (none by default with --count and lease)")
          ->check(CLI::Range(0.0, 1e6))
          ->capture_default_str();
  app.add_option("--rate", options.rate,
                 "open loop: so many begin per second, on schedule; latency counts from the "
                 "schedule (0: closed loop)")
      ->check(CLI::Range(0.0, 1e7))
      ->capture_default_str();
  app.add_option("--payload-bytes", options.payload_bytes, "size of a payload's JSON text")
      ->check(CLI::Range(2, 1 << 20))
      ->capture_default_str();
  auto* batch_option =
      app.add_option("--batch", options.batch,
                     "tasks per request (default: batch 100, preload 1000, lease 1)")
          ->check(CLI::Range(1, 10'000));
  app.add_option("--run-at", options.run_at, "when the tasks submitted become ready (RFC 3339)");
  app.add_flag("--fail", options.fails,
               "lease: the tasks fail for good instead of being completed");
  app.add_option("--queue", options.queue)->capture_default_str();
  app.add_option("--queues", options.queues, "so many queues in turn, named queue-0, queue-1, …")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON object on standard output");

  try {
    app.parse(argc, argv);
    set_server(options, server);
    options.seconds = std::chrono::duration<double>(seconds);
    if (*count_option) options.count = count;
    // A drain may be over before a warm-up is.
    const bool warms_up = !*count_option && (*warmup_option || options.mode != Mode::lease);
    options.warmup = std::chrono::duration<double>(warms_up ? warmup : 0);
    if (!*batch_option) options.batch = default_batch(options.mode);
    check(options, static_cast<bool>(*batch_option), static_cast<bool>(*warmup_option));
  } catch (const CLI::ParseError& error) {
    return {options, Usage{app.exit(error) == 0 ? 0 : 2}};
  }
  return {options, std::nullopt};
}

}  // namespace quern::bench
