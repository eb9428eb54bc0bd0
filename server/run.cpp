#include "run.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <utility>

#include "backup_keeper.h"
#include "clock.h"
#include "commit_loop.h"
#include "credentials.h"
#include "http/server.h"
#include "log.h"
#include "metrics/metrics.h"
#include "quern/storage/backups.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/rocks_store.h"
#include "quern/version.h"
#include "settings.h"
#include "space_guard.h"
#include "system_random.h"

namespace quern::server {
namespace {

namespace asio = boost::asio;

std::string_view to_string(storage::Durability durability) {
  return durability == storage::Durability::fsync ? "fsync" : "os";
}

int fail(const Error& error) {
  log::error("quernd cannot start", {{"reason", error.detail}});
  return EXIT_FAILURE;
}

Result<http::ListenAddress> listen_address(const Config& config) {
  Result<http::ListenAddress> listen = http::resolve_listen_address(config.listen);
  if (listen && !listen->is_loopback && config.tokens.empty() && !config.insecure) {
    return Error{
        .code = ErrorCode::invalid_argument,
        .detail = config.listen +
                  " can be reached from other machines, and nobody would be asked who "
                  "they are: name a file of --tokens, listen on a loopback address, or say "
                  "--insecure"};
  }
  return listen;
}

// A connection is a descriptor, and so is an open table file: the storage must never find that
// clients have taken them all. How many connections there may be, raising the limit as far as it
// goes.
Result<std::size_t> connections_allowed(std::size_t connections_max) {
  constexpr rlim_t storage_max = 2048;
  constexpr rlim_t allowed_min = 256;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return connections_max;
  const rlim_t wanted = connections_max + storage_max;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur >= wanted) return connections_max;
  if (limit.rlim_cur < allowed_min) {
    return Error{.code = ErrorCode::invalid_argument,
                 .detail = "only " + std::to_string(limit.rlim_cur) +
                           " file descriptors are allowed; it takes " +
                           std::to_string(allowed_min) + " at least (ulimit -n, LimitNOFILE=)"};
  }
  const std::size_t allowed = limit.rlim_cur - std::min(storage_max, limit.rlim_cur / 2);
  if (allowed >= connections_max) return connections_max;
  log::warn("few file descriptors are allowed, so there may be fewer connections",
            {{"descriptors", std::to_string(limit.rlim_cur)},
             {"connections_max", std::to_string(allowed)}});
  return allowed;
}

std::size_t io_thread_count(const Config& config) {
  if (config.io_threads > 0) return config.io_threads;
  // The engine and the storage want the other half.
  return std::max(std::size_t{1}, std::size_t{std::thread::hardware_concurrency()} / 2);
}

// What is counted for the metrics, by whom it is written.
struct Figures {
  explicit Figures(const Config& config) : board(config.metrics_queues_max) {}

  engine::FiguresBoard board;  // the engine
  CommitFigures commits;       // its thread
};

CommitLoop::Options loop_options(const Config& config, Figures& figures) {
  CommitLoop::Options options;
  options.engine.figures = &figures.board;
  options.figures = &figures.commits;
  options.engine.queues_max = config.queues_max;
  options.commands_max = config.commands_max;
  return options;
}

std::uint64_t micros_of(std::chrono::nanoseconds time) {
  return static_cast<std::uint64_t>(time.count()) / 1000;
}

CommitLoop::OpenStore store_opener(const Config& config, CommitFigures& commits,
                                   std::shared_ptr<storage::BackupSource> backup_source,
                                   StoreOpener open) {
  return [open = std::move(open),
          options = storage::RocksOptions{
              .directory = config.data,
              .durability = config.durability,
              .accept_data_loss = config.accept_data_loss,
              .on_commit =
                  [&commits](std::chrono::nanoseconds commit, std::chrono::nanoseconds sync) {
                    commits.commit.add(micros_of(commit));
                    if (sync.count() > 0) commits.fsync.add(micros_of(sync));
                  },
              .on_notice =
                  [](const std::string& text) {
                    log::warn("storage", {{"notice", text}});
                  },
              .backup_source = std::move(backup_source),
          }] { return open(options); };
}

// As the store says it itself.
std::uint32_t data_format(const EnginePort& engine) {
  std::string bytes;
  record::Meta meta;
  const Result<bool> found =
      engine.store()->get(storage::Table::meta, storage::keys::format_version, bytes);
  return found && *found && meta.ParseFromString(bytes) ? meta.format() : 0;
}

Timestamp wall_now() {
  return Timestamp{
      std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())
          .count()};
}

std::string build_text() { return std::string(build_type) + ", " + std::string(build_compiler); }

