#include "amqp.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <stdexcept>

namespace quern::bench::amqp {
namespace {

// A method's class and number in one, as they stand behind each other in a frame.
enum class Method : std::uint32_t {
  connection_start = 10 << 16 | 10,
  connection_start_ok = 10 << 16 | 11,
  connection_tune = 10 << 16 | 30,
  connection_tune_ok = 10 << 16 | 31,
  connection_open = 10 << 16 | 40,
  connection_open_ok = 10 << 16 | 41,
  channel_open = 20 << 16 | 10,
  channel_open_ok = 20 << 16 | 11,
  queue_declare = 50 << 16 | 10,
  queue_declare_ok = 50 << 16 | 11,
  basic_publish = 60 << 16 | 40,
  basic_ack = 60 << 16 | 80,
  confirm_select = 85 << 16 | 10,
  confirm_select_ok = 85 << 16 | 11,
};

constexpr char method_frame = 1;
constexpr char header_frame = 2;
constexpr char body_frame = 3;
constexpr char frame_end = '\xce';
constexpr std::size_t frame_head_bytes = 7;  // type, channel, size
// RabbitMQ's default; a broker that allows less refuses the greeting.
constexpr std::size_t frame_bytes_max = 131072;
constexpr std::size_t body_bytes_max = frame_bytes_max - frame_head_bytes - 1;
constexpr timeval answer_timeout{.tv_sec = 30, .tv_usec = 0};  // a first quorum queue takes seconds

void append_number(std::string& out, std::uint64_t number, int bytes) {
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
    out += static_cast<char>(number >> shift);
}

void append_short_string(std::string& out, std::string_view text) {
  append_number(out, text.size(), 1);
  out += text;
}

void append_long_string(std::string& out, std::string_view text) {
  append_number(out, text.size(), 4);
  out += text;
}

std::uint64_t number_at(std::string_view bytes, std::size_t from, std::size_t size) {
  std::uint64_t number = 0;
  for (std::size_t i = from; i < from + size; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return number;
}

void append_frame(std::string& out, char type, int channel, std::string_view content) {
  out += type;
  append_number(out, static_cast<std::uint64_t>(channel), 2);
  append_long_string(out, content);
  out += frame_end;
}

void append_method(std::string& out, int channel, Method method, std::string_view arguments) {
  std::string content;
  append_number(content, static_cast<std::uint32_t>(method), 4);
  content += arguments;
  append_frame(out, method_frame, channel, content);
}

struct Frame {
  char type = 0;
  std::string_view content;
  std::size_t bytes = 0;
};

// Nothing until the frame is whole; one that does not end where it says has no type.
std::optional<Frame> parse_frame(std::string_view bytes) {
  if (bytes.size() < frame_head_bytes) return std::nullopt;
  const std::size_t size = number_at(bytes, 3, 4);
  if (bytes.size() < frame_head_bytes + size + 1) return std::nullopt;
  if (bytes[frame_head_bytes + size] != frame_end) return Frame{};
  return Frame{bytes[0], bytes.substr(frame_head_bytes, size), frame_head_bytes + size + 1};
}

std::optional<Method> method_of(const Frame& frame) {
  if (frame.type != method_frame || frame.content.size() < 4) return std::nullopt;
  return static_cast<Method>(number_at(frame.content, 0, 4));
}

// The broker's side of the greeting, one method at a time.
class Greeting {
 public:
  explicit Greeting(int socket) : socket_(socket) {
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &answer_timeout, sizeof answer_timeout);
  }

  void say(std::string_view bytes) const {
    if (send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) !=
        static_cast<ssize_t>(bytes.size())) {
      throw std::runtime_error("AMQP: the broker does not take the greeting");
    }
  }

  void say(int channel, Method method, std::string_view arguments) const {
    std::string frame;
    append_method(frame, channel, method, arguments);
    say(frame);
  }

  void expect(Method method) {
    std::optional<Frame> frame;
    while (!(frame = parse_frame(received_))) receive();
    if (method_of(*frame) != method) throw std::runtime_error("AMQP: " + refusal(frame->content));
    received_.erase(0, frame->bytes);
  }

