#include "command_queue.h"

#include <doctest/doctest.h>

#include <vector>

namespace quern::server {
namespace {

std::vector<engine::Ticket> tickets(const CommandQueue& queue) {
  std::vector<engine::Ticket> found;
  for (const Queued& queued : queue.waiting()) found.push_back(queued.ticket);
  return found;
}

TEST_CASE("a queue that closes keeps what nobody says again, and drops what somebody waits for") {
  CommandQueue queue(8);
  REQUIRE(queue.submit(7, engine::GetQueue{}).has_value());
  queue.tell(engine::Undelivered{});
  queue.tell(engine::Abandon{});
  queue.close("the storage failed");
  CHECK(tickets(queue) == std::vector<engine::Ticket>{0, 0});
  CHECK(queue.submit(8, engine::GetQueue{}).error().code == ErrorCode::recovering);
  queue.tell(engine::Undelivered{});
  CHECK(queue.waiting().size() == 3);
}

TEST_CASE("every engine learns first that the server is draining") {
  CommandQueue queue(8);
  queue.drain();
  std::vector<Queued> taken;
  queue.swap(taken);
  queue.close("the storage failed");
  queue.tell(engine::Undelivered{});
  queue.open();
  REQUIRE(queue.waiting().size() == 2);
  CHECK(std::holds_alternative<engine::Drain>(queue.waiting().front().command));
}

TEST_CASE("a client's drain outlives a failure of the engine, until it is taken back") {
  CommandQueue queue(8);
  std::vector<Queued> taken;
  REQUIRE(queue.submit(7, engine::Drain{}).has_value());
  CHECK(queue.draining());
  queue.close("the storage failed");
  queue.open();
  REQUIRE(queue.waiting().size() == 1);
  const auto* told = std::get_if<engine::Drain>(&queue.waiting().front().command);
  REQUIRE(told != nullptr);
  CHECK_FALSE(told->stopping);

  REQUIRE(queue.submit(8, engine::EndDrain{}).has_value());
  CHECK_FALSE(queue.draining());
  queue.swap(taken);
  queue.open();
  CHECK(queue.empty());
}

TEST_CASE("a drain that was refused is none") {
  CommandQueue queue(1);
  REQUIRE(queue.submit(7, engine::GetQueue{}).has_value());
  CHECK(queue.submit(8, engine::Drain{}).error().code == ErrorCode::overloaded);
  CHECK_FALSE(queue.draining());
}

TEST_CASE("nothing takes back the drain of a process that is about to end") {
  CommandQueue queue(8);
  queue.drain();
  CHECK(queue.submit(7, engine::EndDrain{}).error().code == ErrorCode::draining);
  CHECK(queue.stopping());
  const auto* told = std::get_if<engine::Drain>(&queue.waiting().front().command);
  REQUIRE(told != nullptr);
  CHECK(told->stopping);
}

TEST_CASE("new tasks are refused while others still find room") {
  CommandQueue queue(8);
  for (engine::Ticket ticket = 1; ticket <= 6; ++ticket) {
    REQUIRE(queue.submit(ticket, engine::Submit{}).has_value());
  }
  CHECK(queue.submit(7, engine::Submit{}).error().code == ErrorCode::overloaded);
  CHECK(queue.submit(7, engine::Settle{}).has_value());
  CHECK(queue.submit(8, engine::Settle{}).has_value());
  CHECK(queue.submit(9, engine::Settle{}).error().code == ErrorCode::overloaded);
}

}  // namespace
}  // namespace quern::server