MetricsSources metrics_sources(const Config& config, const Figures& figures, const CommitLoop& loop,
                               const SpaceGuard& guard) {
  return {.board = figures.board,
          .commits = figures.commits,
          .engine = guard,
          .commands_waiting = [&loop] { return loop.commands_waiting(); },
          .commands_max = config.commands_max,
          .http = {},
          .free_bytes = [&guard] { return guard.free_bytes(); },
          .space_low_bytes = config.space_low_bytes,
          .build = {.version = std::string(version),
                    .build = build_text(),
                    .rocksdb = storage::rocks_version(),
                    .durability = std::string(to_string(config.durability))},
          .now = wall_now};
}

// Null when there is nowhere to keep backups.
Result<std::unique_ptr<BackupKeeper>> backup_keeper(const Config& config,
                                                    std::shared_ptr<storage::BackupSource> source) {
  if (config.backup_directory.empty()) return std::unique_ptr<BackupKeeper>();
  return BackupKeeper::open(
      {.writer = {.directory = config.backup_directory, .space_low_bytes = config.space_low_bytes},
       .schedule = {.interval = Duration{config.backup_interval}},
       .keep = config.backup_keep,
       .now = wall_now},
      std::move(source));
}

http::ServerOptions server_options(const Config& config, http::ListenAddress listen,
                                   http::Credentials credentials, const EnginePort& engine,
                                   std::function<std::string()> metrics) {
  return {.listen = std::move(listen),
          .allowed_hosts = config.allowed_hosts,
          .io_threads = io_thread_count(config),
          .connections_max = config.connections_max,
          .body_memory_bytes_max = config.body_memory_bytes_max,
          .answer_memory_bytes_max = config.answer_memory_bytes_max,
          .limits = config.limits,
          .head = config.head,
          .failed_tries_per_minute_max = config.failed_tries_per_minute_max,
          .credentials = std::move(credentials),
          .info = {.version = std::string(version),
                   .build = build_text(),
                   .rocksdb = storage::rocks_version(),
                   .durability = std::string(to_string(config.durability)),
                   .data_format = data_format(engine),
                   .header_bytes_max = config.head.header_bytes_max,
                   .target_bytes_max = config.head.target_bytes_max,
                   .connections_max = config.connections_max},
          .now = wall_now,
          .metrics = std::move(metrics)};
}

void announce(const Config& config, const http::Server& server, bool is_loopback) {
  log::info("quernd started", {{"version", std::string(version)},
                               {"url", server.url()},
                               {"data", config.data.string()},
                               {"storage", storage::rocks_version()},
                               {"durability", std::string(to_string(config.durability))}});
  if (config.durability == storage::Durability::os) {
    log::warn("durability=os: an answered write survives a crash of the server, not a power cut");
  }
  if (config.insecure && config.tokens.empty()) {
    log::warn("insecure: whoever reaches this address may do everything");
  }
  if (!config.tokens.empty() && config.tls.certificate.empty() && !is_loopback) {
    log::warn("tokens without TLS: whoever sees the traffic can use them");
  }
  // The one line that programs wait for.
  std::printf("quernd ready %s\n", server.url().c_str());
  std::fflush(stdout);
}

void announce_credentials(const http::Credentials& credentials) {
  if (credentials.tokens) {
    log::info("tokens read", {{"count", std::to_string(credentials.tokens->size())}});
  }
  if (credentials.tls) {
    log::info("certificate read", {{"subject", credentials.tls->subject()},
                                   {"expires_at", to_rfc3339(credentials.tls->expires_at())}});
  }
}

// Reads settings, tokens and certificate anew with SIGHUP. Waits for SIGTERM or SIGINT; then until
// every connection is done or the time for it is over. A second signal ends the process at once:
// what was answered is durable.
class Signals {
 public:
  // `backups` may be null.
  Signals(CommitLoop& loop, http::Server& server, BackupKeeper* backups, Invocation invocation,
          const std::function<Result<Invocation>()>& read_again)
      : loop_(loop),
        server_(server),
        backups_(backups),
        running_(std::move(invocation)),
        read_again_(read_again) {}

  void await_end() {
    await_signal();
    context_.run();
  }

