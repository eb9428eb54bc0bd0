#include "log_inspection.h"

#include <algorithm>
#include <string_view>

#include "checksum.h"
#include "store_error.h"

namespace quern::storage {
namespace {

constexpr std::size_t block_bytes = 32768;
constexpr std::size_t header_bytes = 7;
constexpr std::size_t batch_header_bytes = 12;  // sequence u64, count u32
constexpr char log_number_tag = 2;              // of a change in a MANIFEST

enum class Kind : std::uint8_t { padding = 0, full = 1, first = 2, middle = 3, last = 4 };

// Records about the log itself, in newer versions: compression, time stamps, the log before this
// one.
constexpr bool is_about_log(std::uint8_t type) {
  return type == 9 || type == 10 || type == 11 || type == 130 || type == 131;
}

std::uint64_t little_endian(std::string_view bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  return value;
}

bool all_zero(std::string_view bytes) {
  return bytes.find_first_not_of('\0') == std::string_view::npos;
}

struct Fragment {
  std::uint8_t type = 0;
  std::string_view data;
};

// The fragment that starts at `bytes`, a part of one block; nullopt: there is none.
std::optional<Fragment> fragment_at(std::string_view bytes, bool check) {
  if (bytes.size() < header_bytes) return std::nullopt;
  const auto length = static_cast<std::size_t>(little_endian(bytes.substr(4), 2));
  const auto type = static_cast<std::uint8_t>(bytes[6]);
  const bool known = (type >= 1 && type <= 4) || is_about_log(type);
  if (!known || length > bytes.size() - header_bytes) return std::nullopt;
  if (check) {
    const auto masked = static_cast<std::uint32_t>(little_endian(bytes, 4));
    const std::uint32_t rotated = masked - 0xa282ead8U;
    const std::uint32_t stored = (rotated >> 17) | (rotated << 15);
    if (stored != crc32c(bytes.substr(6, 1 + length))) return std::nullopt;
  }
  return Fragment{type, bytes.substr(header_bytes, length)};
}

class Inspector {
 public:
  explicit Inspector(LogDepth depth) : check_(depth == LogDepth::checksums) {}

  // `block` is whole but for the file's last.
  void add(std::string_view block) {
    std::size_t at = 0;
    while (at < block.size() && !found_.damaged) at = step(block, at);
    if (found_.damaged && !found_.begun_behind) search(block.substr(std::min(at, block.size())));
    found_.size += block.size();
  }

  LogInspection finish() {
    if (in_record_) found_.damaged = true;
    return found_;
  }

 private:
  // Reads what is at `at`; the offset behind it.
  std::size_t step(std::string_view block, std::size_t at) {
    const std::string_view rest = block.substr(at);
    // A header does not fit in here, so whatever it is says nothing.
    if (rest.size() < header_bytes && block.size() == block_bytes) return block.size();
    if (all_zero(rest.substr(0, header_bytes))) {
      // Nobody wrote here, or not until now. A record that goes on behind zeros is damaged.
      if (in_record_) return damage(at);
      zeros_ = true;
      const std::size_t next = rest.find_first_not_of('\0');
      return next == std::string_view::npos ? block.size() : at + next;
    }
    if (zeros_) return damage(at);
    const std::optional<Fragment> fragment = fragment_at(rest, check_);
    if (!fragment || !fits(*fragment)) return damage(at);
    const std::size_t behind = at + header_bytes + fragment->data.size();
    take(*fragment, found_.size + behind);
    return behind;
  }

  std::size_t damage(std::size_t at) {
    found_.damaged = true;
    return at;
  }

  bool fits(const Fragment& fragment) const {
    const auto kind = static_cast<Kind>(fragment.type);
    const bool goes_on = kind == Kind::middle || kind == Kind::last;
    return in_record_ == goes_on;
  }

  void take(const Fragment& fragment, std::uint64_t behind) {
    const auto kind = static_cast<Kind>(fragment.type);
    if (kind == Kind::full || kind == Kind::first) head_.clear();
    if (is_about_log(fragment.type)) {
      found_.intact_bytes = behind;
      return;
    }
    head_.append(fragment.data.substr(0, batch_header_bytes - head_.size()));
    in_record_ = kind == Kind::first || kind == Kind::middle;
    if (in_record_) return;
    found_.intact_bytes = behind;
    ++found_.record_count;
    if (head_.starts_with(log_number_tag)) ++found_.log_edit_count;
    if (head_.size() < batch_header_bytes) return;
    const std::uint64_t sequence = little_endian(head_, 8);
    const std::uint64_t count = little_endian(std::string_view(head_).substr(8), 4);
    if (found_.first_sequence == 0) found_.first_sequence = sequence;
    found_.last_sequence = sequence + count - 1;
  }

  // Looks at every byte, since the damage may have hit a length.
  void search(std::string_view bytes) {
    for (std::size_t at = 0; at + header_bytes <= bytes.size(); ++at) {
      const auto kind = static_cast<Kind>(bytes[at + 6]);
      if (kind != Kind::full && kind != Kind::first) continue;
      if (!fragment_at(bytes.substr(at), true)) continue;
      found_.begun_behind = true;
      return;
    }
  }

  const bool check_;
  LogInspection found_;
  bool zeros_ = false;      // where a record could begin, there were only zeros
  bool in_record_ = false;  // its first fragment was read and its last one was not
  std::string head_;        // of the record at hand
};

}  // namespace

Result<LogInspection> inspect_log(const Files& files, const std::string& path, LogDepth depth) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status =
      files.system->NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
  Inspector inspector(depth);
  std::string buffer(block_bytes, '\0');
  std::string block;
  while (status.ok()) {
    rocksdb::Slice part;
    status =
        file->Read(block_bytes - block.size(), rocksdb::IOOptions(), &part, buffer.data(), nullptr);
    if (part.empty()) break;
    block.append(part.data(), part.size());
    if (block.size() < block_bytes) continue;  // a short read, or the end
    inspector.add(block);
    block.clear();
  }
  if (!status.ok()) return unavailable("cannot read " + path + ": " + status.ToString());
  inspector.add(block);
  const LogInspection found = inspector.finish();
  if (found.damaged && depth == LogDepth::framing) {
    return inspect_log(files, path, LogDepth::checksums);
  }
  return found;
}

}  // namespace quern::storage
