#include "tls_server.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <stdexcept>

namespace quern::test {
namespace {

// The request's head; empty when the client is gone.
std::string receive_head(SSL* ssl) {
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    char bytes[4096];
    const int got = SSL_read(ssl, bytes, sizeof bytes);
    if (got <= 0) return {};
    head.append(bytes, static_cast<std::size_t>(got));
  }
  return head;
}

bool answer(SSL* ssl, const std::string& head, bool last) {
  const std::size_t begin = head.find("/tasks/") + 7;
  const std::string id = head.substr(begin, head.find(' ', begin) - begin);
  const std::string body =
      R"({"id": ")" + id + R"(", "queue": "q", "type": "t", "state": "succeeded"})";
  const std::string response = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" +
                               std::string(last ? "Connection: close\r\n" : "") +
                               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  return SSL_write(ssl, response.data(), static_cast<int>(response.size())) > 0;
}

}  // namespace

Identity::Identity() : key(EVP_EC_gen("P-256")), certificate(X509_new()) {
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_set_version(certificate, 2);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* const names =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost");
  X509_add_ext(certificate, names, -1);
  X509_EXTENSION_free(names);
  X509_sign(certificate, key, EVP_sha256());
}

Identity::~Identity() {
  X509_free(certificate);
  EVP_PKEY_free(key);
}

void Identity::write_certificate(const std::filesystem::path& path) const {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  PEM_write_X509(file, certificate);
  std::fclose(file);
}

TlsServer::TlsServer(const Identity& identity, int answers_max)
    : context_(SSL_CTX_new(TLS_server_method())), answers_max_(answers_max) {
  // OpenSSL writes to sockets without MSG_NOSIGNAL.
  std::signal(SIGPIPE, SIG_IGN);
  SSL_CTX_use_certificate(context_, identity.certificate);
  SSL_CTX_use_PrivateKey(context_, identity.key);
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    throw std::runtime_error("the TLS server cannot listen");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

TlsServer::~TlsServer() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  {
    const std::lock_guard lock(mutex_);
    for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (std::thread& thread : threads_) thread.join();
  for (const int socket : sockets_) ::close(socket);
  SSL_CTX_free(context_);
}

void TlsServer::accept_all() {
  for (int socket = 0; (socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    const std::lock_guard lock(mutex_);
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void TlsServer::serve(int socket) {
  SSL* const ssl = SSL_new(context_);
  SSL_set_fd(ssl, socket);
  if (SSL_accept(ssl) == 1) {
    ++connection_count_;
    bool open = true;
    for (int answers = 1; open; ++answers) {
      const std::string head = receive_head(ssl);
      open = !head.empty() && answer(ssl, head, answers == answers_max_) && answers < answers_max_;
    }
    SSL_shutdown(ssl);
  }
  SSL_free(ssl);
  ::shutdown(socket, SHUT_RDWR);
}

}  // namespace quern::test
