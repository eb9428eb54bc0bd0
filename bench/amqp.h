// As much of AMQP 0-9-1 as a producer needs that waits for a confirm after each message.
//
// Shape    channel 1 of a connection, one message in hand. Messages are persistent.
// Source   the AMQP 0-9-1 specification, and https://www.rabbitmq.com/docs/confirms for
//          confirm.select, RabbitMQ's extension of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace quern::bench::amqp {

enum class QueueType { classic, quorum };

// Connection, channel, durable queue, confirm mode: all that comes before the first message, as the
// user guest, whom RabbitMQ lets in from this machine. `socket` blocks.
// Throws std::runtime_error: the broker closed, was silent, or said something else.
void open(int socket, const std::string& queue, QueueType type);

// One message to `queue`, by the default exchange.
void append_publish(std::string_view queue, std::string_view payload, std::string& out);

// What the broker says to a message.
struct Confirm {
  enum class State {
    partial,
    acknowledged,
    refused,  // basic.nack, or the broker closes the channel or the connection
    malformed,
  };
  State state = State::partial;
  std::size_t bytes = 0;  // of the frame, once it is whole
};
Confirm parse_confirm(std::string_view bytes);

}  // namespace quern::bench::amqp
