// What an operator asks of a server as a whole: to drain, to keep backups.
//
// Source   docs/openapi.yaml, /admin.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quern/protocol/timestamp.h"

namespace quern {

// How far a drain has come.
struct DrainStatus {
  std::uint64_t running = 0;  // tasks that workers still hold

  bool drained() const { return running == 0; }
};

// The status as one line of JSON, in the words of the HTTP API; so for the others below.
std::string to_json(const DrainStatus& status);

struct Backup {
  std::uint32_t id = 0;         // the higher, the newer
  bool damaged = false;         // files are missing or cut short: of all others only `id` counts
  Timestamp created_at;         // everything that was answered before then is in it
  std::uint64_t bytes = 0;      // of all its files
  std::uint64_t own_bytes = 0;  // of those that no other backup shares
  std::uint64_t file_count = 0;
};
std::string to_json(const Backup& backup);

// What a look at every byte of a backup came to.
struct BackupCheck {
  std::uint32_t id = 0;
  std::vector<std::string> findings = {};  // what is wrong with it, in sentences

  bool sound() const { return findings.empty(); }
};
std::string to_json(const BackupCheck& check);

}  // namespace quern
