#include "http/admission.h"

#include <utility>

#include "http/head_parser.h"
#include "http/target.h"

namespace quern::http {
namespace {

Refused refused(Error error, std::optional<Framing> framing = std::nullopt) {
  return Refused{.error = std::move(error), .framing = framing};
}

// The message itself: from here on its end is known.
Result<Framing> read_head(std::string_view block, RequestHead& head, Request& request) {
  if (Result<void> parsed = parse_head(block, head); !parsed) return std::move(parsed).error();
  if (Result<void> collected = collect_fields(head, request.fields); !collected) {
    return std::move(collected).error();
  }
  return check_framing(head, request.fields);
}

// Whom it is for, and what it wants done.
Result<void> read_target(const RequestHead& head, const AdmissionPolicy& policy,
                         const HostPolicy& hosts, Request& request) {
  if (head.target.size() > policy.head.target_bytes_max) {
    return Error{.code = ErrorCode::uri_too_long,
                 .detail = "the request target is longer than " +
                           std::to_string(policy.head.target_bytes_max) + " bytes"};
  }
  const std::optional<Method> method = method_from(head.method);
  if (!method) {
    return Error{.code = ErrorCode::not_implemented, .detail = "this method is not known here"};
  }
  request.method = *method;
  if (Result<void> parsed = parse_target(head.target, request.target); !parsed) return parsed;
  // RFC 9110 section 7.4: another scheme is another resource.
  if (!request.target.authority.empty() && request.target.https != hosts.tls) {
    return Error{.code = ErrorCode::misdirected_request,
                 .detail = hosts.tls ? "this port speaks https" : "this port speaks plain http"};
  }
  return check_origin(request.fields, request.target.authority, hosts);
}

Result<void> check_body(const Request& request, const Route& route, const Framing& framing,
                        std::size_t body_bytes_max) {
  if (!framing.has_body()) return {};
  if (route.body == BodyRule::none) {
    return Error{.code = ErrorCode::bad_request,
                 .detail = std::string(to_string(request.method)) + " takes no body here"};
  }
  if (framing.content_length > body_bytes_max) {
    return Error{.code = ErrorCode::payload_too_large,
                 .detail = "the body is " + std::to_string(framing.content_length) +
                           " bytes; the limit is " + std::to_string(body_bytes_max)};
  }
  return check_media_type(request.fields, route.body == BodyRule::merge_patch);
}

Error unrouted(const RouteMatch& match) {
  if (match.allow.empty()) {
    return Error{.code = ErrorCode::not_found, .detail = "docs/openapi.yaml lists the paths"};
  }
  return Error{.code = ErrorCode::method_not_allowed,
               .detail = "the methods of this path are " + match.allow};
}

}  // namespace

std::variant<Admitted, Refused> admit(std::string_view block, const AdmissionPolicy& policy,
                                      const HostPolicy& hosts, const Authority& authority,
                                      RequestHead& head, Request& request) {
  request.method = Method::get;
  request.fields = {};
  request.target = {};
  request.body = {};
  request.token = nullptr;
  Result<Framing> framing = read_head(block, head, request);
  if (!framing) return refused(std::move(framing).error());
  if (Result<void> target = read_target(head, policy, hosts, request); !target) {
    return refused(std::move(target).error(), *framing);
  }
  RouteMatch match = find_route(policy.routes, request.method, request.target.segments);
  // Strangers are not told what there is.
  if (match.route == nullptr || match.route->right != access::Right::open) {
    Result<access::TokenPtr> token = authenticate(request.fields, authority);
    if (!token) {
      Refused stranger = refused(std::move(token).error(), *framing);
      stranger.wrong_token = request.fields[Known::authorization].has_value();
      return stranger;
    }
    request.token = *std::move(token);
  }
  if (match.route == nullptr) {
    return Refused{.error = unrouted(match), .allow = std::move(match.allow), .framing = *framing};
  }
  if (Result<void> may = authorize(request, *match.route); !may) {
    return refused(std::move(may).error(), *framing);
  }
  Result<bool> waits = expects_continue(head, request.fields);
  if (!waits) return refused(std::move(waits).error(), *framing);
  Result<void> body = check_body(request, *match.route, *framing, policy.body_bytes_max);
  if (!body) return refused(std::move(body).error(), *framing);
  return Admitted{.route = match.route, .framing = *framing, .expects_continue = *waits};
}

}  // namespace quern::http
