// A Quern server behind TLS, as far as GET /tasks/{id} goes, with a certificate made for the test.
//
// Threads  one for each connection. Only connection_count() is for others while it runs.
#pragma once

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace quern::test {

// A key and a certificate for the host name "localhost", signed by itself.
struct Identity {
  EVP_PKEY* key;
  X509* certificate;

  Identity();
  ~Identity();
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  void write_certificate(const std::filesystem::path& path) const;  // PEM
};

// Every task that is asked for is there, and succeeded.
class TlsServer {
 public:
  // Closes a connection after so many answers.
  explicit TlsServer(const Identity& identity, int answers_max = 1'000'000);
  ~TlsServer();
  TlsServer(const TlsServer&) = delete;
  TlsServer& operator=(const TlsServer&) = delete;

  std::string url(const std::string& host) const {
    return "https://" + host + ":" + std::to_string(port_);
  }
  int connection_count() const { return connection_count_; }  // whose handshake succeeded

 private:
  void accept_all();
  void serve(int socket);

  SSL_CTX* context_;
  int answers_max_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connection_count_ = 0;
  std::mutex mutex_;
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace quern::test
