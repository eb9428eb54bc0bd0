// What a FaultyDisk holds when the power is back.

#include "disk_state.h"

namespace quern::storage::test {
namespace {

using File = FaultyDisk::File;
using Folder = FaultyDisk::Folder;

constexpr std::size_t sector_bytes = 512;

// Bytes of the last sync, and of what was written since any sectors up to anywhere.
std::string torn(const File& file, std::mt19937_64& random) {
  if (file.bytes.size() < file.synced.size() || random() % 4 == 0) return file.synced;
  const std::size_t end =
      file.synced.size() + random() % (file.bytes.size() - file.synced.size() + 1);
  std::string bytes = file.bytes.substr(0, end);
  std::string before = file.synced;
  before.resize(end);
  const bool by_sectors = random() % 2 == 0;
  for (std::size_t at = 0; by_sectors && at < end; at += sector_bytes) {
    const std::size_t count = std::min(sector_bytes, end - at);
    if (random() % 3 == 0) bytes.replace(at, count, before, at, count);
  }
  return bytes;
}

class Aftermath {
 public:
  Aftermath(Survival survival, std::mt19937_64& random) : survival_(survival), random_(random) {}

  std::shared_ptr<Folder> folder(const Folder& before) {
    auto after = std::make_shared<Folder>();
    Entries entries = survival_ == Survival::everything ? before.entries : before.synced;
    if (survival_ == Survival::torn) {
      const std::size_t kept = random_() % (before.steps.size() + 1);
      for (std::size_t i = 0; i < kept; ++i) before.steps[i](entries);
    }
    for (const auto& [name, node] : entries) {
      if (const auto* file = std::get_if<std::shared_ptr<File>>(&node)) {
        after->entries[name] = this->file(**file);
      } else {
        after->entries[name] = folder(*std::get<std::shared_ptr<Folder>>(node));
      }
    }
    after->sync();
    return after;
  }

 private:
  std::shared_ptr<File> file(const File& before) {
    auto after = std::make_shared<File>();
    after->bytes = survival_ == Survival::everything    ? before.bytes
                   : survival_ == Survival::synced_only ? before.synced
                                                        : torn(before, random_);
    after->synced = after->bytes;
    return after;
  }

  Survival survival_;
  std::mt19937_64& random_;
};

}  // namespace

std::shared_ptr<Folder> after_power_cut(const Folder& before, Survival survival,
                                        std::mt19937_64& random) {
  return Aftermath(survival, random).folder(before);
}

}  // namespace quern::storage::test
