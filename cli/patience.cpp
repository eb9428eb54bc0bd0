#include "patience.h"

#include <algorithm>
#include <iostream>
#include <thread>
#include <utility>

#include "slow_notice.h"
#include "text.h"

namespace quern::cli {
namespace {

constexpr Duration pause_min{100};
constexpr Duration pause_max{2'000};  // so long is a server back before we notice

}  // namespace

Patience::Patience(Duration limit, Clock::time_point until, Notice notice)
    : limit_(limit), until_(until), notice_(std::move(notice)), pause_(pause_min) {}

void Patience::begin() {
  if (!troubled_) troubled_since_ = Clock::now();
}

bool Patience::pause_after(const ApiError& error) {
  if (!error.is_transient()) return false;
  const Clock::time_point now = Clock::now();
  troubled_ = true;
  const auto left = std::chrono::floor<Duration>(std::min(until_, troubled_since_ + limit_) - now);
  if (left <= Duration{0}) return false;
  // The last call is made when the time is over.
  const Duration pause = std::min(left, std::max(pause_, error.retry_after()));
  if (!told_ && now + pause >= troubled_since_ + slow_after) {
    told_ = true;
    notice_(error.detail());
  }
  std::this_thread::sleep_for(pause);
  pause_ = std::min(pause_ * 2, pause_max);
  return true;
}

void Patience::answered() {
  if (told_) notice_(std::nullopt);
  told_ = false;
  troubled_ = false;
  pause_ = pause_min;
}

Patience::Notice notice_on_stderr(bool silent, Duration limit) {
  return [silent, limit](const std::optional<std::string>& trouble) {
    if (silent) return;
    if (trouble) {
      std::cerr << "qctl: " << printable(*trouble) << "; trying again for up to "
                << exact_text(limit) << std::endl;
    } else {
      std::cerr << "qctl: the server answers again" << std::endl;
    }
  };
}

}  // namespace quern::cli
