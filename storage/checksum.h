// CRC-32C (Castagnoli), as RocksDB's logs and our own files use it.
#pragma once

#include <cstdint>
#include <string_view>

namespace quern::storage {

std::uint32_t crc32c(std::string_view bytes);

}  // namespace quern::storage
