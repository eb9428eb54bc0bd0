#include "http/session.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <exception>
#include <utility>

#include "http/ascii.h"
#include "http/decode.h"
#include "http/problem.h"
#include "http/undelivered.h"
#include "log.h"

namespace quern::http {
namespace {

using boost::system::error_code;

// A server that is about to stop does not wait long for clients to close.
constexpr Timeouts::Millis drain_linger{500};

// A request header at its largest, and the bytes that come with its last ones.
std::size_t buffer_bytes_max(const HeadLimits& limits) {
  return limits.header_bytes_max + (std::size_t{64} << 10);
}

std::string text_of(asio::ip::address address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) {
    address = asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  }
  return address.to_string();
}

std::string local_address(const Socket& socket) {
  error_code ec;
  return text_of(socket.local_endpoint(ec).address());
}

// Whether the answer may be a while: the client may go in the meantime.
bool may_park(const engine::Command& command) {
  if (const auto* lease = std::get_if<engine::Lease>(&command)) return lease->wait > Duration{0};
  if (const auto* wait = std::get_if<engine::WaitTask>(&command)) return wait->wait > Duration{0};
  if (std::holds_alternative<engine::BackupCall>(command)) return true;
  if (const auto* drain = std::get_if<engine::Drain>(&command)) return drain->wait > Duration{0};
  return false;
}

}  // namespace

void Session::start(IoThread& thread, SessionEnv& env, Socket socket) {
  const std::shared_ptr<Session> session(new Session(thread, env, std::move(socket)));
  // run() lets nothing out but what must end the process.
  asio::co_spawn(thread.context(), session->run(session), [](const std::exception_ptr& failure) {
    if (failure) std::terminate();
  });
}

Session::Session(IoThread& thread, SessionEnv& env, Socket socket)
    : thread_(thread),
      env_(env),
      socket_(std::move(socket)),
      hosts_{.allowed = env.allowed_hosts,
             .local_address = local_address(socket_),
             .tls = thread.credentials().tls != nullptr},
      slot_(thread.add(*this)),
      buffer_(buffer_bytes_max(env.admission.head)),
      body_share_(env.body_budget) {
  env.session_count.fetch_add(1);
  error_code ec;
  // Reads and writes that would wait say so instead.
  socket_.non_blocking(true, ec);
  // Answers are complete when they are written: nothing is gained by waiting for more.
  socket_.set_option(asio::ip::tcp::no_delay(true), ec);
  if (hosts_.tls) tls_.emplace(thread.credentials().tls, socket_.native_handle());
}

Session::~Session() {
  thread_.remove(slot_);
  env_.session_count.fetch_sub(1);
}

// `self` keeps the session alive for as long as it runs.
Awaitable<void> Session::run([[maybe_unused]] std::shared_ptr<Session> self) {
  try {
    // GCC 12 miscompiles the obvious `while (co_await a() && co_await b())`: it goes on to b() when
    // a() is false. So each co_await of this file has a statement of its own.
    bool is_open = true;
    if (tls_) is_open = co_await shake_hands();
    while (is_open) {
      is_open = co_await receive_head();
      if (is_open) is_open = co_await serve();
    }
    count_answer(IoThread::Clock::now());
    if (answered_ && !broken_) co_await linger();
  } catch (const std::bad_alloc&) {
    throw;  // ends the process
  } catch (const std::exception& e) {
    log::error("a connection failed", {{"what", e.what()}, {"request_id", request_id_}});
  }
  error_code ec;
  socket_.close(ec);
}

Awaitable<bool> Session::serve() {
  received_at_ = enter(Phase::engine);
  auto admission = admit(block_, env_.admission, hosts_, authority(), head_, request_);
  keep_alive_ = head_.keep_alive;
  take_request_id();
  response_.clear();
  if (auto* refused = std::get_if<Refused>(&admission)) {
    if (refused->wrong_token) refused->error = refusal_of_try(std::move(refused->error));
    co_return co_await refuse_unread(std::move(*refused));
  }
  const Admitted& admitted = std::get<Admitted>(admission);
  route_ = admitted.route;
  if (!body_is_here(admitted.framing)) {
    if (!co_await receive_body(admitted)) co_return false;
    enter(Phase::engine);
  }
  co_return co_await answer(admitted);
}

