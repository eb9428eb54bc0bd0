#include "quern/storage/keys.h"

#include <cassert>
#include <cstddef>

namespace quern::storage::keys {
namespace {

constexpr std::size_t id_size = 16;
constexpr std::uint32_t priority_max = 9;

// Negative times sort before positive ones once the sign bit is turned over.
constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63;

// Appends fields in key order; the size is known beforehand, so a key is one allocation.
class Writer {
 public:
  explicit Writer(std::size_t size) { key_.reserve(size); }

  Writer& u8(std::uint8_t value) {
    key_.push_back(static_cast<char>(value));
    return *this;
  }
  Writer& u32(std::uint32_t value) { return big_endian<4>(value); }
  Writer& time(Timestamp t) { return big_endian<8>(static_cast<std::uint64_t>(t.ms) ^ sign_bit); }
  Writer& id(const TaskId& id) { return text(id.view()); }
  Writer& text(std::string_view bytes) {
    key_.append(bytes);
    return *this;
  }
  std::string take() { return std::move(key_); }

 private:
  template <std::size_t Size>
  Writer& big_endian(std::uint64_t value) {
    for (std::size_t i = Size; i-- > 0;) key_.push_back(static_cast<char>(value >> (8 * i)));
    return *this;
  }

  std::string key_;
};

template <std::size_t Size>
std::uint64_t read_big_endian(std::string_view key, std::size_t offset) {
  assert(offset + Size <= key.size());
  std::uint64_t value = 0;
  for (const char c : key.substr(offset, Size)) {
    value = value << 8 | static_cast<std::uint8_t>(c);
  }
  return value;
}

Timestamp read_time(std::string_view key, std::size_t offset) {
  return {static_cast<std::int64_t>(read_big_endian<8>(key, offset) ^ sign_bit)};
}

}  // namespace

std::string task(const TaskId& id) {
  return Writer(4 + 1 + id_size).u32(id.queue()).u8(id.lane()).id(id).take();
}

std::string lane_prefix(QueueNumber queue, std::uint8_t lane) {
  return Writer(4 + 1).u32(queue).u8(lane).take();
}

std::string queue_prefix(QueueNumber queue) { return Writer(4).u32(queue).take(); }

TaskId task_id_of(std::string_view task_key) {
  assert(task_key.size() == 4 + 1 + id_size);
  return trailing_id(task_key);
}

TaskId trailing_id(std::string_view key) {
  assert(key.size() >= id_size);
  return TaskId::from_bytes(key.substr(key.size() - id_size));
}

std::string id(const TaskId& id) { return std::string(id.view()); }

std::string blob(const TaskId& id, BlobKind kind) {
  return Writer(id_size + 1).id(id).u8(static_cast<std::uint8_t>(kind)).take();
}

std::string failure(const TaskId& id, std::uint32_t number) {
  return Writer(id_size + 4).id(id).u32(number).take();
}

std::string ready(QueueNumber queue, std::uint32_t priority, const Ready& entry) {
  assert(priority <= priority_max);
  return Writer(4 + 1 + 8 + id_size)
      .u32(queue)
      .u8(static_cast<std::uint8_t>(priority_max - priority))
      .time(entry.ready_at)
      .id(entry.id)
      .take();
}

std::string ready_prefix(QueueNumber queue, std::uint32_t priority) {
  assert(priority <= priority_max);
  return Writer(4 + 1).u32(queue).u8(static_cast<std::uint8_t>(priority_max - priority)).take();
}

Ready parse_ready(std::string_view key) {
  assert(key.size() == 4 + 1 + 8 + id_size);
  return {.ready_at = read_time(key, 5), .id = trailing_id(key)};
}

std::string timer(const Timer& timer) {
  return Writer(8 + 1 + id_size)
      .time(timer.due)
      .u8(static_cast<std::uint8_t>(timer.kind))
      .id(timer.id)
      .take();
}

Timer parse_timer(std::string_view key) {
  assert(key.size() == 8 + 1 + id_size);
  return {.due = read_time(key, 0),
          .kind = static_cast<TimerKind>(read_big_endian<1>(key, 8)),
          .id = trailing_id(key)};
}

std::string finished(QueueNumber queue, FinishedClass finished_class, const Finished& entry) {
  return Writer(4 + 1 + 8 + id_size)
      .u32(queue)
      .u8(static_cast<std::uint8_t>(finished_class))
      .time(entry.at)
      .id(entry.id)
      .take();
}

std::string finished_prefix(QueueNumber queue, FinishedClass finished_class) {
  return Writer(4 + 1).u32(queue).u8(static_cast<std::uint8_t>(finished_class)).take();
}

Finished parse_finished(std::string_view key) {
  assert(key.size() == 4 + 1 + 8 + id_size);
  return {.at = read_time(key, 5), .id = trailing_id(key)};
}

std::string idempotency(QueueNumber queue, std::string_view key) {
  return Writer(4 + key.size()).u32(queue).text(key).take();
}

std::string correlation(std::string_view correlation_id, const TaskId& id) {
  return Writer(correlation_id.size() + 1 + id_size).text(correlation_id).u8(0).id(id).take();
}

std::string correlation_prefix(std::string_view correlation_id) {
  assert(correlation_id.find('\0') == std::string_view::npos);
  return Writer(correlation_id.size() + 1).text(correlation_id).u8(0).take();
}

std::string moved(QueueNumber queue, const TaskId& id) {
  return Writer(4 + id_size).u32(queue).id(id).take();
}

std::string queue(QueueNumber queue) { return Writer(4).u32(queue).take(); }

QueueNumber parse_queue(std::string_view key) {
  return static_cast<QueueNumber>(read_big_endian<4>(key, 0));
}

}  // namespace quern::storage::keys
