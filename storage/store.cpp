#include "quern/storage/store.h"

namespace quern::storage {

std::string prefix_end(std::string_view prefix) {
  // A byte of 0xff has no successor: the one before it must grow instead.
  while (!prefix.empty() && prefix.back() == '\xff') prefix.remove_suffix(1);
  std::string end(prefix);
  if (!end.empty()) end.back() = static_cast<char>(static_cast<unsigned char>(end.back()) + 1);
  return end;
}

Range prefix_range(std::string_view prefix, Direction direction) {
  return {.begin = std::string(prefix), .end = prefix_end(prefix), .direction = direction};
}

}  // namespace quern::storage
