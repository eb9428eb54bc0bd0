#include "http/authorize.h"

#include "http/ascii.h"

namespace quern::http {
namespace {

Error unauthorized(std::string detail) {
  return Error{.code = ErrorCode::unauthorized, .detail = std::move(detail)};
}

// "Bearer <token>". Empty: it is something else.
std::string_view bearer_token(std::string_view authorization) {
  constexpr std::string_view scheme = "bearer ";
  if (!equals_ignoring_case(authorization.substr(0, scheme.size()), scheme)) return {};
  return trimmed(authorization.substr(scheme.size()));
}

}  // namespace

Result<access::TokenPtr> authenticate(const KnownFields& fields, const Authority& authority) {
  if (authority.tokens == nullptr) return access::TokenPtr();
  const auto& authorization = fields[Known::authorization];
  if (!authorization) {
    return unauthorized("this server asks for a token: send Authorization: Bearer <token>");
  }
  const std::string_view presented = bearer_token(*authorization);
  access::TokenPtr token = authority.tokens->find(presented, authority.now);
  // Whether it has expired or never was is nobody's business.
  if (!token) return unauthorized("this is not a token of this server, or not any more");
  return token;
}

Result<void> authorize(const Request& request, const Route& route) {
  if (request.token == nullptr) return {};
  if (!request.token->may(route.right)) {
    return Error{.code = ErrorCode::forbidden,
                 .detail = "a token of role " + std::string(to_string(request.token->role)) +
                           (request.token->queues ? " for some queues" : "") + " may not do this"};
  }
  if (!route.path.starts_with("/queues/{}")) return {};
  return check_queue(request, request.segment(1));
}

Result<void> check_queue(const Request& request, std::string_view queue) {
  if (request.token == nullptr || request.token->may_use(queue)) return {};
  return Error{.code = ErrorCode::forbidden,
               .detail = "this token is for other queues than the one that the request names"};
}

}  // namespace quern::http
