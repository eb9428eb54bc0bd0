#include "http/io_thread.h"

#include <boost/asio/post.hpp>
#include <memory>
#include <random>
#include <utility>

#include "http/session.h"
#include "http/undelivered.h"

namespace quern::http {

IoThread::IoThread(std::size_t index, SessionEnv& env, Credentials credentials)
    : index_(index),
      env_(env),
      credentials_(std::move(credentials)),
      work_(context_.get_executor()),
      sweep_timer_(context_) {
  std::random_device random;
  request_id_state_ = std::uint64_t{random()} << 32 | random();
  date_ = http_date(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
}

void IoThread::run() {
  await_sweep();
  context_.run();
}

void IoThread::post_start(Socket socket) {
  asio::post(context_, [this, socket = std::move(socket)]() mutable {
    if (!stopping_) Session::start(*this, env_, std::move(socket));
  });
}

void IoThread::post_replies(std::vector<engine::Reply>&& replies) {
  asio::post(context_, [this, replies = std::move(replies)]() mutable {
    for (engine::Reply& reply : replies) resume(std::move(reply));
  });
}

void IoThread::post_fail_all(const Error& error) {
  asio::post(context_, [this, error] {
    for_each_session([&](Session& session) { session.resume(engine::Outcome(error)); });
  });
}

void IoThread::post_credentials(const Credentials& credentials) {
  asio::post(context_, [this, credentials] { credentials_ = credentials; });
}

void IoThread::post_close_idle() {
  asio::post(context_,
             [this] { for_each_session([](Session& session) { session.close_if_idle(); }); });
}

void IoThread::post_stop() {
  asio::post(context_, [this] {
    stopping_ = true;
    work_.reset();
    sweep_timer_.cancel();
    for_each_session([](Session& session) { session.abort(); });
  });
}

std::uint32_t IoThread::add(Session& session) {
  if (free_slots_.empty()) {
    free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.emplace_back();
  }
  const std::uint32_t slot = free_slots_.back();
  free_slots_.pop_back();
  slots_[slot].session = &session;
  return slot;
}

void IoThread::remove(std::uint32_t slot) {
  slots_[slot].session = nullptr;
  free_slots_.push_back(slot);
}

engine::Ticket IoThread::new_ticket(std::uint32_t slot) {
  // From 1 on: ticket 0 means that nobody waits.
  if (++slots_[slot].calls == 0) ++slots_[slot].calls;
  return engine::Ticket{slots_[slot].calls} << 32 | index_ << 24 | slot;
}

std::string IoThread::new_request_id() {
  // SplitMix64: distinct for 2^64 requests, and of a different sequence at each start.
  std::uint64_t z = request_id_state_ += 0x9E3779B97F4A7C15;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
  z = (z ^ z >> 27) * 0x94D049BB133111EB;
  z ^= z >> 31;
  std::string id(16, '0');
  for (std::size_t at = id.size(); at-- > 0; z >>= 4) id[at] = "0123456789abcdef"[z & 0xF];
  return id;
}

void IoThread::resume(engine::Reply&& reply) {
  const std::size_t slot = reply.ticket & 0xFFFFFF;
  Session* session = slots_[slot].session;
  if (session != nullptr && session->waits_for(reply.ticket)) {
    session->resume(std::move(reply.outcome));
  } else {
    // The client went while this was under way.
    return_leases(env_.context.engine, leases_of(reply.outcome));
  }
}

void IoThread::await_sweep() {
  sweep_timer_.expires_after(env_.timeouts.sweep);
  sweep_timer_.async_wait([this](const boost::system::error_code&) {
    if (stopping_) return;
    sweep();
    await_sweep();
  });
}

void IoThread::sweep() {
  date_ = http_date(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  const Clock::time_point now = Clock::now();
  for_each_session([&](Session& session) { session.expire_at(now); });
}

// By index: a visit may end a session, or begin one.
template <typename Visit>
void IoThread::for_each_session(Visit visit) {
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) {
    if (Session* session = slots_[slot].session) visit(*session);
  }
}

}  // namespace quern::http
