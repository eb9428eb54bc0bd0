// Files that hold or name secrets: nobody but their owner may use them.
//
// Errors   invalid_argument, in words for the operator: the file, and what is wrong with it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "quern/protocol/result.h"

namespace quern::access {

inline constexpr std::size_t private_file_bytes_max = std::size_t{16} << 20;

// Refuses a file that others than its owner can read or write, and what is no file at all.
Result<std::string> read_private_file(const std::filesystem::path& path);

// Adds to its end; made when absent. On return the text is on disk.
Result<void> append_private_file(const std::filesystem::path& path, std::string_view text);

// A new file; one that is there already is left alone.
Result<void> create_private_file(const std::filesystem::path& path, std::string_view text);

}  // namespace quern::access
