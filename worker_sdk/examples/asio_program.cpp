// A worker inside a program that is built on Asio and was there before.
//
// The program tells prices over TCP: a line with a name comes in, a line with its price goes out.
// One thread runs the io_context and is the only one to touch the prices, so they need no mutex.
// What is new is a worker that takes price changes from a queue:
//
//   - worker.run() blocks, so it has a thread of its own; its handlers run on threads of the worker
//   - a handler hands what concerns the program's state to the io_context and waits for it, so that
//     its task is completed only when the change is made
//   - the program keeps its own signal handling and asks the worker to stop. The io_context goes on
//     until the worker has ended, since handlers wait for it
//
//   asio_program http://127.0.0.1:7480
//   qctl submit set '{"name": "tea", "price": "2.40"}' --queue prices
#include <quern/json.h>
#include <quern/quern.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <future>
#include <iostream>
#include <map>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Prices = std::map<std::string, std::string>;

// --- The program as it was ---

asio::awaitable<void> tell_prices(tcp::socket socket, const Prices& prices) {
  std::string lines;
  try {
    for (;;) {
      const std::size_t size = co_await asio::async_read_until(
          socket, asio::dynamic_buffer(lines, 1'000), '\n', asio::use_awaitable);
      const auto found = prices.find(lines.substr(0, size - 1));
      lines.erase(0, size);
      const std::string answer = (found == prices.end() ? "unknown" : found->second) + "\n";
      co_await asio::async_write(socket, asio::buffer(answer), asio::use_awaitable);
    }
  } catch (const boost::system::system_error&) {
    // The other side is gone.
  }
}

asio::awaitable<void> accept(tcp::acceptor& acceptor, const Prices& prices) {
  for (;;) {
    tcp::socket socket = co_await acceptor.async_accept(asio::use_awaitable);
    asio::co_spawn(acceptor.get_executor(), tell_prices(std::move(socket), prices), asio::detached);
  }
}

// --- The worker ---

struct Change {
  std::string name, price;
};

Change parse_change(const std::string& payload) {
  try {
    const auto json = quern::json_of(payload);
    return {json.at("name"), json.at("price")};
  } catch (const nlohmann::json::exception& error) {
    throw quern::Permanent(error.what(), "BadChange");  // the same bytes will not be right later
  }
}

}  // namespace

int main(int argc, char** argv) {
  asio::io_context io;
  Prices prices;
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  asio::co_spawn(io, accept(acceptor, prices), asio::detached);

  quern::Client client({.server = argc > 1 ? argv[1] : "http://127.0.0.1:7480"});
  quern::Worker worker{client, {.queues = {"prices"}, .concurrency = 4}};
  worker.handle("set", [&](quern::Context& context) {
    const Change change = parse_change(context.payload());
    const auto make_it = [&] { prices[change.name] = change.price; };
    asio::post(io, asio::use_future(make_it)).get();
  });

  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](const boost::system::error_code& error, int) {
    if (!error) worker.stop();  // does not wait
  });

  int exit_code = 0;
  std::thread worker_thread([&] {
    try {
      worker.run();
    } catch (const quern::ApiError& error) {  // a wrong token, say
      std::cerr << "asio_program: " << error.what() << "\n";
      exit_code = 1;
    }
    io.stop();
  });

  std::cout << "prices at port " << acceptor.local_endpoint().port() << std::endl;
  io.run();
  worker_thread.join();
  return exit_code;
}