 private:
  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
      if (ec) return;
      if (signal == SIGHUP) {
        reload_settings();
        reload_credentials();
        return await_signal();
      }
      if (draining_) std::_Exit(128 + signal);
      log::info("stopping", {{"signal", std::to_string(signal)}});
      draining_ = true;
      deadline_ = std::chrono::steady_clock::now() + running_.config.drain_timeout;
      loop_.drain();
      server_.drain();
      if (backups_ != nullptr) backups_->end_soon();
      await_signal();
      await_sessions();
    });
  }

  // Those that may change while the server runs. Of the others it is said that they wait.
  void reload_settings() {
    const Result<Invocation> read = read_again_();
    if (!read) {
      log::error("the settings stay as they were", {{"reason", read.error().detail}});
      return;
    }
    for (const Setting& setting : all_settings()) {
      const auto was = running_.texts.find(setting.name);
      const auto is = read->texts.find(setting.name);
      const bool set = is != read->texts.end();
      if (set == (was != running_.texts.end()) && (!set || was->second == is->second)) continue;
      if (!setting.live || !set) {
        log::warn("a setting changes with the next start only", {{"setting", setting.name}});
        continue;
      }
      // It was checked when it was read.
      static_cast<void>(setting.set(running_.config, is->second).has_value());
      running_.texts[setting.name] = is->second;
      log::info("a setting was changed", {{"setting", setting.name}, {"value", is->second}});
    }
    log::set_level(running_.config.log_level);
    if (backups_ != nullptr) {
      backups_->use({.interval = Duration{running_.config.backup_interval}},
                    running_.config.backup_keep);
    }
  }

  // A file that is not right must not lock everybody out, nor let anybody in.
  void reload_credentials() {
    Result<http::Credentials> credentials = load_credentials(running_.config);
    if (!credentials) {
      log::error("the tokens and the certificate stay as they were",
                 {{"reason", credentials.error().detail}});
      return;
    }
    server_.use(*credentials);
    announce_credentials(*credentials);
  }

  void await_sessions() {
    const bool late = std::chrono::steady_clock::now() >= deadline_;
    if (late || server_.session_count() == 0) {
      if (late) log::warn("closing connections whose requests are not done");
      signals_.cancel();
      return;
    }
    timer_.expires_after(std::chrono::milliseconds(10));
    timer_.async_wait([this](const boost::system::error_code& ec) {
      if (!ec) await_sessions();
    });
  }

  CommitLoop& loop_;
  http::Server& server_;
  BackupKeeper* backups_;
  Invocation running_;
  const std::function<Result<Invocation>()>& read_again_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGTERM, SIGINT, SIGHUP};
  asio::steady_timer timer_{context_};
  std::chrono::steady_clock::time_point deadline_;
  bool draining_ = false;
};

}  // namespace

std::string version_text() {
  return "quernd " + std::string(version) + " (" + std::string(build_type) + ", " +
         std::string(build_compiler) + ", " + storage::rocks_version() + ")";
}

int run_server(const Invocation& invocation, const std::function<Result<Invocation>()>& read_again,
               StoreOpener open) {
  const Config& given = invocation.config;
  std::signal(SIGPIPE, SIG_IGN);
  // Until there is something to read anew: a reload must not end a server that is starting.
  std::signal(SIGHUP, SIG_IGN);
  // Tasks are nobody else's to read: what the server makes is its user's alone.
  ::umask(S_IRWXG | S_IRWXO);
  Result<std::size_t> connections_max = connections_allowed(given.connections_max);
  if (!connections_max) return fail(connections_max.error());
  Config config = given;
  config.connections_max = *connections_max;
  Result<http::ListenAddress> listen = listen_address(config);
  if (!listen) return fail(listen.error());

  const bool is_loopback = listen->is_loopback;
  Result<http::Credentials> credentials = load_credentials(config);
  if (!credentials) return fail(credentials.error());
  announce_credentials(*credentials);

  SystemRandom random;
  HybridClock clock;
  SpaceGuard guard(
      {.low_bytes = config.space_low_bytes, .reserve_bytes = config.space_reserve_bytes},
      disk_space_of(config.data));
  Figures figures(config);
  const std::shared_ptr<storage::BackupSource> source = storage::make_backup_source();
  CommitLoop loop(loop_options(config, figures),
                  guard.guard(store_opener(config, figures.commits, source, std::move(open))),
                  random, clock);
  if (Result<void> opened = loop.open(); !opened) return fail(opened.error());
  Result<std::unique_ptr<BackupKeeper>> backups = backup_keeper(config, source);
  if (!backups) return fail(backups.error());
  EnginePort& engine = *backups ? static_cast<EnginePort&>(**backups) : guard;
  MetricsSources metrics = metrics_sources(config, figures, loop, guard);
  Result<std::unique_ptr<http::Server>> server =
      http::Server::listen(server_options(config, *std::move(listen), *std::move(credentials), loop,
                                          [&metrics] { return metrics_text(metrics); }),
                           engine);
  if (!server) return fail(server.error());
  metrics.http = [&http = **server] { return http.figures(); };

  Signals signals(loop, **server, backups->get(), invocation, read_again);
  guard.start(loop);
  loop.start(**server);
  if (*backups) (*backups)->start(guard, **server);
  (*server)->start();
  announce(config, **server, is_loopback);
  signals.await_end();

  // Connections first: what they still have to tell the engine is committed before the store
  // closes.
  (*server)->stop();
  if (*backups) (*backups)->stop();
  guard.stop();
  loop.stop();
  log::info("stopped");
  return EXIT_SUCCESS;
}

}  // namespace quern::server
