// https against OpenSSL's own server.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "api_error.h"
#include "quern/quern.h"
#include "support/temp_dir.h"
#include "tls_server.h"

using namespace std::chrono_literals;
using namespace quern::test;
using quern::Client;
using quern::ClientOptions;
using quern::ErrorCode;

namespace {

struct Trusted {
  TempDir dir;
  Identity identity;
  std::string ca_file = dir.path() / "ca.pem";

  Trusted() { identity.write_certificate(ca_file); }
};

ErrorCode code_of_get(const ClientOptions& options) {
  return code_of([&] { Client(options).get("i"); });
}

}  // namespace

TEST_CASE("https is spoken to a server whose certificate is trusted and names the host") {
  const Trusted trusted;
  const TlsServer server(trusted.identity);
  Client client({.server = server.url("localhost"), .ca_file = trusted.ca_file});
  CHECK(client.get("i").state == quern::TaskState::succeeded);
  CHECK(server.connection_count() == 1);

  // The same certificate under another name.
  CHECK(code_of_get({.server = server.url("127.0.0.1"), .ca_file = trusted.ca_file}) ==
        ErrorCode::untrusted);
  // Nobody vouches for it.
  CHECK(code_of_get({.server = server.url("localhost")}) == ErrorCode::untrusted);
  CHECK(code_of_get({.server = server.url("localhost"), .ca_file = "/nowhere.pem"}) ==
        ErrorCode::invalid_argument);
  CHECK(server.connection_count() == 1);
}

TEST_CASE("calls one after the other share one TLS connection, and survive its end") {
  const Trusted trusted;
  const TlsServer server(trusted.identity, 5);
  Client client({.server = server.url("localhost"), .ca_file = trusted.ca_file});
  for (int i = 0; i < 5; ++i) CHECK(client.get("i").id == "i");
  CHECK(server.connection_count() == 1);
  for (int i = 0; i < 6; ++i) CHECK(client.get("i").id == "i");
  CHECK(server.connection_count() == 3);
}

TEST_CASE("many threads share one client over TLS, and each gets its own answers") {
  constexpr int threads_count = 8;
  constexpr int calls_each = 50;
  const Trusted trusted;
  const TlsServer server(trusted.identity, 20);
  Client client({.server = server.url("localhost"), .ca_file = trusted.ca_file});
  std::atomic<int> right = 0;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < threads_count; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < calls_each; ++i) {
        const std::string id = std::to_string(thread * calls_each + i);
        if (client.get(id).id == id) ++right;
      }
    });
  }
  threads.clear();
  CHECK(right == threads_count * calls_each);
  // Each connection gave all the answers that it had, but for those open at the end.
  CHECK(server.connection_count() >= threads_count * calls_each / 20);
  CHECK(server.connection_count() <= threads_count * calls_each / 20 + threads_count);
}
