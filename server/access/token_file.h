// The file that --tokens names: one token a line, by its digest.
//
// Shape    name role sha256:<64 hexadecimal digits> [queues=<pattern>,...] [expires=<RFC 3339>]
//          Fields are separated by blanks. Empty lines and those that start with # say nothing.
// Errors   invalid_argument, in words for the operator: the file, the line, what is wrong. They
// never
//          repeat a digest, nor what could be a token by mistake.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "access/token_set.h"

namespace quern::access {

// `source` names the text in errors.
Result<TokenSet> parse_tokens(std::string_view text, const std::string& source);

// Refuses a file that others than its owner can read or write, and one that has no tokens.
Result<TokenSet> read_token_file(const std::filesystem::path& path);

// Whether a line, without its line feed, is a token's.
Result<void> check_token_line(std::string_view line);

// Adds such a line to the file, which is made with mode 0600 when absent. On return it is on disk.
// Refused as reading would refuse the whole afterwards.
Result<void> append_token_line(const std::filesystem::path& path, const std::string& line);

}  // namespace quern::access
