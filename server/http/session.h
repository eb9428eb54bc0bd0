// One connection: reads a request, has it answered, writes the answer, and begins again.
//
// Shape    one coroutine, so requests that a client sends without waiting are answered in order,
//          and read no faster than they are answered.
// Threads  its io thread only.
#pragma once

#include <boost/beast/core/flat_buffer.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/admission.h"
#include "http/io.h"
#include "http/io_thread.h"
#include "http/response.h"
#include "http/session_env.h"
#include "http/tls_stream.h"

namespace quern::http {

class Session : public std::enable_shared_from_this<Session> {
 public:
  static void start(IoThread& thread, SessionEnv& env, Socket socket);
  ~Session();

  bool waits_for(engine::Ticket ticket) const { return waiting_ && ticket_ == ticket; }
  // Hands over what is waited for, if anything is.
  void resume(engine::Outcome&& outcome);

  void expire_at(IoThread::Clock::time_point now);
  void close_if_idle();
  void abort();

 private:
  using Time = IoThread::Clock::time_point;
  using error_code = boost::system::error_code;
  enum class Phase : std::uint8_t { handshake, idle, header, body, engine, write, linger };

  // Room for a header and a small body in one read; an idle connection holds this much.
  static constexpr std::size_t read_bytes = std::size_t{8} << 10;

  Session(IoThread& thread, SessionEnv& env, Socket socket);

  Awaitable<void> run(std::shared_ptr<Session> self);
  // Each is false when the connection is to be closed.
  Awaitable<bool> shake_hands();
  Awaitable<bool> receive_head();
  Awaitable<bool> serve();
  Awaitable<bool> answer(const Admitted& admitted);
  Awaitable<bool> refuse(Error error);
  Awaitable<bool> refuse_unread(Refused refused);
  Result<std::optional<engine::Command>> ask(const Endpoint& endpoint) const;
  // What gives the outcome: `command`, or the endpoint's long work.
  Result<void> begin(const Endpoint& endpoint, std::optional<engine::Command> command);
  void abandon(const Endpoint& endpoint);
  void answer_error(const Error& error);
  Authority authority() const;
  // The request's token still stands for what it stood for when the request came.
  bool still_authorized() const;
  // What a stranger is told: no more than so often a minute what is wrong.
  Error refusal_of_try(Error error) const;

  bool body_is_here(const Framing& framing);
  Awaitable<bool> receive_body(const Admitted& admitted);
  Awaitable<bool> receive_fixed(std::size_t length);
  Awaitable<bool> receive_chunked();
  Awaitable<bool> fail_body();
  void drop_body();

  // Until there is an outcome, or the client is gone if that is `watched`.
  Awaitable<void> await_outcome(bool watched);
  void watch_client();
  void on_readable();
  void wake();
  bool client_is_gone();

  Awaitable<bool> read_more(std::size_t bytes_max);
  // Its halves: from the socket, and into the buffer.
  Awaitable<std::size_t> read_some(std::size_t bytes_max, error_code& ec);
  bool take_in(std::size_t count, const error_code& ec);
  // As the socket's async_read_some().
  Awaitable<std::size_t> read_tls(asio::mutable_buffer into, error_code& ec);
  // What has come, without waiting; would_block when nothing has.
  std::size_t read_now(asio::mutable_buffer into, error_code& ec);
  std::size_t write_now(std::size_t at, std::string_view first, std::string_view second,
                        error_code& ec);
  void compose_head();
  std::string_view body_to_send() const;
  std::size_t write_what_fits();
  Awaitable<bool> send();
  // The rest of both behind what was `written` already.
  Awaitable<bool> write(std::string_view first, std::string_view second, std::size_t written = 0);
  Awaitable<void> linger();
  // The same for a client with whom there was no handshake.
  Awaitable<void> end_handshake();

  Time enter(Phase phase);  // now
  // If an answer was written: for the metrics.
  void count_answer(Time now);
  std::string_view buffered() const;
  void take_request_id();

  IoThread& thread_;
  SessionEnv& env_;
  Socket socket_;
  std::optional<TlsStream> tls_;  // none: the socket itself
  HostPolicy hosts_;
  const std::uint32_t slot_;

  boost::beast::flat_buffer buffer_;  // what was read and not used yet
  std::string block_;                 // the header block that head_ and request_ point into
  RequestHead head_;
  Request request_;
  std::string body_;                // a body that was not in buffer_ as a whole
  std::size_t body_in_buffer_ = 0;  // else its length there
  MemoryShare body_share_;
  Response response_;
  std::string response_head_;
  std::string request_id_;
  const Route* route_ = nullptr;  // of the request; null while it is not known
  Time received_at_{};            // its header
  bool answering_ = false;        // it was answered, and that was not counted yet

  Phase phase_ = Phase::idle;
  Time deadline_ = Time::max();
  bool expired_ = false;  // the deadline passed, or the server wants this connection closed
  bool keep_alive_ = true;
  bool answered_ = false;  // something was written: the client should get to read it
  bool broken_ = false;    // writing failed

  // The call that the coroutine waits for.
  using Resume = asio::async_result<asio::use_awaitable_t<Executor>, void()>::handler_type;
  std::optional<Resume> resume_;
  std::optional<engine::Outcome> outcome_;
  engine::Ticket ticket_ = 0;
  bool waiting_ = false;
  bool watched_ = false;   // end the wait when the client goes
  bool watching_ = false;  // a wait for readability is pending
};

}  // namespace quern::http
