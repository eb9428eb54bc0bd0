#include "http/endpoint.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace quern::sdk {
namespace {

Error bad_url(std::string_view url, std::string_view why) {
  return Error{.code = ErrorCode::invalid_argument,
               .detail = "server URL \"" + std::string(url) + "\": " + std::string(why) +
                         ". Expected http://host:port or https://host:port"};
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c > 0x20 && c < 0x7f && c != '@' && c != '[' && c != ']' && c != '?' && c != '#';
  });
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

Result<Endpoint> parse_server_url(std::string_view url) {
  Endpoint endpoint;
  std::string_view rest = url;
  if (take_prefix(rest, "https://")) {
    endpoint.tls = true;
  } else if (!take_prefix(rest, "http://")) {
    return bad_url(url, "the scheme is neither http nor https");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find('/') != rest.npos) return bad_url(url, "a path is not supported");
  endpoint.authority = rest;

  std::string_view host = rest;
  std::string_view port = endpoint.tls ? "443" : "80";
  if (take_prefix(rest, "[")) {
    const std::size_t close = rest.find(']');
    if (close == rest.npos) return bad_url(url, "a bracket is not closed");
    host = rest.substr(0, close);
    rest.remove_prefix(close + 1);
    if (!rest.empty() && !take_prefix(rest, ":")) return bad_url(url, "no port after the bracket");
    if (!rest.empty()) port = rest;
  } else if (const std::size_t colon = rest.rfind(':'); colon != rest.npos) {
    host = rest.substr(0, colon);
    port = rest.substr(colon + 1);
    if (host.find(':') != host.npos) return bad_url(url, "an IPv6 address needs brackets");
  }
  if (!is_host(host)) return bad_url(url, "the host is missing or malformed");
  if (!is_port(port)) return bad_url(url, "the port is not a number from 1 to 65535");
  endpoint.host = host;
  endpoint.port = port;
  return endpoint;
}

std::string percent_encode(std::string_view text) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                            (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      out += c;
    } else {
      out += '%';
      out += hex[byte >> 4];
      out += hex[byte & 15];
    }
  }
  return out;
}

}  // namespace quern::sdk
