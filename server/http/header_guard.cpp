#include "http/header_guard.h"

#include <algorithm>
#include <charconv>

#include "http/ascii.h"

namespace quern::http {
namespace {

constexpr std::array<std::string_view, known_count> known_names = {
    "host",         "content-length", "transfer-encoding", "content-type",    "content-encoding",
    "expect",       "origin",         "authorization",     "idempotency-key", "x-correlation-id",
    "x-request-id", "traceparent",    "sec-fetch-site"};

Error refused(ErrorCode code, std::string detail) {
  return Error{.code = code, .detail = std::move(detail)};
}

// An absent length is 0: a request without either field has no body.
Result<std::uint64_t> content_length(const KnownFields& fields) {
  const auto& text = fields[Known::content_length];
  if (!text) return std::uint64_t{0};
  std::uint64_t length = 0;
  const char* end = text->data() + text->size();
  const auto [stop, problem] = std::from_chars(text->data(), end, length);
  if (text->empty() || stop != end || problem != std::errc{}) {
    return refused(ErrorCode::bad_request, "Content-Length is not a number of bytes");
  }
  return length;
}

Result<bool> is_chunked(const RequestHead& head, const KnownFields& fields) {
  const auto& coding = fields[Known::transfer_encoding];
  if (!coding) return false;
  if (fields[Known::content_length]) {
    return refused(ErrorCode::bad_request,
                   "Content-Length and Transfer-Encoding exclude each other");
  }
  if (head.http_1_0) {
    return refused(ErrorCode::bad_request, "HTTP/1.0 has no Transfer-Encoding");
  }
  if (equals_ignoring_case(*coding, "chunked")) return true;
  // RFC 9112 section 6.3: without "chunked" at its end the length cannot be known; with codings
  // before that it could be, but we know none.
  const std::string_view first = trimmed(coding->substr(0, coding->find(',')));
  if (coding->empty() || equals_ignoring_case(first, "chunked")) {
    return refused(ErrorCode::bad_request, "Transfer-Encoding does not end in chunked, once");
  }
  return refused(ErrorCode::not_implemented, "the only Transfer-Encoding known here is chunked");
}

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_lower_letter(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool may_be_in_ipv4(char c) { return is_digit(c) || c == '.'; }
constexpr bool may_be_in_ipv6(char c) {
  return may_be_in_ipv4(c) || c == ':' || (c >= 'a' && c <= 'f');
}
constexpr bool may_be_in_name(char c) {
  return is_lower_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_';
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" ||
         (host.starts_with("127.") && std::all_of(host.begin(), host.end(), may_be_in_ipv4));
}

bool answers_to(std::string_view host, const HostPolicy& policy) {
  return is_loopback(host) || host == policy.local_address ||
         std::find(policy.allowed.begin(), policy.allowed.end(), host) != policy.allowed.end();
}

// Whether `origin` is the very place that the request was sent to.
bool is_own(std::string_view origin, std::string_view authority) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.size() == scheme.size() + authority.size() &&
        equals_ignoring_case(origin.substr(0, scheme.size()), scheme) &&
        equals_ignoring_case(origin.substr(scheme.size()), authority)) {
      return true;
    }
  }
  return false;
}

}  // namespace

Result<void> collect_fields(const RequestHead& head, KnownFields& fields) {
  for (const Field& field : head.fields) {
    for (std::size_t known = 0; known < known_count; ++known) {
      if (!equals_ignoring_case(field.name, known_names[known])) continue;
      if (fields.values[known]) {
        return refused(ErrorCode::bad_request, std::string(field.name) + " is given twice");
      }
      fields.values[known] = field.value;
      break;
    }
    // W3C Trace Context lets a sender split this one.
    if (equals_ignoring_case(field.name, "tracestate")) {
      if (!fields.tracestate.empty()) fields.tracestate += ',';
      fields.tracestate += field.value;
    }
  }
  return {};
}

