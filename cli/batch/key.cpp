#include "batch/key.h"

#include <openssl/sha.h>

#include <array>

namespace quern::cli {
namespace {

// Length and bytes, so that two fields cannot be mistaken for one.
void add(std::string& content, const std::string& field) {
  content += std::to_string(field.size()) + ":" + field;
}

template <typename T>
void add(std::string& content, const std::optional<T>& number) {
  add(content, number ? std::to_string(*number) : std::string());
}

void add(std::string& content, std::optional<Duration> duration) {
  add(content, duration ? std::to_string(duration->count()) : std::string());
}

void add(std::string& content, std::optional<Timestamp> time) {
  add(content, time ? std::to_string(time->ms) : std::string());
}

void add_retry(std::string& content, const RetryOverride& retry) {
  add(content, retry.strategy ? std::string(to_string(*retry.strategy)) : std::string());
  add(content, retry.base);
  add(content, retry.factor);
  add(content, retry.max);
  add(content, retry.jitter);
}

}  // namespace

std::string batch_key(const std::string& prefix, std::uint64_t line, const NewTask& task) {
  std::string content;
  for (const std::string* field : {&task.queue, &task.type, &task.payload, &task.correlation_id}) {
    add(content, *field);
  }
  add(content, task.priority);
  add(content, task.max_attempts);
  for (const auto& duration : {task.delay, task.ttl, task.lease, task.timeout}) {
    add(content, duration);
  }
  add(content, task.run_at);
  add(content, task.expires_at);
  add_retry(content, task.retry.value_or(RetryOverride{}));
  for (const auto& [name, value] : task.metadata) {
    add(content, name);
    add(content, value);
  }
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(content.data()), content.size(), digest.data());
  static constexpr char digits[] = "0123456789abcdef";
  std::string key = prefix + ":" + std::to_string(line) + ":";
  for (std::size_t i = 0; i < 16; ++i) {
    key += digits[digest[i] >> 4];
    key += digits[digest[i] & 15];
  }
  return key;
}

}  // namespace quern::cli
