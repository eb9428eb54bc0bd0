// A disk in memory for RocksDB and the store: it keeps what was synced, loses or tears the rest
// when the power goes, fails calls on demand, and can be damaged by hand.
//
// Shape    a file has contents as the process sees them and contents as of its last sync. A folder
// has
//          entries as the process sees them and, of those since its last sync, the steps in order.
//          So a new, synced file whose folder was not synced is gone after a power cut.
// Threads  any; one lock.
// Errors   IOError once the power is off, or as a Fault says.
// Source   the model is POSIX's, as strictly as journalling file systems allow: fsync of a file
// says
//          nothing about its name; steps in one folder reach the disk in order; of bytes written
//          since the last sync any 512-byte sector may be missing (zeros).
#pragma once

#include <rocksdb/file_system.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "files.h"

namespace quern::storage::test {

// What of the unsynced survives a power cut.
enum class Survival : std::uint8_t { synced_only, everything, torn };

// The calls that change the disk, which a crash can come before or after; and those that look at
// it, which can only fail.
enum class DiskCall : std::uint8_t {
  create,
  append,  // and writes in place
  sync,
  truncate,
  rename,
  remove,
  make_folder,
  sync_folder,
  read,  // opening a file to read it, and asking for names and sizes
};

class FaultyDisk final : public rocksdb::FileSystem {
 public:
  FaultyDisk();
  ~FaultyDisk() override;

  const char* Name() const override { return "FaultyDisk"; }

  // --- power
  // How many calls that change the disk there were.
  std::uint64_t call_count() const;
  // The power goes with call number `call` (counted from 1): before it or after it took effect.
  void cut_power_at(std::uint64_t call, bool after);
  // The disk as it is found when the power is back.
  std::shared_ptr<FaultyDisk> after_power_cut(Survival survival, std::mt19937_64& random) const;
  // Called when the power goes, in the middle of whatever call that is. It may end the process, as
  // a power cut does.
  void on_power_cut(std::function<void()> handler);
  // Contents as bytes, all synced: to hand a disk to another process.
  std::string image() const;
  static std::shared_ptr<FaultyDisk> from_image(std::string_view image);

  // --- failing calls
  struct Fault {
    std::string ending;  // of the file's name, ".log" say; "MANIFEST" stands for all of these
    DiskCall call = DiskCall::append;
    std::uint64_t skip = 0;  // so many such calls succeed first
    rocksdb::IOStatus status = rocksdb::IOStatus::IOError("input/output error");
    bool for_good = false;   // else once
    bool half_done = false;  // an append writes half of its bytes before it fails
  };
  void fail(Fault fault);
  void heal();
  std::uint64_t failed_count() const;

  // --- by hand; paths as RocksDB gives them
  std::vector<std::string> files() const;
  std::string read(const std::string& path) const;
  void write(const std::string& path, std::string bytes);  // synced; makes it when need be
  void remove(const std::string& path);

  // --- rocksdb::FileSystem
  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;
  using FileOptions = rocksdb::FileOptions;
  using IOStatus = rocksdb::IOStatus;
  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* out,
                             Debug* debug) override;
  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* out,
                               Debug* debug) override;
  IOStatus NewWritableFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSWritableFile>* out, Debug* debug) override;
  IOStatus ReopenWritableFile(const std::string& path, const FileOptions& options,
                              std::unique_ptr<rocksdb::FSWritableFile>* out, Debug* debug) override;
  IOStatus NewRandomRWFile(const std::string& path, const FileOptions& options,
                           std::unique_ptr<rocksdb::FSRandomRWFile>* out, Debug* debug) override;
  IOStatus NewDirectory(const std::string& path, const Options& options,
                        std::unique_ptr<rocksdb::FSDirectory>* out, Debug* debug) override;
  IOStatus FileExists(const std::string& path, const Options& options, Debug* debug) override;
  IOStatus GetChildren(const std::string& path, const Options& options,
                       std::vector<std::string>* out, Debug* debug) override;
  IOStatus DeleteFile(const std::string& path, const Options& options, Debug* debug) override;
  IOStatus CreateDir(const std::string& path, const Options& options, Debug* debug) override;
  IOStatus CreateDirIfMissing(const std::string& path, const Options& options,
                              Debug* debug) override;
  IOStatus DeleteDir(const std::string& path, const Options& options, Debug* debug) override;
  IOStatus GetFileSize(const std::string& path, const Options& options, std::uint64_t* size,
                       Debug* debug) override;
  IOStatus GetFileModificationTime(const std::string& path, const Options& options,
                                   std::uint64_t* time, Debug* debug) override;
  IOStatus RenameFile(const std::string& from, const std::string& to, const Options& options,
                      Debug* debug) override;
  IOStatus LockFile(const std::string& path, const Options& options, rocksdb::FileLock** lock,
                    Debug* debug) override;
  IOStatus UnlockFile(rocksdb::FileLock* lock, const Options& options, Debug* debug) override;
  IOStatus GetTestDirectory(const Options& options, std::string* path, Debug* debug) override;
  IOStatus NewLogger(const std::string& path, const Options& options,
                     std::shared_ptr<rocksdb::Logger>* out, Debug* debug) override;
  IOStatus GetAbsolutePath(const std::string& path, const Options& options, std::string* out,
                           Debug* debug) override;
  IOStatus IsDirectory(const std::string& path, const Options& options, bool* is_folder,
                       Debug* debug) override;
  IOStatus GetFreeSpace(const std::string& path, const Options& options, std::uint64_t* free,
                        Debug* debug) override;

  struct File;
  struct Folder;
  struct State;  // shared with the open files

 private:
  explicit FaultyDisk(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

// `disk` as RocksDB is to use it: where it would pause before it tries a failed flush again, it
// does not.
Files files_on(std::shared_ptr<FaultyDisk> disk);

}  // namespace quern::storage::test