 private:
  void receive() {
    std::string buffer(4096, '\0');
    const ssize_t n = recv(socket_, buffer.data(), buffer.size(), 0);
    if (n <= 0) throw std::runtime_error("AMQP: the broker does not answer the greeting");
    received_.append(buffer, 0, static_cast<std::size_t>(n));
  }

  // connection.close and channel.close say why: a code, then a short string.
  static std::string refusal(std::string_view content) {
    constexpr std::size_t text = 7;
    if (content.size() <= text) return "not the answer to the greeting";
    const auto size = static_cast<std::size_t>(number_at(content, text - 1, 1));
    return std::string(content.substr(text, size));
  }

  int socket_;
  std::string received_;
};

std::string start_ok() {
  std::string arguments;
  append_long_string(arguments, "");  // client properties
  append_short_string(arguments, "PLAIN");
  append_long_string(arguments, std::string_view("\0guest\0guest", 12));
  append_short_string(arguments, "en_US");
  return arguments;
}

std::string tune_ok() {
  std::string arguments;
  append_number(arguments, 1, 2);  // channels
  append_number(arguments, frame_bytes_max, 4);
  append_number(arguments, 0, 2);  // no heartbeats
  return arguments;
}

std::string declare(const std::string& queue, QueueType type) {
  constexpr std::uint64_t durable = 2;
  std::string table;
  append_short_string(table, "x-queue-type");
  table += 'S';
  append_long_string(table, type == QueueType::quorum ? "quorum" : "classic");
  std::string arguments;
  append_number(arguments, 0, 2);
  append_short_string(arguments, queue);
  append_number(arguments, durable, 1);
  append_long_string(arguments, table);
  return arguments;
}

}  // namespace

void open(int socket, const std::string& queue, QueueType type) {
  using namespace std::string_view_literals;
  Greeting greeting(socket);
  greeting.say("AMQP\0\0\x09\x01"sv);
  greeting.expect(Method::connection_start);
  greeting.say(0, Method::connection_start_ok, start_ok());
  greeting.expect(Method::connection_tune);
  greeting.say(0, Method::connection_tune_ok, tune_ok());
  greeting.say(0, Method::connection_open, "\x01/\0\0"sv);
  greeting.expect(Method::connection_open_ok);
  greeting.say(1, Method::channel_open, "\0"sv);
  greeting.expect(Method::channel_open_ok);
  greeting.say(1, Method::queue_declare, declare(queue, type));
  greeting.expect(Method::queue_declare_ok);
  greeting.say(1, Method::confirm_select, "\0"sv);
  greeting.expect(Method::confirm_select_ok);
}

void append_publish(std::string_view queue, std::string_view payload, std::string& out) {
  constexpr std::uint64_t has_delivery_mode = 1 << 12;
  constexpr std::uint64_t persistent = 2;
  std::string arguments;
  append_number(arguments, 0, 2);
  append_short_string(arguments, "");  // the default exchange: by the queue's name
  append_short_string(arguments, queue);
  append_number(arguments, 0, 1);
  append_method(out, 1, Method::basic_publish, arguments);

  std::string header;
  append_number(header, 60, 2);  // class basic
  append_number(header, 0, 2);
  append_number(header, payload.size(), 8);
  append_number(header, has_delivery_mode, 2);
  append_number(header, persistent, 1);
  append_frame(out, header_frame, 1, header);

  for (std::size_t from = 0; from < payload.size(); from += body_bytes_max) {
    append_frame(out, body_frame, 1, payload.substr(from, body_bytes_max));
  }
}

Confirm parse_confirm(std::string_view bytes) {
  const std::optional<Frame> frame = parse_frame(bytes);
  if (!frame) return {};
  const std::optional<Method> method = method_of(*frame);
  if (!method) return {Confirm::State::malformed, 0};
  const bool acknowledged = *method == Method::basic_ack;
  return {acknowledged ? Confirm::State::acknowledged : Confirm::State::refused, frame->bytes};
}

}  // namespace quern::bench::amqp
