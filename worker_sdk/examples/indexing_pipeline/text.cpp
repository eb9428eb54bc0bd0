#include "text.h"

#include <quern/errors.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>

namespace pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t text_bytes_max = 16 * 1024 * 1024;
constexpr std::size_t chunk_bytes = 1'000;
constexpr std::size_t overlap_bytes = 100;

std::string read_file(const fs::path& path) {
  if (!fs::exists(path)) throw quern::Permanent("there is no " + path.string(), "Missing");
  if (fs::file_size(path) > text_bytes_max) {
    throw quern::Permanent(path.string() + " is larger than 16 MiB", "TooLarge");
  }
  std::ifstream file(path, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(file), {}};
  // Perhaps the disk is only away for a moment: any other exception than Permanent is retried.
  if (!file) throw std::runtime_error("cannot read " + path.string());
  return bytes;
}

std::string gunzip(const std::string& bytes, const fs::path& path) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) throw std::bad_alloc();
  const std::unique_ptr<z_stream, int (*)(z_stream*)> end(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string text;
  std::array<char, 64 * 1024> buffer;
  for (;;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    const int status = inflate(&stream, Z_NO_FLUSH);
    text.append(buffer.data(), buffer.size() - stream.avail_out);
    if (text.size() > text_bytes_max) {
      throw quern::Permanent(path.string() + " unpacks to more than 16 MiB", "TooLarge");
    }
    if (status == Z_STREAM_END) {
      if (stream.avail_in == 0) return text;
      inflateReset(&stream);  // another member follows
    } else if (status == Z_BUF_ERROR ||
               (status == Z_OK && stream.avail_in == 0 && stream.avail_out != 0)) {
      throw quern::Permanent(path.string() + ": the gzip stream ends too early", "TruncatedGzip");
    } else if (status != Z_OK) {
      throw quern::Permanent(path.string() + ": " + (stream.msg ? stream.msg : "not gzip"),
                             "BrokenGzip");
    }
  }
}

// How many bytes the UTF-8 character at the front takes; 0 when there is none.
std::size_t character_bytes(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t count = first < 0x80   ? 1
                            : first < 0xC2 ? 0
                            : first < 0xE0 ? 2
                            : first < 0xF0 ? 3
                            : first < 0xF5 ? 4
                                           : 0;
  if (count > text.size()) return 0;
  for (std::size_t i = 1; i < count; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  return count;
}

void check_text(std::string_view text, const fs::path& path) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t count = character_bytes(text.substr(at));
    if (count == 0 || text[at] == '\0') {
      throw quern::Permanent(path.string() + " is not text: byte " + std::to_string(at) +
                                 (count == 0 ? " is not UTF-8" : " is NUL"),
                             "NotText");
    }
    at += count;
  }
}

bool starts_with_tag(std::string_view text, std::string_view name) {
  return text.size() > name.size() &&
         std::equal(name.begin(), name.end(), text.begin() + 1, [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

// Text without markup: tags become blanks, scripts and styles go, the common entities are decoded.
std::string strip_html(std::string_view html) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> entities{
      {{"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&nbsp;", " "}, {"&amp;", "&"}}};
  std::string text;
  for (std::size_t at = 0; at < html.size();) {
    const std::string_view rest = html.substr(at);
    if (rest[0] == '<') {
      const std::string_view end = starts_with_tag(rest, "script")  ? "</script"
                                   : starts_with_tag(rest, "style") ? "</style"
                                   : rest.starts_with("<!--")       ? "-->"
                                                                    : ">";
      const std::size_t close = rest.find('>', std::min(rest.find(end), rest.size()));
      at = close == rest.npos ? html.size() : at + close + 1;
      text += ' ';
      continue;
    }
    const auto entity = std::find_if(entities.begin(), entities.end(),
                                     [&](const auto& e) { return rest.starts_with(e.first); });
    text += entity == entities.end() ? rest.substr(0, 1) : entity->second;
    at += entity == entities.end() ? 1 : entity->first.size();
  }
  return text;
}

bool is_html(fs::path path) {
  if (path.extension() == ".gz") path = path.stem();
  return path.extension() == ".html" || path.extension() == ".htm";
}

// The last blank in `text`, or where a character begins near its end if there is none.
std::size_t last_border(std::string_view text) {
  const std::size_t blank = text.find_last_of(" \n\t");
  if (blank != text.npos && blank > overlap_bytes) return blank;
  std::size_t at = text.size() - 1;
  while (at > 1 && (static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) --at;
  return at;
}

}  // namespace

std::string read_text(const fs::path& path) {
  std::string text = read_file(path);
  if (path.extension() == ".gz") text = gunzip(text, path);
  check_text(text, path);
  return is_html(path) ? strip_html(text) : text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> chunks;
  while (text.size() > chunk_bytes) {
    const std::size_t end = last_border(text.substr(0, chunk_bytes));
    chunks.emplace_back(text.substr(0, end));
    const std::size_t blank = text.find_first_of(" \n\t", end - overlap_bytes);
    text.remove_prefix(std::min(blank, end));
  }
  if (!text.empty()) chunks.emplace_back(text);
  return chunks;
}

}  // namespace pipeline
