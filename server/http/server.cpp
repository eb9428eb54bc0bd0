#include "http/server.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "http/ascii.h"
#include "http/audits.h"
#include "http/io_thread.h"
#include "http/problem.h"
#include "http/session.h"
#include "log.h"

namespace quern::http {
namespace {

using boost::system::error_code;
using Tcp = asio::ip::tcp;

std::vector<std::string> host_names(const ServerOptions& options) {
  std::vector<std::string> names;
  for (const std::string& name : options.allowed_hosts) names.push_back(lower_case(name));
  names.push_back(lower_case(options.listen.host));
  names.push_back(options.listen.address);
  return names;
}

// Every descriptor that can wait for accept() without a client being turned away.
constexpr int backlog = 4096;

Error cannot_listen(const ListenAddress& listen, const error_code& ec) {
  return Error{.code = ErrorCode::internal,
               .detail = "cannot listen on " + listen.host + ", port " +
                         std::to_string(listen.port) + ": " + ec.message()};
}

}  // namespace

class Server::Impl {
 public:
  Impl(const ServerOptions& options, server::EnginePort& engine)
      : options_(options),
        audits_(engine, [this](auto&& replies) { deliver(std::move(replies)); }),
        env_{.context = {.engine = engine,
                         .audits = audits_,
                         .limits = options.limits,
                         .info = options.info,
                         .now = options.now,
                         .metrics = options.metrics},
             .admission = {.routes = all_routes(),
                           .head = options.head,
                           .body_bytes_max = options.limits.body_bytes_max},
             .allowed_hosts = host_names(options),
             .timeouts = options.timeouts,
             .body_budget = MemoryBudget(options.body_memory_bytes_max),
             .answer_budget = MemoryBudget(options.answer_memory_bytes_max),
             .failed_tries = access::FailedTries(options.failed_tries_per_minute_max)} {
    const std::size_t count = std::clamp(options.io_threads, std::size_t{1}, IoThread::count_max);
    for (std::size_t i = 0; i < count; ++i) {
      io_threads_.push_back(std::make_unique<IoThread>(i, env_, options.credentials));
    }
    acceptor_.emplace(io_threads_.front()->context());
    retry_timer_.emplace(io_threads_.front()->context());
  }

  Result<void> bind() {
    error_code ec;
    const Tcp::endpoint endpoint(asio::ip::make_address(options_.listen.address, ec),
                                 options_.listen.port);
    if (!ec) acceptor_->open(endpoint.protocol(), ec);
    if (!ec) acceptor_->set_option(Acceptor::reuse_address(true), ec);
    if (!ec) acceptor_->bind(endpoint, ec);
    if (!ec) acceptor_->listen(backlog, ec);
    if (!ec) {
      const bool tls = options_.credentials.tls != nullptr;
      url_ = url_of(options_.listen.address, acceptor_->local_endpoint(ec).port(), tls);
    }
    if (ec) return cannot_listen(options_.listen, ec);
    return {};
  }

  void start() {
    asio::post(io_threads_.front()->context(), [this] { accept(); });
    for (const auto& io : io_threads_) threads_.emplace_back([&io = *io] { io.run(); });
  }

  void use(const Credentials& credentials) {
    for (const auto& io : io_threads_) io->post_credentials(credentials);
  }

  void drain() {
    // Who comes now is told that the server drains, and that is the end of the connection.
    env_.draining = true;
    audits_.stop();
    for (const auto& io : io_threads_) io->post_close_idle();
  }

