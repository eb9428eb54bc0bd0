// What a RocksDB log file (the write-ahead log, a MANIFEST) holds, told from its bytes alone.
//
// RocksDB itself only says whether it could read a log. What is to be done about a damaged one
// depends on where the damage is: a commit begins after the one before it was synced, so damage
// with the beginning of a later commit behind it is in something that was synced; damage with
// nothing behind it may be a commit that a power cut left unfinished.
//
// Source   the format is RocksDB's public one ("Write Ahead Log File Format"): blocks of 32 KiB, in
//          them fragments of checksum u32 (masked CRC-32C), length u16, type u8, data; little
//          endian. A record of the write-ahead log starts with sequence u64 and count u32.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "files.h"

namespace quern::storage {

enum class LogDepth : std::uint8_t {
  framing,    // lengths and types: as quick as reading the file
  checksums,  // and every checksum
};

struct LogInspection {
  std::uint64_t size = 0;          // bytes of the file
  std::uint64_t intact_bytes = 0;  // of them before the first that is not part of a whole record
  bool damaged = false;            // something is behind those, and it is not just zeros
  bool begun_behind = false;  // the beginning of a record, its checksum right, is behind damage
  std::uint64_t record_count = 0;  // of the intact part
  // Of a write-ahead log's intact part: the first write's sequence and the last one's; 0: none.
  std::uint64_t first_sequence = 0;
  std::uint64_t last_sequence = 0;
  // Of a MANIFEST's intact part: changes that say which log a family needs first. They begin with
  // it.
  std::uint64_t log_edit_count = 0;
};

// Looks at checksums, too, once the framing is broken.
Result<LogInspection> inspect_log(const Files& files, const std::string& path, LogDepth depth);

}  // namespace quern::storage
