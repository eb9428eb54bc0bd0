// https against OpenSSL's own server, with a certificate made for the test.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <thread>

#include "quern/quern.h"
#include "support/temp_dir.h"

using namespace std::chrono_literals;
using quern::ErrorCode;

namespace {

// A key and a certificate for the host name "localhost", signed by itself.
struct Identity {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();

  Identity() {
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
  ~Identity() {
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  void write_certificate(const std::filesystem::path& path) const {
    std::FILE* const file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
  }
};

// Answers one request on each connection, then closes it.
class TlsServer {
 public:
  explicit TlsServer(const Identity& identity) : context_(SSL_CTX_new(TLS_server_method())) {
    SSL_CTX_use_certificate(context_, identity.certificate);
    SSL_CTX_use_PrivateKey(context_, identity.key);
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_, generic, size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    ::getsockname(listener_, generic, &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~TlsServer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    SSL_CTX_free(context_);
  }
  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(port_);
  }

 private:
  void serve() {
    for (int socket = 0; (socket = ::accept(listener_, nullptr, nullptr)) >= 0; ::close(socket)) {
      SSL* const ssl = SSL_new(context_);
      SSL_set_fd(ssl, socket);
      if (SSL_accept(ssl) == 1) answer(ssl);
      SSL_free(ssl);
    }
  }
  static void answer(SSL* ssl) {
    char request[4096];
    SSL_read(ssl, request, sizeof request);
    const std::string body = R"({"id": "i", "queue": "q", "type": "t", "state": "succeeded"})";
    const std::string response =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: "
        "close\r\nContent-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    SSL_write(ssl, response.data(), static_cast<int>(response.size()));
    SSL_shutdown(ssl);
  }

  SSL_CTX* context_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

ErrorCode code_of_get(const quern::ClientOptions& options) {
  try {
    quern::Client client(options);
    client.get("i");
  } catch (const quern::ApiError& error) {
    return error.code();
  }
  FAIL("no ApiError was thrown");
  return ErrorCode::internal;
}

}  // namespace

TEST_CASE("https is spoken to a server whose certificate is trusted and names the host") {
  const quern::test::TempDir dir;
  const Identity identity;
  const std::string trusted = dir.path() / "ca.pem";
  identity.write_certificate(trusted);
  const TlsServer server(identity);

  quern::Client client({.server = server.url("localhost"), .ca_file = trusted, .timeout = 5s});
  CHECK(client.get("i").state == quern::TaskState::succeeded);
  CHECK(client.get("i").state == quern::TaskState::succeeded);

  // The same certificate under another name.
  CHECK(code_of_get({.server = server.url("127.0.0.1"), .ca_file = trusted}) ==
        ErrorCode::untrusted);
  // Nobody vouches for it.
  CHECK(code_of_get({.server = server.url("localhost")}) == ErrorCode::untrusted);
  CHECK(code_of_get({.server = server.url("localhost"), .ca_file = "/nowhere.pem"}) ==
        ErrorCode::invalid_argument);
}