Awaitable<bool> Session::answer(const Admitted& admitted) {
  const Endpoint& endpoint = admitted.route->endpoint;
  Result<std::optional<engine::Command>> command = ask(endpoint);
  drop_body();

  engine::Outcome outcome = engine::Done{};
  if (!command) {
    outcome = std::move(command).error();
  } else if (*command || endpoint.work != nullptr) {
    const bool watched = !*command || may_park(**command);
    Result<void> begun = begin(endpoint, *std::move(command));
    if (!begun) {
      outcome = std::move(begun).error();
    } else {
      co_await await_outcome(watched);
      if (!outcome_) {  // the client went before the answer came
        abandon(endpoint);
        co_return false;
      }
      outcome = *std::exchange(outcome_, std::nullopt);
      if (watched && !still_authorized()) {
        return_leases(env_.context.engine, leases_of(outcome));
        outcome = Error{.code = ErrorCode::unauthorized,
                        .detail = "this token was withdrawn while the request waited"};
      }
    }
  }

  engine::Undelivered leases = leases_of(outcome);
  if (const Error* error = std::get_if<Error>(&outcome)) {
    answer_error(*error);
  } else if (Result<void> answered =
                 endpoint.answer(request_, env_.context, std::move(outcome), response_);
             !answered) {
    answer_error(answered.error());
  }
  bool sent = leases.leases.empty() || !client_is_gone();
  if (sent) {
    compose_head();
    // Nearly always: the rest would cost a coroutine.
    const std::size_t written = write_what_fits();
    if (written < response_head_.size() + body_to_send().size()) {
      sent = co_await write(response_head_, body_to_send(), written);
    }
  }
  if (!sent) return_leases(env_.context.engine, std::move(leases));
  co_return sent&& keep_alive_;
}

Result<std::optional<engine::Command>> Session::ask(const Endpoint& endpoint) const {
  if (!endpoint.has_query) {
    if (Result<void> none = decode_no_query(request_.target); !none) return std::move(none).error();
  }
  if (endpoint.ask == nullptr) return std::optional<engine::Command>();
  return endpoint.ask(request_, env_.context);
}

Result<void> Session::begin(const Endpoint& endpoint, std::optional<engine::Command> command) {
  ticket_ = thread_.new_ticket(slot_);
  if (command) return env_.context.engine.submit(ticket_, *std::move(command));
  endpoint.work(env_.context).begin(ticket_);
  return {};
}

// The client is gone.
void Session::abandon(const Endpoint& endpoint) {
  if (endpoint.work != nullptr) return endpoint.work(env_.context).abandon(ticket_);
  env_.context.engine.tell(engine::Abandon{.ticket = ticket_});
}

Authority Session::authority() const {
  const access::TokenSet* tokens = thread_.credentials().tokens.get();
  return {.tokens = tokens, .now = tokens == nullptr ? Timestamp{} : env_.context.now()};
}

bool Session::still_authorized() const {
  if (request_.token == nullptr) return true;
  const Authority now = authority();
  if (now.tokens == nullptr) return true;
  const access::TokenPtr token = now.tokens->find(request_.token->digest, now.now);
  return token && token->role == request_.token->role &&
         (token->queues == nullptr ||
          (request_.token->queues != nullptr && *token->queues == *request_.token->queues));
}

Error Session::refusal_of_try(Error error) const {
  error_code ec;
  const std::string address = text_of(socket_.remote_endpoint(ec).address());
  const auto tries = env_.failed_tries.add(address, IoThread::Clock::now());
  if (!tries.over) {
    log::warn("a wrong token", {{"address", address}, {"request_id", request_id_}});
    return error;
  }
  if (tries.is_first_over) log::warn("too many wrong tokens", {{"address", address}});
  return Error{.code = ErrorCode::too_many_tries,
               .detail = "too many wrong tokens came from this address",
               .retry_after_seconds = static_cast<std::uint32_t>(tries.left.count())};
}

// Refuses what cannot be followed by another request.
Awaitable<bool> Session::refuse(Error error) {
  if (request_id_.empty()) request_id_ = thread_.new_request_id();
  keep_alive_ = false;
  answer_error(error);
  co_await send();
  co_return false;
}

Awaitable<bool> Session::refuse_unread(Refused refused) {
  const std::optional<Framing>& framing = refused.framing;
  if (!framing) {
    keep_alive_ = false;
  } else if (framing->has_body()) {
    // A body that is here already is skipped; nobody waits for the rest of another.
    const bool is_here = !framing->chunked && framing->content_length <= buffer_.size();
    if (is_here) buffer_.consume(static_cast<std::size_t>(framing->content_length));
    keep_alive_ = keep_alive_ && is_here;
  }
  answer_error(refused.error);
  if (!refused.allow.empty()) response_.add_field("Allow", refused.allow);
  const bool sent = co_await send();
  co_return sent&& keep_alive_;
}

void Session::answer_error(const Error& error) {
  answer_problem(error, request_id_, response_);
  thread_.figures().refused(error.code);
  if (response_.status == 500) {
    log::error("a request failed", {{"request_id", request_id_},
                                    {"code", std::string(to_string(error.code))},
                                    {"detail", error.detail}});
  }
}

