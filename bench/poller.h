// epoll for the sockets of one thread, each with a Watched of the caller's.
#pragma once

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <string>

#include "connection.h"

namespace quern::bench {

template <class Watched>
class Poller {
 public:
  Poller() : epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    if (epoll_ < 0) throw LoadError(std::string("epoll: ") + std::strerror(errno));
    prctl(PR_SET_TIMERSLACK, 1);  // an open loop wakes when it asked to
  }
  ~Poller() { close(epoll_); }
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // Edge-triggered, for input and output, until the socket is closed. `watched` must stay in place.
  void add(int socket, Watched& watched) const {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &watched;
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, socket, &event) != 0) {
      throw LoadError(std::string("epoll: ") + std::strerror(errno));
    }
  }

  // Calls handle(watched, events) for all that is there within `timeout`; a signal ends the wait.
  template <class Handler>
  void wait(std::chrono::nanoseconds timeout, const Handler& handle) {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(timeout);
    const timespec limit{.tv_sec = seconds.count(), .tv_nsec = (timeout - seconds).count()};
    const int count =
        epoll_pwait2(epoll_, events_.data(), static_cast<int>(events_.size()), &limit, nullptr);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events_[static_cast<std::size_t>(i)];
      handle(*static_cast<Watched*>(event.data.ptr), event.events);
    }
  }

 private:
  int epoll_;
  std::array<epoll_event, 256> events_{};
};

}  // namespace quern::bench
