#include "http/resolve.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <array>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

namespace quern::sdk {
namespace {

using Addresses = Result<std::vector<std::string>>;

Error cannot_resolve(const std::string& host, const std::string& why) {
  return Error{.code = ErrorCode::unreachable,
               .detail = "cannot resolve the host name \"" + host + "\"" + why};
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

// Shared with a thread that may outlive the call.
struct Pending {
  std::mutex mutex;
  std::condition_variable done;
  std::optional<Addresses> addresses;
};

}  // namespace

Addresses system_lookup(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); error != 0) {
    return cannot_resolve(host, std::string(": ") + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, ::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    std::array<char, NI_MAXHOST> text{};
    if (::getnameinfo(entry->ai_addr, entry->ai_addrlen, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      addresses.emplace_back(text.data());
    }
  }
  return addresses;
}

Addresses resolve(const std::string& host, std::chrono::steady_clock::time_point deadline,
                  Lookup lookup) {
  if (is_address(host)) return std::vector{host};
  // This machine, also where no file says so (RFC 6761 section 6.3).
  if (host == "localhost") return std::vector<std::string>{"127.0.0.1", "::1"};

  auto pending = std::make_shared<Pending>();
  std::thread([pending, host, lookup = std::move(lookup)] {
    auto addresses = lookup(host);
    const std::lock_guard lock(pending->mutex);
    pending->addresses.emplace(std::move(addresses));
    pending->done.notify_all();
  }).detach();
  std::unique_lock lock(pending->mutex);
  if (!pending->done.wait_until(lock, deadline, [&] { return pending->addresses.has_value(); })) {
    return cannot_resolve(host, " in time");
  }
  if (*pending->addresses && (*pending->addresses)->empty()) {
    return cannot_resolve(host, ": it has no address");
  }
  return std::move(*pending->addresses);
}

}  // namespace quern::sdk
