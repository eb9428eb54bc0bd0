// What is inside a FaultyDisk: folders, files, and what each call does to them.
//
// Threads  State::mutex guards everything.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "faulty_disk.h"

namespace quern::storage::test {

inline rocksdb::IOStatus power_is_off() { return rocksdb::IOStatus::IOError("the power is off"); }
inline rocksdb::IOStatus no_such_file(const std::string& path) {
  return rocksdb::IOStatus::PathNotFound(path);
}

// RocksDB joins names with one slash or two, and ends folders with one or none.
inline std::string trimmed(std::string path) {
  while (path.ends_with('/')) path.pop_back();
  return path;
}

inline std::string parent_of(const std::string& path) {
  const std::string full = trimmed(path);
  const std::size_t slash = full.rfind('/');
  return slash == std::string::npos ? std::string() : trimmed(full.substr(0, slash));
}

inline std::string name_of(const std::string& path) {
  const std::string full = trimmed(path);
  return full.substr(full.rfind('/') + 1);
}

struct FaultyDisk::File {
  std::string bytes;
  std::string synced;
};

using Node = std::variant<std::shared_ptr<FaultyDisk::File>, std::shared_ptr<FaultyDisk::Folder>>;
using Entries = std::map<std::string, Node>;

struct FaultyDisk::Folder {
  Entries entries;
  Entries synced;
  std::vector<std::function<void(Entries&)>> steps;  // from `synced` to `entries`

  void step(std::function<void(Entries&)> change) {
    change(entries);
    steps.push_back(std::move(change));
  }
  void sync() {
    synced = entries;
    steps.clear();
  }
};

struct FaultyDisk::State {
  mutable std::recursive_mutex mutex;  // the handler of a power cut looks at the disk
  std::shared_ptr<Folder> root = std::make_shared<Folder>();
  bool power = true;
  std::uint64_t calls = 0;
  std::optional<std::uint64_t> cut_at;
  bool cut_after = false;
  std::function<void()> power_cut_handler;
  std::vector<Fault> faults;
  std::uint64_t failed = 0;

  const Node* find(const std::string& path) const {
    const std::string parent = parent_of(path);
    const std::string name = name_of(path);
    if (name.empty() && parent.empty()) return nullptr;
    const Folder* folder = root.get();
    if (!parent.empty()) {
      const Node* node = find(parent);
      const auto* found = node == nullptr ? nullptr : std::get_if<std::shared_ptr<Folder>>(node);
      if (found == nullptr) return nullptr;
      folder = found->get();
    }
    const auto entry = folder->entries.find(name);
    return entry == folder->entries.end() ? nullptr : &entry->second;
  }
  std::shared_ptr<File> file(const std::string& path) const {
    const Node* node = find(path);
    const auto* found = node == nullptr ? nullptr : std::get_if<std::shared_ptr<File>>(node);
    return found == nullptr ? nullptr : *found;
  }
  std::shared_ptr<Folder> folder(const std::string& path) const {
    if (trimmed(path).empty()) return root;
    const Node* node = find(path);
    const auto* found = node == nullptr ? nullptr : std::get_if<std::shared_ptr<Folder>>(node);
    return found == nullptr ? nullptr : *found;
  }

  // What a Fault does to this call, if one does.
  const Fault* fault_of(const std::string& path, DiskCall call, Fault& hit) {
    const std::string name = name_of(path);
    for (auto fault = faults.begin(); fault != faults.end(); ++fault) {
      const bool same_file = fault->ending == "MANIFEST" ? name.starts_with("MANIFEST")
                                                         : name.ends_with(fault->ending);
      if (fault->call != call || !same_file) continue;
      if (fault->skip > 0) {
        --fault->skip;
        continue;
      }
      hit = *fault;
      if (!fault->for_good) faults.erase(fault);
      ++failed;
      return &hit;
    }
    return nullptr;
  }

  // OK unless the power is off or a fault hits a look at the disk; the lock is held.
  rocksdb::IOStatus look(const std::string& path) {
    if (!power) return power_is_off();
    Fault hit;
    const Fault* fault = fault_of(path, DiskCall::read, hit);
    return fault == nullptr ? rocksdb::IOStatus::OK() : fault->status;
  }

  // Does `effect` unless the power is off or a fault hits; the lock is held.
  rocksdb::IOStatus change(const std::string& path, DiskCall call,
                           const std::function<rocksdb::IOStatus()>& effect,
                           const std::function<void()>& half = nullptr) {
    if (!power) return power_is_off();
    ++calls;
    const bool cut = cut_at && calls >= *cut_at;
    if (cut && !cut_after) return turn_off();
    Fault hit;
    if (const Fault* fault = fault_of(path, call, hit)) {
      if (fault->half_done && half) half();
      return fault->status;
    }
    rocksdb::IOStatus status = effect();
    return cut ? turn_off() : status;
  }

  rocksdb::IOStatus turn_off() {
    power = false;
    if (power_cut_handler) power_cut_handler();
    return power_is_off();
  }
};

// `survival` of what was not synced. `random`: for Survival::torn alone.
std::shared_ptr<FaultyDisk::Folder> after_power_cut(const FaultyDisk::Folder& before,
                                                    Survival survival, std::mt19937_64& random);

// Open files.
std::unique_ptr<rocksdb::FSSequentialFile> open_sequential(std::shared_ptr<FaultyDisk::State> state,
                                                           std::shared_ptr<FaultyDisk::File> file);
std::unique_ptr<rocksdb::FSRandomAccessFile> open_random_access(
    std::shared_ptr<FaultyDisk::State> state, std::shared_ptr<FaultyDisk::File> file);
std::unique_ptr<rocksdb::FSWritableFile> open_writable(std::shared_ptr<FaultyDisk::State> state,
                                                       std::shared_ptr<FaultyDisk::File> file,
                                                       std::string path);
std::unique_ptr<rocksdb::FSRandomRWFile> open_in_place(std::shared_ptr<FaultyDisk::State> state,
                                                       std::shared_ptr<FaultyDisk::File> file,
                                                       std::string path);
std::unique_ptr<rocksdb::FSDirectory> open_folder(std::shared_ptr<FaultyDisk::State> state,
                                                  std::shared_ptr<FaultyDisk::Folder> folder,
                                                  std::string path);

}  // namespace quern::storage::test
