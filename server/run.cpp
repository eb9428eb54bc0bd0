#include "run.h"

#include <sys/resource.h>

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

#include "clock.h"
#include "commit_loop.h"
#include "http/server.h"
#include "log.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/rocks_store.h"
#include "quern/version.h"
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
  if (listen && !listen->is_loopback && !config.insecure) {
    return Error{.code = ErrorCode::invalid_argument,
                 .detail = config.listen +
                           " can be reached from other machines, and nobody would be asked who "
                           "they are: listen on a loopback address, or say --insecure"};
  }
  return listen;
}

// A connection is a descriptor, and so is an open table file.
void raise_descriptor_limit(std::size_t connections_max) {
  constexpr std::size_t others = 2048;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  const rlim_t wanted = connections_max + others;
  if (limit.rlim_cur < wanted) {
    limit.rlim_cur = std::min(wanted, limit.rlim_max);
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  if (limit.rlim_cur < wanted) {
    log::warn("few file descriptors are allowed",
              {{"allowed", std::to_string(limit.rlim_cur)}, {"wanted", std::to_string(wanted)}});
  }
}

std::size_t io_thread_count(const Config& config) {
  if (config.io_threads > 0) return config.io_threads;
  // The engine and the storage want the other half.
  return std::max(std::size_t{1}, std::size_t{std::thread::hardware_concurrency()} / 2);
}

CommitLoop::Options loop_options(const Config& config) {
  CommitLoop::Options options;
  options.engine.queues_max = config.queues_max;
  options.commands_max = config.commands_max;
  return options;
}

CommitLoop::OpenStore store_opener(const Config& config) {
  return [options = storage::RocksOptions{
              .directory = config.data,
              .durability = config.durability,
              .accept_data_loss = config.accept_data_loss,
              .on_notice =
                  [](const std::string& text) {
                    log::warn("storage", {{"notice", text}});
                  },
          }] { return storage::open_rocks_store(options); };
}

// As the store says it itself.
std::uint32_t data_format(const EnginePort& engine) {
  std::string bytes;
  record::Meta meta;
  const Result<bool> found =
      engine.store()->get(storage::Table::meta, storage::keys::format_version, bytes);
  return found && *found && meta.ParseFromString(bytes) ? meta.format() : 0;
}

http::ServerOptions server_options(const Config& config, http::ListenAddress listen,
                                   const EnginePort& engine) {
  const auto wall_now = [] {
    return Timestamp{
        std::chrono::duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch())
            .count()};
  };
  return {.listen = std::move(listen),
          .allowed_hosts = config.allowed_hosts,
          .io_threads = io_thread_count(config),
          .connections_max = config.connections_max,
          .body_memory_bytes_max = config.body_memory_bytes_max,
          .limits = config.limits,
          .head = config.head,
          .info = {.version = std::string(version),
                   .build = std::string(build_type) + ", " + std::string(build_compiler),
                   .rocksdb = storage::rocks_version(),
                   .durability = std::string(to_string(config.durability)),
                   .data_format = data_format(engine),
                   .header_bytes_max = config.head.header_bytes_max,
                   .target_bytes_max = config.head.target_bytes_max,
                   .connections_max = config.connections_max},
          .now = wall_now};
}

void announce(const Config& config, const http::Server& server) {
  log::info("quernd started", {{"version", std::string(version)},
                               {"url", server.url()},
                               {"data", config.data.string()},
                               {"storage", storage::rocks_version()},
                               {"durability", std::string(to_string(config.durability))}});
  if (config.durability == storage::Durability::os) {
    log::warn("durability=os: an answered write survives a crash of the server, not a power cut");
  }
  if (config.insecure) {
    log::warn("insecure: whoever reaches this address may do everything");
  }
  // The one line that programs wait for.
  std::printf("quernd ready %s\n", server.url().c_str());
  std::fflush(stdout);
}

// Waits for SIGTERM or SIGINT; then until every connection is done or `timeout` is over. A second
// signal ends the process at once: what was answered is durable.
class Shutdown {
 public:
  Shutdown(CommitLoop& loop, http::Server& server, std::chrono::milliseconds timeout)
      : loop_(loop), server_(server), timeout_(timeout) {}

  void await() {
    await_signal();
    context_.run();
  }

 private:
  void await_signal() {
    signals_.async_wait([this](const boost::system::error_code& ec, int signal) {
      if (ec) return;
      if (draining_) std::_Exit(128 + signal);
      log::info("stopping", {{"signal", std::to_string(signal)}});
      draining_ = true;
      deadline_ = std::chrono::steady_clock::now() + timeout_;
      loop_.drain();
      server_.drain();
      await_signal();
      await_end();
    });
  }

  void await_end() {
    const bool late = std::chrono::steady_clock::now() >= deadline_;
    if (late || server_.session_count() == 0) {
      if (late) log::warn("closing connections whose requests are not done");
      signals_.cancel();
      return;
    }
    timer_.expires_after(std::chrono::milliseconds(10));
    timer_.async_wait([this](const boost::system::error_code& ec) {
      if (!ec) await_end();
    });
  }

  CommitLoop& loop_;
  http::Server& server_;
  const std::chrono::milliseconds timeout_;
  asio::io_context context_{1};
  asio::signal_set signals_{context_, SIGTERM, SIGINT};
  asio::steady_timer timer_{context_};
  std::chrono::steady_clock::time_point deadline_;
  bool draining_ = false;
};

}  // namespace

std::string version_text() {
  return "quernd " + std::string(version) + " (" + std::string(build_type) + ", " +
         std::string(build_compiler) + ", " + storage::rocks_version() + ")";
}

int run_server(const Config& config) {
  std::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit(config.connections_max);
  Result<http::ListenAddress> listen = listen_address(config);
  if (!listen) return fail(listen.error());

  SystemRandom random;
  HybridClock clock;
  SpaceGuard guard(
      {.low_bytes = config.space_low_bytes, .reserve_bytes = config.space_reserve_bytes},
      disk_space_of(config.data));
  CommitLoop loop(loop_options(config), guard.guard(store_opener(config)), random, clock);
  if (Result<void> opened = loop.open(); !opened) return fail(opened.error());
  Result<std::unique_ptr<http::Server>> server =
      http::Server::listen(server_options(config, *std::move(listen), loop), guard);
  if (!server) return fail(server.error());

  Shutdown shutdown(loop, **server, config.drain_timeout);
  guard.start(loop);
  loop.start(**server);
  (*server)->start();
  announce(config, **server);
  shutdown.await();

  // Connections first: what they still have to tell the engine is committed before the store
  // closes.
  (*server)->stop();
  guard.stop();
  loop.stop();
  log::info("stopped");
  return EXIT_SUCCESS;
}

}  // namespace quern::server
