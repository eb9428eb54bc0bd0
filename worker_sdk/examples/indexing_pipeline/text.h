// From a file to plain text, and from text to chunks.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace pipeline {

// The text of a plain text, Markdown or HTML file, gunzipped if its name ends in .gz. Throws
// quern::Permanent for what no retry can mend, with a type to group by: Missing, TruncatedGzip,
// BrokenGzip, TooLarge, NotText.
std::string read_text(const std::filesystem::path& path);

// Pieces of about a thousand bytes that begin and end between words and overlap a little, so that a
// phrase on the border is whole in one of them.
std::vector<std::string> split(std::string_view text);

}  // namespace pipeline
