#include "model.h"

#include <quern/errors.h>
#include <quern/json.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cstdlib>

namespace llm_caller {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Answer = http::response<http::string_body>;

// A worker whose calls may hang is a worker that hangs.
constexpr std::chrono::seconds answer_within{10};

asio::awaitable<Answer> exchange(std::uint16_t port, std::string body) {
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  stream.expires_after(answer_within);
  co_await stream.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), port),
                                asio::use_awaitable);
  http::request<http::string_body> request(http::verb::post, "/v1/answers", 11, std::move(body));
  request.set(http::field::host, "127.0.0.1");
  request.set(http::field::content_type, "application/json");
  request.prepare_payload();
  co_await http::async_write(stream, request, asio::use_awaitable);
  beast::flat_buffer buffer;
  Answer answer;
  co_await http::async_read(stream, buffer, answer, asio::use_awaitable);
  co_return answer;
}

Answer post(std::uint16_t port, std::string body) {
  asio::io_context io;
  auto answer = asio::co_spawn(io, exchange(port, std::move(body)), asio::use_future);
  try {
    io.run();
    return answer.get();
  } catch (const boost::system::system_error& error) {
    throw quern::Retry(error.what(), "ModelUnreachable");
  }
}

// As the big providers say it: milliseconds beside HTTP's whole seconds.
quern::Duration wait_asked_for(const Answer& answer) {
  const std::string ms(answer["Retry-After-Ms"]);
  if (!ms.empty()) return quern::Duration{std::atoll(ms.c_str())};
  const std::string seconds(answer[http::field::retry_after]);
  return quern::Duration{1'000} * (seconds.empty() ? 1 : std::atoll(seconds.c_str()));
}

}  // namespace

std::string Model::ask(const std::string& prompt) const {
  const Answer answer = post(port_, quern::json_text({{"prompt", prompt}}));
  if (answer.result() == http::status::ok) return quern::json_of(answer.body()).at("text");
  if (answer.result() == http::status::too_many_requests) {
    throw quern::Retry(wait_asked_for(answer), answer.body(), "RateLimited");
  }
  if (answer.result_int() >= 500) throw quern::Retry(answer.body(), "ModelUnavailable");
  throw quern::Permanent(answer.body(), "PromptRefused");
}

bool is_outage(const std::exception& error) {
  const auto* retry = dynamic_cast<const quern::Retry*>(&error);
  return retry != nullptr && !retry->after();
}

}  // namespace llm_caller