Result<Framing> check_framing(const RequestHead& head, const KnownFields& fields) {
  Result<bool> chunked = is_chunked(head, fields);
  if (!chunked) return std::move(chunked).error();
  Result<std::uint64_t> length = content_length(fields);
  if (!length) return std::move(length).error();
  if (!fields[Known::host] && !head.http_1_0) {
    return refused(ErrorCode::bad_request, "Host is missing");
  }
  return Framing{.content_length = *length, .chunked = *chunked};
}

bool split_authority(std::string_view authority, std::string& host_lower) {
  const bool bracketed = authority.starts_with('[');
  const std::size_t host_end =
      bracketed ? authority.find(']') : std::min(authority.find(':'), authority.size());
  if (host_end == std::string_view::npos || host_end == 0) return false;
  host_lower =
      lower_case(bracketed ? authority.substr(1, host_end - 1) : authority.substr(0, host_end));
  if (host_lower.empty() || !std::all_of(host_lower.begin(), host_lower.end(),
                                         bracketed ? may_be_in_ipv6 : may_be_in_name)) {
    return false;
  }

  const std::string_view rest = authority.substr(host_end + (bracketed ? 1 : 0));
  if (rest.empty()) return true;
  const std::string_view port = rest.substr(1);
  return rest.front() == ':' && port.size() <= 5 && std::all_of(port.begin(), port.end(), is_digit);
}

Result<void> check_origin(const KnownFields& fields, std::string_view target_authority,
                          const HostPolicy& policy) {
  const std::string_view host_field = fields[Known::host].value_or(std::string_view{});
  std::string host;
  if (!host_field.empty() && !split_authority(host_field, host)) {
    return refused(ErrorCode::bad_request, "Host is neither a name nor an address");
  }
  const std::string_view authority = target_authority.empty() ? host_field : target_authority;
  if (!target_authority.empty() && !split_authority(target_authority, host)) {
    return refused(ErrorCode::bad_request, "the target's host is neither a name nor an address");
  }
  // Only HTTP/1.0 may leave Host out; no browser does, so nothing is rebound by it.
  if (fields[Known::host].has_value() || !target_authority.empty()) {
    if (!answers_to(host, policy)) {
      return refused(ErrorCode::misdirected_request,
                     "this server is not '" + host + "'; --allowed-hosts adds names to answer to");
    }
  }
  const auto& origin = fields[Known::origin];
  if (origin && !is_own(*origin, authority)) {
    return refused(ErrorCode::forbidden, "requests from web pages of another origin are refused");
  }
  // Browsers leave Origin out where a page only loads something; this field they never do.
  const auto& site = fields[Known::sec_fetch_site];
  if (site && *site != "same-origin" && *site != "none") {
    return refused(ErrorCode::forbidden, "requests from web pages of another origin are refused");
  }
  return {};
}

Result<bool> expects_continue(const RequestHead& head, const KnownFields& fields) {
  const auto& expect = fields[Known::expect];
  // RFC 9110 section 10.1.1: an HTTP/1.0 client's expectation is ignored.
  if (!expect || head.http_1_0) return false;
  if (equals_ignoring_case(*expect, "100-continue")) return true;
  return refused(ErrorCode::expectation_failed, "the only expectation known here is 100-continue");
}

Result<void> check_media_type(const KnownFields& fields, bool merge_patch_too) {
  if (fields[Known::content_encoding]) {
    return refused(ErrorCode::unsupported_media_type,
                   "a body with a Content-Encoding is not accepted: send it as it is");
  }
  const std::string_view type = fields[Known::content_type].value_or(std::string_view{});
  const std::string_view essence = trimmed(type.substr(0, type.find(';')));
  if (equals_ignoring_case(essence, "application/json")) return {};
  if (merge_patch_too && equals_ignoring_case(essence, "application/merge-patch+json")) return {};
  return refused(ErrorCode::unsupported_media_type,
                 "a request with a body must say Content-Type: application/json");
}

}  // namespace quern::http
