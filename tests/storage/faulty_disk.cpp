#include "faulty_disk.h"

#include <rocksdb/system_clock.h>

#include <stdexcept>
#include <thread>
#include <utility>

#include "big_endian.h"
#include "disk_state.h"

namespace quern::storage::test {
namespace {

using rocksdb::IOStatus;
using State = FaultyDisk::State;
using File = FaultyDisk::File;
using Folder = FaultyDisk::Folder;

class Silent final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
  std::size_t GetLogFileSize() const override { return 0; }  // else RocksDB calls it broken
};

void list(const Folder& folder, const std::string& path, std::vector<std::string>& out) {
  for (const auto& [name, node] : folder.entries) {
    const std::string full = path + "/" + name;
    if (const auto* inner = std::get_if<std::shared_ptr<Folder>>(&node)) {
      list(**inner, full, out);
    } else {
      out.push_back(full);
    }
  }
}

// Of each entry: kind u8 (0 file, 1 folder), path and bytes with their lengths u64; a folder before
// what is in it.
void append_image(const Folder& folder, const std::string& path, std::string& image) {
  const auto append = [&image](std::string_view bytes) {
    append_big_endian(image, std::uint64_t{bytes.size()});
    image += bytes;
  };
  for (const auto& [name, node] : folder.entries) {
    const auto* file = std::get_if<std::shared_ptr<File>>(&node);
    image.push_back(file == nullptr ? 1 : 0);
    append(path + "/" + name);
    append(file == nullptr ? std::string_view() : std::string_view((*file)->bytes));
    if (file == nullptr) {
      append_image(*std::get<std::shared_ptr<Folder>>(node), path + "/" + name, image);
    }
  }
}

class HurriedClock final : public rocksdb::SystemClockWrapper {
 public:
  HurriedClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "HurriedClock"; }
  void SleepForMicroseconds(int) override { std::this_thread::yield(); }
};

class DiskEnv final : public rocksdb::EnvWrapper {
 public:
  explicit DiskEnv(const std::shared_ptr<FaultyDisk>& disk)
      : EnvWrapper(rocksdb::NewCompositeEnv(disk)) {
    file_system_ = disk;
    system_clock_ = std::make_shared<HurriedClock>();
  }
  const char* Name() const override { return "DiskEnv"; }
  void SleepForMicroseconds(int) override { std::this_thread::yield(); }
};

}  // namespace

FaultyDisk::FaultyDisk() : state_(std::make_shared<State>()) {}
FaultyDisk::FaultyDisk(std::shared_ptr<State> state) : state_(std::move(state)) {}
FaultyDisk::~FaultyDisk() = default;

// --- power

std::uint64_t FaultyDisk::call_count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->calls;
}

void FaultyDisk::cut_power_at(std::uint64_t call, bool after) {
  const std::lock_guard lock(state_->mutex);
  state_->cut_at = call;
  state_->cut_after = after;
}

std::shared_ptr<FaultyDisk> FaultyDisk::after_power_cut(Survival survival,
                                                        std::mt19937_64& random) const {
  const std::lock_guard lock(state_->mutex);
  auto state = std::make_shared<State>();
  state->root = test::after_power_cut(*state_->root, survival, random);
  return std::shared_ptr<FaultyDisk>(new FaultyDisk(std::move(state)));
}

void FaultyDisk::on_power_cut(std::function<void()> handler) {
  const std::lock_guard lock(state_->mutex);
  state_->power_cut_handler = std::move(handler);
}

std::string FaultyDisk::image() const {
  const std::lock_guard lock(state_->mutex);
  std::string image;
  append_image(*state_->root, "", image);
  return image;
}

std::shared_ptr<FaultyDisk> FaultyDisk::from_image(std::string_view image) {
  auto disk = std::make_shared<FaultyDisk>();
  const auto take = [&image] {
    const auto size = static_cast<std::size_t>(read_big_endian<std::uint64_t>(image));
    std::string bytes(image.substr(8, size));
    image.remove_prefix(8 + size);
    return bytes;
  };
  while (!image.empty()) {
    const bool is_folder = image.front() == 1;
    image.remove_prefix(1);
    const std::string path = take();
    std::string bytes = take();
    Folder& parent = *disk->state_->folder(parent_of(path));
    if (is_folder) {
      parent.entries[name_of(path)] = std::make_shared<Folder>();
    } else {
      auto file = std::make_shared<File>();
      file->synced = bytes;
      file->bytes = std::move(bytes);
      parent.entries[name_of(path)] = std::move(file);
    }
    parent.sync();
  }
  return disk;
}

// --- failing calls

