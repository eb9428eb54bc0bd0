// A whole connection: any bytes in any pieces, through the real session and the real engine, on one
// thread. The socket is one half of a pair inside the kernel.
//
// Promises: every answer is a response that a strict client takes; behind one that says that the
// connection closes nothing follows; the session ends when its client does; a lease that a client
// left behind is not held.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <memory>
#include <string>

#include "access/token_set.h"
#include "engine/audit.h"
#include "engine/engine.h"
#include "http/io_thread.h"
#include "http/session.h"
#include "http/session_env.h"
#include "input.h"
#include "log.h"
#include "quern/protocol/json_reader.h"
#include "quern/storage/memory_store.h"

namespace {

using namespace quern;
using fuzz::Input;
using fuzz::require;

const std::string secret(40, 'a');

class FixedRandom final : public engine::Random {
 public:
  std::uint64_t next() override { return state_ += 0x9E3779B97F4A7C15; }

 private:
  std::uint64_t state_ = 1;
};

// Commits and answers at once.
class DirectEngine final : public server::EnginePort {
 public:
  DirectEngine() : engine_(*engine::Engine::recover(store_, random_, {}, now_)) {}

  void connect(http::IoThread& thread) { thread_ = &thread; }

  Result<void> submit(engine::Ticket ticket, engine::Command&& command) override {
    apply(ticket, std::move(command));
    return {};
  }
  void tell(engine::Command&& command) override { apply(0, std::move(command)); }
  std::shared_ptr<const storage::Store> store() const override {
    return {std::shared_ptr<void>(), &store_};
  }
  server::Health health() const override {
    return {.readiness = server::Readiness::ready, .reason = {}};
  }

 private:
  void apply(engine::Ticket ticket, engine::Command&& command) {
    engine_->apply(ticket, std::move(command), now_);
    // What takes several ticks is answered by a later one.
    for (int ticks = 0; ticks < 4; ++ticks) {
      engine_->tick(now_);
      require(!engine_->failure(), "no request makes the engine fail");
      const storage::Batch batch = engine_->take_batch();
      if (!batch.writes.empty()) require(store_.commit(batch).has_value(), "a commit succeeds");
      std::vector<engine::Reply> replies = engine_->take_replies();
      if (!replies.empty()) thread_->post_replies(std::move(replies));
    }
  }

  FixedRandom random_;
  const engine::Now now_{.wall = Timestamp{1'800'000'000'000}, .steady = engine::Steady{0}};
  storage::MemoryStore store_;
  std::unique_ptr<engine::Engine> engine_;
  http::IoThread* thread_ = nullptr;
};

// At once, too.
class DirectAudits final : public server::LongWork {
 public:
  explicit DirectAudits(const DirectEngine& engine) : engine_(engine) {}

  void connect(http::IoThread& thread) { thread_ = &thread; }

  void begin(engine::Ticket ticket) override {
    Result<engine::AuditReport> report = engine::audit(*engine_.store());
    require(report.has_value() && report->sound(), "no request leaves the store unsound");
    std::vector<engine::Reply> replies;
    replies.push_back({.ticket = ticket, .outcome = *std::move(report)});
    thread_->post_replies(std::move(replies));
  }
  void abandon(engine::Ticket) override {}

 private:
  const DirectEngine& engine_;
  http::IoThread* thread_ = nullptr;
};

// What came back, response by response.
class StrictClient {
 public:
  explicit StrictClient(bool may_ask_for_heads) : may_ask_for_heads_(may_ask_for_heads) {}

  void take(std::string_view bytes) { text_ += bytes; }

  void check() const {
    // An answer to HEAD tells of a body that does not come: what follows cannot be told apart.
    if (may_ask_for_heads_) return;
    std::string_view rest = text_;
    bool closes = false;
    while (!rest.empty()) {
      require(!closes, "nothing follows the last answer");
      closes = take_response(rest);
    }
  }

