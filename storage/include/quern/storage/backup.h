// A copy of a store in a backup directory, as it is listed.
#pragma once

#include <cstdint>
#include <string>

#include "quern/protocol/timestamp.h"

namespace quern::storage {

struct Backup {
  std::uint32_t id = 0;         // 1, 2, …: the higher, the newer
  Timestamp created_at;         // all that was answered before then is in it
  std::uint64_t bytes = 0;      // of all its files
  std::uint64_t own_bytes = 0;  // of those that no other backup shares: what removing it would free
  std::uint64_t file_count = 0;
  std::string store_id;  // of the store that it is a copy of
  bool damaged = false;  // files are missing or cut short: then only `id` says something
};

}  // namespace quern::storage