void FaultyDisk::fail(Fault fault) {
  const std::lock_guard lock(state_->mutex);
  state_->faults.push_back(std::move(fault));
}

void FaultyDisk::heal() {
  const std::lock_guard lock(state_->mutex);
  state_->faults.clear();
}

std::uint64_t FaultyDisk::failed_count() const {
  const std::lock_guard lock(state_->mutex);
  return state_->failed;
}

// --- by hand

std::vector<std::string> FaultyDisk::files() const {
  const std::lock_guard lock(state_->mutex);
  std::vector<std::string> paths;
  list(*state_->root, "", paths);
  return paths;
}

std::string FaultyDisk::read(const std::string& path) const {
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<File> file = state_->file(path);
  if (!file) throw std::runtime_error("no such file: " + path);
  return file->bytes;
}

void FaultyDisk::write(const std::string& path, std::string bytes) {
  const std::lock_guard lock(state_->mutex);
  auto file = std::make_shared<File>();
  file->synced = bytes;
  file->bytes = std::move(bytes);
  const std::shared_ptr<Folder> folder = state_->folder(parent_of(path));
  if (!folder) throw std::runtime_error("no such folder: " + path);
  folder->entries[name_of(path)] = file;
  folder->sync();
}

void FaultyDisk::remove(const std::string& path) {
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<Folder> folder = state_->folder(parent_of(path));
  if (!folder || folder->entries.erase(name_of(path)) == 0) {
    throw std::runtime_error("no such file: " + path);
  }
  folder->sync();
}

// --- rocksdb::FileSystem: reading

IOStatus FaultyDisk::NewSequentialFile(const std::string& path, const FileOptions&,
                                       std::unique_ptr<rocksdb::FSSequentialFile>* out, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (IOStatus status = state_->look(path); !status.ok()) return status;
  std::shared_ptr<File> file = state_->file(path);
  if (!file) return no_such_file(path);
  *out = open_sequential(state_, std::move(file));
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewRandomAccessFile(const std::string& path, const FileOptions&,
                                         std::unique_ptr<rocksdb::FSRandomAccessFile>* out,
                                         Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (IOStatus status = state_->look(path); !status.ok()) return status;
  std::shared_ptr<File> file = state_->file(path);
  if (!file) return no_such_file(path);
  *out = open_random_access(state_, std::move(file));
  return IOStatus::OK();
}

IOStatus FaultyDisk::FileExists(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (IOStatus status = state_->look(path); !status.ok()) return status;
  return state_->find(path) == nullptr ? IOStatus::NotFound() : IOStatus::OK();
}

IOStatus FaultyDisk::GetChildren(const std::string& path, const Options&,
                                 std::vector<std::string>* out, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (IOStatus status = state_->look(path); !status.ok()) return status;
  const std::shared_ptr<Folder> folder = state_->folder(path);
  if (!folder) return IOStatus::NotFound(path);
  out->clear();
  for (const auto& entry : folder->entries) out->push_back(entry.first);
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetFileSize(const std::string& path, const Options&, std::uint64_t* size,
                                 Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (IOStatus status = state_->look(path); !status.ok()) return status;
  const std::shared_ptr<File> file = state_->file(path);
  if (!file) return no_such_file(path);
  *size = file->bytes.size();
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetFileModificationTime(const std::string&, const Options&,
                                             std::uint64_t* time, Debug*) {
  *time = 0;
  return IOStatus::OK();
}

IOStatus FaultyDisk::IsDirectory(const std::string& path, const Options&, bool* is_folder, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (IOStatus status = state_->look(path); !status.ok()) return status;
  *is_folder = state_->folder(path) != nullptr;
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetFreeSpace(const std::string&, const Options&, std::uint64_t* free, Debug*) {
  *free = std::uint64_t{1} << 40;
  return IOStatus::OK();
}

// --- rocksdb::FileSystem: changing

IOStatus FaultyDisk::NewWritableFile(const std::string& path, const FileOptions&,
                                     std::unique_ptr<rocksdb::FSWritableFile>* out, Debug*) {
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<Folder> folder = state_->folder(parent_of(path));
  if (!folder) return no_such_file(path);
  return state_->change(path, DiskCall::create, [&] {
    std::shared_ptr<File> file = state_->file(path);
    if (file) {
      file->bytes.clear();
    } else {
      file = std::make_shared<File>();
      folder->step([file, name = name_of(path)](Entries& entries) { entries[name] = file; });
    }
    *out = open_writable(state_, std::move(file), path);
    return IOStatus::OK();
  });
}

IOStatus FaultyDisk::ReopenWritableFile(const std::string& path, const FileOptions& options,
                                        std::unique_ptr<rocksdb::FSWritableFile>* out,
                                        Debug* debug) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->power) return power_is_off();
    if (std::shared_ptr<File> file = state_->file(path)) {
      *out = open_writable(state_, std::move(file), path);
      return IOStatus::OK();
    }
  }
  return NewWritableFile(path, options, out, debug);
}

IOStatus FaultyDisk::NewRandomRWFile(const std::string& path, const FileOptions&,
                                     std::unique_ptr<rocksdb::FSRandomRWFile>* out, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->power) return power_is_off();
  std::shared_ptr<File> file = state_->file(path);
  if (!file) return no_such_file(path);
  *out = open_in_place(state_, std::move(file), path);
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewDirectory(const std::string& path, const Options&,
                                  std::unique_ptr<rocksdb::FSDirectory>* out, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->power) return power_is_off();
  std::shared_ptr<Folder> folder = state_->folder(path);
  if (!folder) return no_such_file(path);
  *out = open_folder(state_, std::move(folder), path);
  return IOStatus::OK();
}

