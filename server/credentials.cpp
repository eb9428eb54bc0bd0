#include "credentials.h"

#include <chrono>

#include "access/token_file.h"

namespace quern::server {

Result<http::Credentials> load_credentials(const Config& config) {
  http::Credentials credentials;
  if (!config.tokens.empty()) {
    Result<access::TokenSet> tokens = access::read_token_file(config.tokens);
    if (!tokens) return std::move(tokens).error();
    credentials.tokens = std::make_shared<const access::TokenSet>(*std::move(tokens));
  }
  if (config.tls.certificate.empty() != config.tls.key.empty()) {
    return Error{.code = ErrorCode::invalid_argument,
                 .detail = "tls_cert and tls_key are of use only together"};
  }
  if (!config.tls.certificate.empty()) {
    const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
    const Timestamp now{std::chrono::duration_cast<Duration>(since_epoch).count()};
    Result<std::shared_ptr<const http::TlsContext>> tls = http::TlsContext::load(config.tls, now);
    if (!tls) return std::move(tls).error();
    credentials.tls = *std::move(tls);
  }
  return credentials;
}

}  // namespace quern::server
