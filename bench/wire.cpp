#include "wire.h"

#include <string>

#include "amqp.h"

namespace quern::bench {
namespace {

constexpr ParsedHead malformed{ParsedHead::State::malformed, {}};

ParsedHead answered(bool stored, std::size_t bytes) {
  ResponseHead head;
  head.status = stored ? 200 : 500;
  head.body_bytes = bytes;
  return {ParsedHead::State::complete, head};
}

// Redis and beanstalkd answer a submit with one line.
ParsedHead parse_line(std::string_view bytes, std::string_view stored, std::string_view possible) {
  if (bytes.empty()) return {};
  if (possible.find(bytes.front()) == std::string_view::npos) return malformed;
  const std::size_t end = bytes.find("\r\n");
  if (end == std::string_view::npos) return {};
  return answered(bytes.substr(0, stored.size()) == stored, end + 2);
}

void append_redis(std::string_view queue, std::string_view payload, std::string& out) {
  out += "*3\r\n$5\r\nLPUSH\r\n";
  for (const std::string_view argument : {queue, payload}) {
    out += '$';
    out += std::to_string(argument.size());
    out += "\r\n";
    out += argument;
    out += "\r\n";
  }
}

// Into the tube that every connection uses from the start. Priority, delay and time to run are of
// no interest while nobody takes a task.
void append_beanstalkd(std::string_view payload, std::string& out) {
  out += "put 1024 0 60 ";
  out += std::to_string(payload.size());
  out += "\r\n";
  out += payload;
  out += "\r\n";
}

}  // namespace

ParsedHead parse_answer(Wire wire, std::string_view bytes) {
  switch (wire) {
    case Wire::quern:
      return parse_head(bytes);
    case Wire::redis:
      return parse_line(bytes, ":", ":-");  // the list's new length, or an error
    case Wire::beanstalkd:
      return parse_line(bytes, "INSERTED ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    case Wire::rabbitmq:
    case Wire::rabbitmq_quorum: {
      const amqp::Confirm confirm = amqp::parse_confirm(bytes);
      switch (confirm.state) {
        case amqp::Confirm::State::partial:
          return {};
        case amqp::Confirm::State::malformed:
          return malformed;
        case amqp::Confirm::State::acknowledged:
          return answered(true, confirm.bytes);
        case amqp::Confirm::State::refused:
          return answered(false, confirm.bytes);
      }
    }
  }
  return malformed;
}

void append_submit(Wire wire, std::string_view queue, std::string_view payload, std::string& out) {
  switch (wire) {
    case Wire::quern:
      return;
    case Wire::redis:
      return append_redis(queue, payload, out);
    case Wire::beanstalkd:
      return append_beanstalkd(payload, out);
    case Wire::rabbitmq:
    case Wire::rabbitmq_quorum:
      return amqp::append_publish(queue, payload, out);
  }
}

void greet(Wire wire, int socket, const std::string& queue) {
  if (wire == Wire::rabbitmq) amqp::open(socket, queue, amqp::QueueType::classic);
  if (wire == Wire::rabbitmq_quorum) amqp::open(socket, queue, amqp::QueueType::quorum);
}

}  // namespace quern::bench