  void stop() {
    close_acceptor();
    audits_.stop();
    for (const auto& io : io_threads_) io->post_stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  void deliver(std::vector<engine::Reply>&& replies) {
    if (io_threads_.size() == 1) {
      io_threads_.front()->post_replies(std::move(replies));
      return;
    }
    std::vector<std::vector<engine::Reply>> by_thread(io_threads_.size());
    for (engine::Reply& reply : replies) {
      by_thread[IoThread::index_of(reply.ticket)].push_back(std::move(reply));
    }
    for (std::size_t i = 0; i < by_thread.size(); ++i) {
      if (!by_thread[i].empty()) io_threads_[i]->post_replies(std::move(by_thread[i]));
    }
  }

  void fail_all(const Error& error) {
    for (const auto& io : io_threads_) io->post_fail_all(error);
  }

  std::size_t session_count() const { return env_.session_count; }
  const std::string& url() const { return url_; }

  HttpFigures figures() const {
    HttpFigures figures{.connections = env_.session_count,
                        .connections_accepted = accepted_,
                        .connections_turned_away = turned_away_,
                        .body_bytes = env_.body_budget.taken(),
                        .answer_bytes = env_.answer_budget.taken()};
    for (const auto& io : io_threads_) io->figures().add_to(figures);
    return figures;
  }

  bool running() const { return !threads_.empty(); }

 private:
  void close_acceptor() {
    asio::post(io_threads_.front()->context(), [this] {
      error_code ec;
      acceptor_->close(ec);
      retry_timer_->cancel();
    });
  }

  // Round robin: connections live long and are much alike.
  void accept() {
    IoThread& io = *io_threads_[next_++ % io_threads_.size()];
    acceptor_->async_accept(io.context(), [this, &io](const error_code& ec, Socket socket) {
      if (!acceptor_->is_open()) return;
      if (ec) return retry_accept(ec);
      accept_fails_ = false;
      if (env_.session_count >= options_.connections_max) {
        turned_away_ += 1;
        turn_away(std::move(socket));
      } else {
        accepted_ += 1;
        io.post_start(std::move(socket));
      }
      accept();
    });
  }

  // Out of descriptors, most likely: accepting again at once would only spin.
  void retry_accept(const error_code& ec) {
    if (ec == asio::error::connection_aborted) return accept();
    // Once, not ten times a second.
    if (!accept_fails_) log::warn("cannot accept connections", {{"reason", ec.message()}});
    accept_fails_ = true;
    retry_timer_->expires_after(std::chrono::milliseconds(100));
    retry_timer_->async_wait([this](const error_code& cancelled) {
      if (!cancelled && acceptor_->is_open()) accept();
    });
  }

  void turn_away(Socket socket) {
    const std::string id = io_threads_.front()->new_request_id();
    Response response;
    answer_problem(Error{.code = ErrorCode::overloaded,
                         .detail = "there are " + std::to_string(options_.connections_max) +
                                   " connections already"},
                   id, response);
    io_threads_.front()->figures().refused(ErrorCode::overloaded);
    std::string bytes;
    write_head(
        response,
        HeadContext{.date = io_threads_.front()->date(), .request_id = id, .keep_alive = false},
        bytes);
    bytes += response.body;
    error_code ec;
    socket.non_blocking(true, ec);
    socket.write_some(asio::buffer(bytes), ec);
  }

  const ServerOptions options_;
  Audits audits_;
  SessionEnv env_;
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::optional<Acceptor> acceptor_;
  std::optional<
      asio::basic_waitable_timer<IoThread::Clock, asio::wait_traits<IoThread::Clock>, Executor>>
      retry_timer_;
  std::vector<std::thread> threads_;
  std::string url_;
  std::size_t next_ = 0;
  // Counted by the first io thread.
  engine::Cell accepted_;
  engine::Cell turned_away_;
  bool accept_fails_ = false;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

// join() throws only for threads that are not ours to join.
Server::~Server() {  // NOLINT(bugprone-exception-escape)
  if (impl_->running()) impl_->stop();
}

Result<std::unique_ptr<Server>> Server::listen(const ServerOptions& options,
                                               server::EnginePort& engine) {
  auto impl = std::make_unique<Impl>(options, engine);
  if (Result<void> bound = impl->bind(); !bound) return std::move(bound).error();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::string Server::url() const { return impl_->url(); }
void Server::start() { impl_->start(); }
void Server::use(const Credentials& credentials) { impl_->use(credentials); }
void Server::drain() { impl_->drain(); }
std::size_t Server::session_count() const { return impl_->session_count(); }
HttpFigures Server::figures() const { return impl_->figures(); }
void Server::stop() { impl_->stop(); }
void Server::deliver(std::vector<engine::Reply>&& replies) { impl_->deliver(std::move(replies)); }
void Server::fail_all(const Error& error) { impl_->fail_all(error); }

}  // namespace quern::http
