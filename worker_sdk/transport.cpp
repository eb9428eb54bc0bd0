#include "transport.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <new>
#include <utility>

#include "backoff.h"
#include "problem.h"
#include "quern/protocol/limits.h"

namespace quern::sdk {
namespace {

template <typename T>
T value_or_throw(Result<T> result) {
  if (!result) throw ApiError(std::move(result).error());
  return std::move(result).value();
}

// Times beyond this, such as Duration::max() for "for ever", would overflow the clock.
constexpr Duration time_max = limits::ten_years;

Result<void> check_time(const char* pointer, Duration time) {
  if (time.count() >= 0) return Ok{};
  return invalid_argument(pointer, "must not be negative");
}

ClientOptions checked(ClientOptions options) {
  for (const auto& result :
       {check_time("/connect_timeout", options.connect_timeout),
        check_time("/timeout", options.timeout), check_time("/retry_for", options.retry_for)}) {
    if (!result) throw ApiError(result.error());
  }
  // It goes into a header: a line feed, easily read along from a file, would end that.
  for (const char c : options.token) {
    if (c <= 0x20 || c >= 0x7f) {
      throw ApiError(invalid_argument("/token", "holds a blank, a line feed or the like"));
    }
  }
  options.connect_timeout = std::min(options.connect_timeout, time_max);
  options.timeout = std::min(options.timeout, time_max);
  options.retry_for = std::min(options.retry_for, time_max);
  return options;
}

std::shared_ptr<const ConnectionSettings> settings_for(const ClientOptions& options) {
  const Endpoint endpoint = value_or_throw(parse_server_url(options.server));
  return value_or_throw(ConnectionSettings::make(endpoint, options.token, options.ca_file));
}

bool may_repeat(Repeat repeat, const Error& error, bool sent) {
  if (!is_transient(error.code)) return false;
  switch (repeat) {
    case Repeat::safe:
      return true;
    case Repeat::unsafe:  // a 4xx changed nothing; after a 5xx or silence nobody knows
      return !sent || error.code == ErrorCode::queue_full;
    case Repeat::never:
      return false;
  }
  return false;
}

// False when `stop` came first.
bool sleep_for(Duration delay, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, delay, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

Transport::Transport(const ClientOptions& options)
    : options_(checked(options)), pool_(settings_for(options_), options_.connections_idle_max) {}

Result<Reply> Transport::call(const Call& call) {
  Backoff backoff(Duration{100}, Duration{5'000});
  const SteadyTime give_up_at =
      std::min(std::chrono::steady_clock::now() + options_.retry_for, call.give_up_at);
  for (std::uint32_t tries = 1;; ++tries) {
    Try once = call_once(call);
    if (once.result) return Reply{std::move(once.result).value(), tries};
    const Error& error = once.result.error();
    const Duration delay = backoff.next(Duration{1000} * error.retry_after_seconds);
    const bool in_time = std::chrono::steady_clock::now() + delay < give_up_at;
    if (!in_time || !may_repeat(call.repeat, error, once.sent) || !sleep_for(delay, call.stop)) {
      return error;
    }
  }
}

Transport::Try Transport::call_once(const Call& call) {
  bool sent = false;
  try {
    auto result = exchange(call, sent);
    return {std::move(result), sent};
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    // Callers handle ApiError only, and what was short here may be free again at the next try.
    return {Error{.code = ErrorCode::unreachable, .detail = options_.server + ": " + error.what()},
            sent};
  }
}

Result<HttpResponse> Transport::exchange(const Call& call, bool& sent) {
  const SteadyTime now = std::chrono::steady_clock::now();
  const Duration timeout = std::min(options_.timeout, call.timeout.value_or(options_.timeout));
  auto connection =
      pool_.take(std::min(now + std::min(options_.connect_timeout, timeout), call.give_up_at));
  if (!connection) return connection.error();
  const HttpRequest request{.method = call.method,
                            .target = call.target,
                            .body = call.body,
                            .content_type = call.content_type};
  const SteadyTime deadline =
      std::min(std::chrono::steady_clock::now() + call.wait + timeout, call.give_up_at);
  sent = true;
  auto response = (*connection)->exchange(request, deadline, call.stop);
  if (!response) return response.error();
  pool_.give_back(std::move(*connection));
  if (response->status / 100 != 2) return problem_of(*response);
  return response;
}

}  // namespace quern::sdk
