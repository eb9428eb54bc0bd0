#include "http/tls_context.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <ctime>
#include <utility>

namespace quern::http {
namespace {

Error unfit(const std::filesystem::path& path, const std::string& why) {
  return Error{.code = ErrorCode::invalid_argument, .detail = path.string() + ": " + why};
}

// What OpenSSL says it is, the last that it said.
std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* const text = ERR_reason_error_string(code);
  ERR_clear_error();
  return text != nullptr ? text : "unknown reason";
}

// Nobody is there to type a passphrase.
int no_passphrase(char*, int, int, void*) { return -1; }

std::string subject_of(const X509* certificate) {
  std::string text(256, '\0');
  X509_NAME_oneline(X509_get_subject_name(certificate), text.data(), static_cast<int>(text.size()));
  return text.c_str();
}

Timestamp instant_of(const ASN1_TIME* time) {
  std::tm parts{};
  ASN1_TIME_to_tm(time, &parts);
  return Timestamp{std::int64_t{::timegm(&parts)} * 1000};
}

bool configure(SSL_CTX* context) {
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  // A connection that says nothing holds no buffers. A write that has to wait is repeated from
  // where its bytes are by then.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") == 1 &&
         SSL_CTX_set1_groups_list(context, "X25519:P-256:P-384") == 1;
}

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files, Timestamp now) {
  ERR_clear_error();
  auto loaded = std::make_shared<TlsContext>();
  loaded->context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = loaded->get();
  if (context == nullptr || !configure(context)) return unfit("OpenSSL", reason());
  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1) {
    return unfit(files.certificate, "cannot read a certificate: " + reason());
  }
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  loaded->subject_ = subject_of(certificate);
  loaded->expires_at_ = instant_of(X509_get0_notAfter(certificate));
  if (loaded->expires_at_ <= now) {
    return unfit(files.certificate,
                 "the certificate expired on " + to_rfc3339(loaded->expires_at_));
  }
  if (const Timestamp begin = instant_of(X509_get0_notBefore(certificate)); now < begin) {
    return unfit(files.certificate, "the certificate is not valid before " + to_rfc3339(begin));
  }
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return unfit(files.key, "cannot read the key of " + files.certificate.string() +
                                " (PEM, not encrypted): " + reason());
  }
  if (SSL_CTX_check_private_key(context) != 1) {
    return unfit(files.key, "is not the key of " + files.certificate.string() + ": " + reason());
  }
  return std::shared_ptr<const TlsContext>(std::move(loaded));
}

}  // namespace quern::http