void Session::compose_head() {
  if (env_.draining.load(std::memory_order_relaxed)) keep_alive_ = false;
  write_head(response_,
             HeadContext{.date = thread_.date(),
                         .request_id = request_id_,
                         .keep_alive = keep_alive_,
                         .http_1_0 = head_.http_1_0},
             response_head_);
  if (log::enabled(log::Level::debug)) {
    log::debug("request", {{"request_id", request_id_},
                           {"method", std::string(head_.method)},
                           {"target", std::string(head_.target)},
                           {"token", request_.token ? request_.token->name : "-"},
                           {"status", std::to_string(response_.status)}});
  }
  answering_ = true;
}

std::string_view Session::body_to_send() const {
  const bool without_body = request_.method == Method::head || response_.status == 204;
  return without_body ? std::string_view() : response_.body;
}

Awaitable<bool> Session::send() {
  compose_head();
  return write(response_head_, body_to_send());
}

// Without waiting; what went wrong is found again by whoever writes the rest.
std::size_t Session::write_what_fits() {
  answered_ = true;
  error_code ec;
  const std::size_t count = write_now(0, response_head_, body_to_send(), ec);
  return ec ? 0 : count;
}

Awaitable<bool> Session::write(std::string_view first, std::string_view second,
                               std::size_t written) {
  // A client that takes less than this in the time allowed has stalled.
  constexpr std::size_t progress_bytes = std::size_t{64} << 10;
  std::size_t mark = written;
  answered_ = true;
  MemoryShare share(env_.answer_budget);
  while (written < first.size() + second.size()) {
    error_code ec;
    const std::size_t count = write_now(written, first, second, ec);
    if (ec == asio::error::would_block) {
      // Whoever does not take large answers must not fill the memory with them.
      const std::size_t left = first.size() + second.size() - written;
      if (left > progress_bytes && !share.grow_to(left)) {
        log::warn("too many answers wait for their clients: a connection is closed",
                  {{"request_id", request_id_}});
        broken_ = true;
        co_return false;
      }
      if (phase_ != Phase::write || written - mark >= progress_bytes) {
        enter(Phase::write);
        mark = written;
      }
      // Then once more.
      co_await socket_.async_wait(Socket::wait_write, asio::redirect_error(awaiting, ec));
    }
    broken_ = ec || expired_;
    if (broken_) co_return false;
    written += count;
  }
  co_return true;
}

// Closing while the client still sends would reset the connection, and the answer could be lost
// with it: so stop sending, and drop what comes until the client closes too.
Awaitable<void> Session::linger() {
  constexpr std::size_t dropped_bytes_max = std::size_t{64} << 20;
  enter(Phase::linger);
  error_code ec;
  if (tls_) tls_->finish_sending();
  socket_.shutdown(Socket::shutdown_send, ec);
  for (std::size_t dropped = 0; dropped < dropped_bytes_max;) {
    dropped += buffer_.size();
    buffer_.clear();
    if (!co_await read_more(read_bytes)) break;
  }
}

void Session::count_answer(Time now) {
  if (!std::exchange(answering_, false)) return;
  thread_.figures().answered(route_, response_.status, now - received_at_);
}

void Session::take_request_id() {
  constexpr std::size_t bytes_max = 128;
  const std::string_view given = request_.fields[Known::request_id].value_or(std::string_view{});
  const bool is_usable = !given.empty() && given.size() <= bytes_max &&
                         std::all_of(given.begin(), given.end(), is_visible);
  request_id_ = is_usable ? std::string(given) : thread_.new_request_id();
}

// Starts the clock of a phase.
IoThread::Clock::time_point Session::enter(Phase phase) {
  const Timeouts& timeouts = env_.timeouts;
  phase_ = phase;
  expired_ = false;
  const auto now = IoThread::Clock::now();
  switch (phase) {
    case Phase::handshake:
      deadline_ = now + timeouts.handshake;
      break;
    case Phase::idle:
      deadline_ = now + (env_.draining ? drain_linger : timeouts.idle);
      break;
    case Phase::header:
      deadline_ = now + timeouts.header;
      break;
    case Phase::body:
      deadline_ = now + timeouts.body;
      break;
    case Phase::engine:
      deadline_ = Time::max();
      break;
    case Phase::write:
      deadline_ = now + timeouts.write_stall;
      break;
    case Phase::linger:
      deadline_ = now + (env_.draining ? std::min(timeouts.linger, drain_linger) : timeouts.linger);
      break;
  }
  return now;
}

void Session::expire_at(Time now) {
  if (deadline_ > now) return;
  deadline_ = Time::max();
  expired_ = true;
  error_code ec;
  socket_.cancel(ec);
}

void Session::close_if_idle() {
  if (phase_ == Phase::idle) expire_at(Time::max());
}

void Session::abort() {
  expired_ = true;
  broken_ = true;
  error_code ec;
  socket_.close(ec);
  wake();
}

}  // namespace quern::http
