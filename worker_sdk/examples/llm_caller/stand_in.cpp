#include "stand_in.h"

#include <quern/json.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <mutex>
#include <thread>

namespace llm_caller {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using std::chrono::steady_clock;
using Request = http::request<http::string_body>;
using Answer = http::response<http::string_body>;

Answer text(http::status status, std::string body) {
  Answer answer(status, 11);
  answer.body() = std::move(body);
  return answer;
}

// What a model would do at length: the first words of the prompt.
std::string summary(const std::string& prompt) {
  std::size_t end = 0;
  for (int words = 0; words < 3 && end != std::string::npos; ++words) {
    end = prompt.find(' ', end + 1);
  }
  return prompt.substr(0, end) + "…";
}

}  // namespace

class StandIn::Server {
 public:
  explicit Server(const StandInOptions& options)
      : options_(options), acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
    asio::co_spawn(io_, accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
  }
  ~Server() {
    io_.stop();
    thread_.join();
  }

  std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  Calls calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  asio::awaitable<void> accept() {
    for (;;) {
      tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
      asio::co_spawn(io_, serve(std::move(socket)), asio::detached);
    }
  }

  asio::awaitable<void> serve(tcp::socket socket) {
    boost::beast::flat_buffer buffer;
    Request request;
    co_await http::async_read(socket, buffer, request, asio::use_awaitable);
    Answer answer = look_at(request);
    if (answer.result() == http::status::ok) {
      asio::steady_timer thinking(io_, options_.thinking);
      co_await thinking.async_wait(asio::use_awaitable);
    }
    answer.keep_alive(false);
    answer.prepare_payload();
    co_await http::async_write(socket, answer, asio::use_awaitable);
  }

  Answer look_at(const Request& request) {
    const std::lock_guard lock(mutex_);
    if (calls_.answered == options_.outage_after && calls_.failed < options_.outage) {
      ++calls_.failed;
      return text(http::status::service_unavailable, "the model is down");
    }
    const auto now = steady_clock::now();
    if (answers_since_pause_ == options_.rate) {
      answers_since_pause_ = 0;
      pause_end_ = now + options_.rate_pause;
    }
    if (now < pause_end_) {
      ++calls_.limited;
      Answer answer = text(http::status::too_many_requests, "too many requests");
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(pause_end_ - now);
      answer.set("Retry-After-Ms", std::to_string(wait.count()));
      return answer;
    }
    const auto asked = nlohmann::json::parse(request.body(), nullptr, false);
    if (!asked.is_object() || !asked.contains("prompt") || asked["prompt"] == "") {
      return text(http::status::bad_request, "there is no prompt");
    }
    ++answers_since_pause_;
    ++calls_.answered;
    return text(http::status::ok, quern::json_text({{"text", summary(asked["prompt"])}}));
  }

  const StandInOptions options_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  std::thread thread_;

  mutable std::mutex mutex_;
  Calls calls_;
  steady_clock::time_point pause_end_{};
  std::uint32_t answers_since_pause_ = 0;
};

StandIn::StandIn(const StandInOptions& options) : server_(std::make_unique<Server>(options)) {}
StandIn::~StandIn() = default;
std::uint16_t StandIn::port() const { return server_->port(); }
StandIn::Calls StandIn::calls() const { return server_->calls(); }

}  // namespace llm_caller
