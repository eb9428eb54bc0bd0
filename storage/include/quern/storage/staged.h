// Changes on their way into one batch, readable before they are committed.
//
// Shape    reads see the staged writes over `base`. Several writes to a key become one: the last.
//          A visitor may stage writes (not take()); its scan may or may not see them.
// Threads  none: the engine's thread owns it.
// Errors   those of `base`.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "quern/storage/store.h"

namespace quern::storage {

class Staged final : public Reader {
 public:
  explicit Staged(const Reader& base) : base_(base) {}

  void put(Table table, std::string key, std::string value);
  void erase(Table table, std::string key);

  Result<bool> get(Table table, std::string_view key, std::string& value) const override;
  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override;

  bool empty() const { return count_ == 0; }
  // Of keys and values staged since the last take().
  std::size_t byte_count() const { return byte_count_; }
  // Hands over what was staged and starts afresh.
  Batch take();

 private:
  using Writes = std::map<std::string, std::optional<std::string>, std::less<>>;

  void set(Table table, std::string key, std::optional<std::string> value);

  const Reader& base_;
  std::array<Writes, 16> writes_;  // by table
  std::size_t count_ = 0;
  std::size_t byte_count_ = 0;
};

}  // namespace quern::storage