IOStatus FaultyDisk::DeleteFile(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (!state_->file(path)) return no_such_file(path);
  return state_->change(path, DiskCall::remove, [&] {
    state_->folder(parent_of(path))->step([name = name_of(path)](Entries& entries) {
      entries.erase(name);
    });
    return IOStatus::OK();
  });
}

IOStatus FaultyDisk::DeleteDir(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<Folder> folder = state_->folder(path);
  if (!folder) return no_such_file(path);
  if (!folder->entries.empty()) return IOStatus::IOError("not empty: " + path);
  return state_->change(path, DiskCall::remove, [&] {
    state_->folder(parent_of(path))->step([name = name_of(path)](Entries& entries) {
      entries.erase(name);
    });
    return IOStatus::OK();
  });
}

IOStatus FaultyDisk::CreateDir(const std::string& path, const Options&, Debug*) {
  const std::lock_guard lock(state_->mutex);
  const std::shared_ptr<Folder> parent = state_->folder(parent_of(path));
  if (!parent) return no_such_file(path);
  if (state_->find(path) != nullptr) return IOStatus::IOError("exists: " + path);
  return state_->change(path, DiskCall::make_folder, [&] {
    parent->step([folder = std::make_shared<Folder>(), name = name_of(path)](Entries& entries) {
      entries[name] = folder;
    });
    return IOStatus::OK();
  });
}

IOStatus FaultyDisk::CreateDirIfMissing(const std::string& path, const Options& options,
                                        Debug* debug) {
  {
    const std::lock_guard lock(state_->mutex);
    if (!state_->power) return power_is_off();
    if (state_->folder(path)) return IOStatus::OK();
  }
  return CreateDir(path, options, debug);
}

// Within one folder, as the store and RocksDB do it.
IOStatus FaultyDisk::RenameFile(const std::string& from, const std::string& to, const Options&,
                                Debug*) {
  const std::lock_guard lock(state_->mutex);
  if (parent_of(from) != parent_of(to)) return IOStatus::NotSupported("rename across folders");
  if (state_->find(from) == nullptr) return no_such_file(from);
  return state_->change(to, DiskCall::rename, [&] {
    state_->folder(parent_of(from))
        ->step([source = name_of(from), target = name_of(to)](Entries& entries) {
          auto node = entries.extract(source);
          entries.erase(target);
          node.key() = target;
          entries.insert(std::move(node));
        });
    return IOStatus::OK();
  });
}

// --- rocksdb::FileSystem: the rest

IOStatus FaultyDisk::LockFile(const std::string&, const Options&, rocksdb::FileLock** lock,
                              Debug*) {
  *lock = new rocksdb::FileLock;
  return IOStatus::OK();
}

IOStatus FaultyDisk::UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) {
  delete lock;
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetTestDirectory(const Options&, std::string* path, Debug*) {
  *path = "/test";
  return IOStatus::OK();
}

IOStatus FaultyDisk::NewLogger(const std::string&, const Options&,
                               std::shared_ptr<rocksdb::Logger>* out, Debug*) {
  *out = std::make_shared<Silent>();
  return IOStatus::OK();
}

IOStatus FaultyDisk::GetAbsolutePath(const std::string& path, const Options&, std::string* out,
                                     Debug*) {
  *out = path;
  return IOStatus::OK();
}

Files files_on(std::shared_ptr<FaultyDisk> disk) {
  auto env = std::make_shared<DiskEnv>(disk);
  return {std::move(disk), std::move(env)};
}

}  // namespace quern::storage::test
