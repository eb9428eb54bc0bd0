// One thread's event loop, with the connections that live on it.
//
// Shape    a ticket says where the reply goes: 32 bits for the call, 8 for the thread, 24 for the
//          connection's slot. So no table is shared and nothing is locked.
// Threads  post_*(): any thread. Everything else: this one, but for the constructor.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "engine_port.h"
#include "http/credentials.h"
#include "http/io.h"
#include "http/request_figures.h"
#include "http/session_env.h"

namespace quern::http {

class Session;

class IoThread {
 public:
  static constexpr std::size_t count_max = 256;
  using Clock = std::chrono::steady_clock;

  IoThread(std::size_t index, SessionEnv& env, Credentials credentials);

  asio::io_context& context() { return context_; }
  static std::size_t index_of(engine::Ticket ticket) { return ticket >> 24 & 0xFF; }

  // Until post_stop() was called and the last connection is gone.
  void run();

  void post_start(Socket socket);
  // Resumes whoever waits for these replies, all at once.
  void post_replies(std::vector<engine::Reply>&& replies);
  // Answers everyone who waits.
  void post_fail_all(const Error& error);
  void post_credentials(const Credentials& credentials);
  // Closes the connections that have no request in hand.
  void post_close_idle();
  // Closes every connection and ends run().
  void post_stop();

  // A connection's place, for as long as it lives.
  std::uint32_t add(Session& session);
  void remove(std::uint32_t slot);
  engine::Ticket new_ticket(std::uint32_t slot);

  const Credentials& credentials() const { return credentials_; }
  // For the Date field; at most a sweep old.
  const std::string& date() const { return date_; }
  std::string new_request_id();
  RequestFigures& figures() { return figures_; }
  const RequestFigures& figures() const { return figures_; }

 private:
  struct Slot {
    Session* session = nullptr;
    std::uint32_t calls = 0;
  };

  void sweep();
  void await_sweep();
  void resume(engine::Reply&& reply);
  template <typename Visit>
  void for_each_session(Visit visit);

  const std::size_t index_;
  SessionEnv& env_;
  Credentials credentials_;
  RequestFigures figures_;
  // Before the context, whose end may be that of connections still in the table.
  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_slots_;
  // One thread runs it, so its scheduler may skip some locking.
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_;
  asio::basic_waitable_timer<Clock, asio::wait_traits<Clock>, Executor> sweep_timer_;
  std::string date_;
  std::uint64_t request_id_state_;
  bool stopping_ = false;
};

}  // namespace quern::http
