// A value that one thread publishes and any thread reads whole, without a lock.
//
// Shape    a sequence lock: the version is odd while the value is being written, and a reader that
//          sees it change looks again. The words are stored with release and loaded with acquire
//          instead of fences, which thread sanitizers do not see; on x86 both are plain moves.
// Threads  store(): one. load(): any; it waits for no longer than one store() takes.
// Source   H. Boehm, "Can Seqlocks Get Along With Programming Language Memory Models?", MSPC 2012.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>

namespace quern::engine {

template <typename T>
class Published {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(std::uint64_t) == 0);

 public:
  void store(const T& value) {
    const auto words = std::bit_cast<Words>(value);
    const std::uint64_t version = version_.load(std::memory_order_relaxed);
    version_.store(version + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < word_count; ++i) {
      words_[i].store(words[i], std::memory_order_release);
    }
    version_.store(version + 2, std::memory_order_release);
  }

  T load() const {
    for (;;) {
      Words words;
      const std::uint64_t version = version_.load(std::memory_order_acquire);
      for (std::size_t i = 0; i < word_count; ++i) {
        words[i] = words_[i].load(std::memory_order_acquire);
      }
      const bool whole = version % 2 == 0 && version_.load(std::memory_order_relaxed) == version;
      if (whole) return std::bit_cast<T>(words);
      std::this_thread::yield();
    }
  }

 private:
  static constexpr std::size_t word_count = sizeof(T) / sizeof(std::uint64_t);
  using Words = std::array<std::uint64_t, word_count>;

  std::atomic<std::uint64_t> version_{0};
  std::array<std::atomic<std::uint64_t>, word_count> words_{};
};

}  // namespace quern::engine
