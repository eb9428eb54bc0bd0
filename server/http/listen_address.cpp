#include "http/listen_address.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>

namespace quern::http {
namespace {

Error malformed(std::string_view text, std::string_view why) {
  return Error{.code = ErrorCode::invalid_argument,
               .detail = "cannot listen on '" + std::string(text) + "': " + std::string(why)};
}

}  // namespace

Result<ListenAddress> resolve_listen_address(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return malformed(text, "write host:port, as in 127.0.0.1:7480 or [::1]:7480");
  }
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return malformed(text, "write an IPv6 address in brackets, as in [::1]:7480");
  }

  ListenAddress listen{.host = std::string(host), .address = {}};
  const auto [stop, problem] = std::from_chars(port.data(), port.data() + port.size(), listen.port);
  if (problem != std::errc{} || stop != port.data() + port.size()) {
    return malformed(text, "the port must be 0..65535");
  }
  boost::asio::io_context context;
  boost::system::error_code ec;
  const auto found = boost::asio::ip::tcp::resolver(context).resolve(
      listen.host, std::string(port), boost::asio::ip::tcp::resolver::passive, ec);
  if (ec || found.empty()) return malformed(text, ec.message());
  const boost::asio::ip::address address = found.begin()->endpoint().address();
  listen.address = address.to_string();
  listen.is_loopback = address.is_loopback();
  return listen;
}

std::string url_of(std::string_view address, std::uint16_t port, bool tls) {
  const bool is_v6 = address.find(':') != std::string_view::npos;
  std::string url = tls ? "https://" : "http://";
  url += is_v6 ? "[" + std::string(address) + "]" : std::string(address);
  return url + ":" + std::to_string(port);
}

}  // namespace quern::http
