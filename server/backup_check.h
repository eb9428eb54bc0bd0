// Is a backup what it ought to be? Every byte against its checksum, then all that the store in it
// holds against itself, as the doctor does with a data directory.
//
// Threads  any; it takes as long as reading the backup twice.
// Errors   those of storage/backups.h. What is wrong with the backup is no error.
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "quern/protocol/result.h"

namespace quern::server {

// What is wrong, in sentences; nothing: it is sound.
Result<std::vector<std::string>> check_backup(const std::filesystem::path& directory,
                                              std::uint32_t id, const std::stop_token& stop = {});

}  // namespace quern::server