 private:
  // Whether it is the connection's last.
  static bool take_response(std::string_view& rest) {
    const std::size_t end = rest.find("\r\n\r\n");
    require(end != std::string_view::npos, "a head is whole");
    std::string_view head = rest.substr(0, end);
    rest.remove_prefix(end + 4);
    require(head.starts_with("HTTP/1.1 "), "an answer starts with a status line");
    unsigned status = 0;
    std::from_chars(head.data() + 9, head.data() + 12, status);
    require(status >= 100 && status < 600, "a status is one");
    if (status == 100) return false;
    require(status != 500, "no request makes the server fail");
    require(head.find("\r\nX-Request-ID: ") != std::string_view::npos, "a request id comes back");
    const std::size_t length_at = head.find("\r\nContent-Length: ");
    std::size_t length = 0;
    if (length_at != std::string_view::npos) {
      std::from_chars(head.data() + length_at + 18, head.data() + head.size(), length);
    } else {
      require(status == 204, "every answer but 204 has a length");
    }
    require(length <= rest.size(), "a body is whole");
    const std::string_view body = rest.substr(0, length);
    rest.remove_prefix(length);
    if (!body.empty()) {
      std::string_view raw;
      JsonReader reader(body, JsonReader::depth_limit);
      require(reader.read_raw(raw) && reader.finish(), "a body is JSON");
    }
    return head.find("\r\nConnection: close") != std::string_view::npos;
  }

  bool may_ask_for_heads_;
  std::string text_;
};

http::Credentials credentials_of(bool guarded) {
  if (!guarded) return {};
  std::vector<access::Token> tokens;
  tokens.push_back(
      {.name = "t",
       .role = access::Role::admin,
       .queues = std::make_shared<const engine::QueueScope>(std::vector<std::string>{"q*"}),
       .digest = access::sha256(secret)});
  return {.tokens = std::make_shared<const access::TokenSet>(std::move(tokens)), .tls = nullptr};
}

class Exchange {
 public:
  Exchange(bool guarded, bool may_ask_for_heads)
      : env_{.context = {.engine = engine_,
                         .audits = audits_,
                         .limits = {.body_bytes_max = 4096, .payload_bytes_max = 1024},
                         .info = {},
                         .now = [] { return Timestamp{1'800'000'000'000}; }},
             .admission = {.routes = http::all_routes(),
                           .head = {.header_bytes_max = 2048, .target_bytes_max = 512},
                           .body_bytes_max = 4096},
             .allowed_hosts = {"quern.example"},
             .timeouts = {},
             .body_budget = http::MemoryBudget(1 << 20),
             .answer_budget = http::MemoryBudget(1 << 20),
             .failed_tries = access::FailedTries(3)},
        thread_(0, env_, credentials_of(guarded)),
        client_(may_ask_for_heads) {
    engine_.connect(thread_);
    audits_.connect(thread_);
    int pair[2];
    require(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0,
            "there is a pair of sockets");
    peer_ = pair[1];
    http::Session::start(thread_, env_,
                         http::Socket(thread_.context(), boost::asio::ip::tcp::v4(), pair[0]));
  }
  ~Exchange() { ::close(peer_); }

  void send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      settle();
      if (sent < 0 && errno == EAGAIN) continue;
      if (sent < 0) return;  // the server has closed
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  void end() {
    ::shutdown(peer_, SHUT_WR);
    for (int rounds = 0; env_.session_count > 0; ++rounds) {
      require(rounds < 1000, "a session ends when its client does");
      settle();
    }
    settle();
    client_.check();
  }

 private:
  // Lets the session do what it can, and reads what it says.
  void settle() {
    thread_.context().poll();
    char bytes[16384];
    for (;;) {
      const ssize_t count = ::recv(peer_, bytes, sizeof bytes, 0);
      if (count <= 0) return;
      client_.take({bytes, static_cast<std::size_t>(count)});
      thread_.context().poll();
    }
  }

  DirectEngine engine_;
  DirectAudits audits_{engine_};
  http::SessionEnv env_;
  http::IoThread thread_;
  StrictClient client_;
  int peer_ = -1;
};

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool quiet = (log::configure(log::Level::error, log::Format::text), true);
  static_cast<void>(quiet);
  Input input(data, size);
  const bool guarded = input.flag();
  const std::size_t piece = 1 + input.byte() * std::size_t{4};
  std::string_view bytes = input.rest();
  Exchange exchange(guarded, bytes.find("HEAD") != std::string_view::npos);
  while (!bytes.empty()) {
    exchange.send(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  exchange.end();
  return 0;
}
