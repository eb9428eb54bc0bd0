// The files of a FaultyDisk that RocksDB has open.

#include "disk_state.h"

namespace quern::storage::test {
namespace {

using rocksdb::IOStatus;
using Options = rocksdb::IOOptions;
using Debug = rocksdb::IODebugContext;
using State = FaultyDisk::State;
using File = FaultyDisk::File;
using Folder = FaultyDisk::Folder;

IOStatus read_at(const State& state, const File& file, std::uint64_t offset, std::size_t size,
                 rocksdb::Slice* out, char* scratch) {
  const std::lock_guard lock(state.mutex);
  if (!state.power) return power_is_off();
  const std::size_t begin = std::min<std::size_t>(offset, file.bytes.size());
  const std::size_t count = std::min(size, file.bytes.size() - begin);
  std::copy_n(file.bytes.data() + begin, count, scratch);
  *out = rocksdb::Slice(scratch, count);
  return IOStatus::OK();
}

class Sequential final : public rocksdb::FSSequentialFile {
 public:
  Sequential(std::shared_ptr<State> state, std::shared_ptr<File> file)
      : state_(std::move(state)), file_(std::move(file)) {}
  IOStatus Read(size_t size, const Options&, rocksdb::Slice* out, char* scratch, Debug*) override {
    IOStatus status = read_at(*state_, *file_, at_, size, out, scratch);
    at_ += out->size();
    return status;
  }
  IOStatus Skip(uint64_t size) override {
    at_ += size;
    return IOStatus::OK();
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<File> file_;
  std::uint64_t at_ = 0;
};

class RandomAccess final : public rocksdb::FSRandomAccessFile {
 public:
  RandomAccess(std::shared_ptr<State> state, std::shared_ptr<File> file)
      : state_(std::move(state)), file_(std::move(file)) {}
  IOStatus Read(uint64_t offset, size_t size, const Options&, rocksdb::Slice* out, char* scratch,
                Debug*) const override {
    return read_at(*state_, *file_, offset, size, out, scratch);
  }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<File> file_;
};

// What files open for writing share.
class Handle {
 public:
  Handle(std::shared_ptr<State> state, std::shared_ptr<File> file, std::string path)
      : state_(std::move(state)), file_(std::move(file)), path_(std::move(path)) {}

  IOStatus write(std::optional<std::uint64_t> offset, const rocksdb::Slice& data) {
    const std::lock_guard lock(state_->mutex);
    const auto put = [this, offset](std::string_view bytes) {
      const std::size_t begin = offset ? static_cast<std::size_t>(*offset) : file_->bytes.size();
      if (file_->bytes.size() < begin + bytes.size()) file_->bytes.resize(begin + bytes.size());
      std::copy(bytes.begin(), bytes.end(),
                file_->bytes.begin() + static_cast<std::ptrdiff_t>(begin));
    };
    const std::string_view bytes = data.ToStringView();
    return state_->change(
        path_, DiskCall::append, [&] { return put(bytes), IOStatus::OK(); },
        [&] { put(bytes.substr(0, bytes.size() / 2)); });
  }
  IOStatus sync() {
    const std::lock_guard lock(state_->mutex);
    return state_->change(path_, DiskCall::sync,
                          [this] { return file_->synced = file_->bytes, IOStatus::OK(); });
  }
  IOStatus truncate(std::uint64_t size) {
    const std::lock_guard lock(state_->mutex);
    return state_->change(path_, DiskCall::truncate,
                          [this, size] { return file_->bytes.resize(size), IOStatus::OK(); });
  }
  std::uint64_t size() const {
    const std::lock_guard lock(state_->mutex);
    return file_->bytes.size();
  }
  const std::shared_ptr<State>& state() const { return state_; }
  const File& file() const { return *file_; }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<File> file_;
  std::string path_;
};

class Writable final : public rocksdb::FSWritableFile {
 public:
  explicit Writable(Handle handle) : handle_(std::move(handle)) {}
  using rocksdb::FSWritableFile::Append;
  IOStatus Append(const rocksdb::Slice& data, const Options&, Debug*) override {
    return handle_.write(std::nullopt, data);
  }
  IOStatus Append(const rocksdb::Slice& data, const Options&, const rocksdb::DataVerificationInfo&,
                  Debug*) override {
    return handle_.write(std::nullopt, data);
  }
  IOStatus Truncate(uint64_t size, const Options&, Debug*) override {
    return handle_.truncate(size);
  }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Flush(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const Options&, Debug*) override { return handle_.sync(); }
  bool IsSyncThreadSafe() const override { return true; }
  uint64_t GetFileSize(const Options&, Debug*) override { return handle_.size(); }

 private:
  Handle handle_;
};

class RandomRW final : public rocksdb::FSRandomRWFile {
 public:
  explicit RandomRW(Handle handle) : handle_(std::move(handle)) {}
  IOStatus Write(uint64_t offset, const rocksdb::Slice& data, const Options&, Debug*) override {
    return handle_.write(offset, data);
  }
  IOStatus Read(uint64_t offset, size_t size, const Options&, rocksdb::Slice* out, char* scratch,
                Debug*) const override {
    return read_at(*handle_.state(), handle_.file(), offset, size, out, scratch);
  }
  IOStatus Flush(const Options&, Debug*) override { return IOStatus::OK(); }
  IOStatus Sync(const Options&, Debug*) override { return handle_.sync(); }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }

 private:
  Handle handle_;
};

class Directory final : public rocksdb::FSDirectory {
 public:
  Directory(std::shared_ptr<State> state, std::shared_ptr<Folder> folder, std::string path)
      : state_(std::move(state)), folder_(std::move(folder)), path_(std::move(path)) {}
  IOStatus Fsync(const Options&, Debug*) override {
    const std::lock_guard lock(state_->mutex);
    return state_->change(path_, DiskCall::sync_folder,
                          [this] { return folder_->sync(), IOStatus::OK(); });
  }
  IOStatus Close(const Options&, Debug*) override { return IOStatus::OK(); }

 private:
  std::shared_ptr<State> state_;
  std::shared_ptr<Folder> folder_;
  std::string path_;
};

}  // namespace

std::unique_ptr<rocksdb::FSSequentialFile> open_sequential(std::shared_ptr<State> state,
                                                           std::shared_ptr<File> file) {
  return std::make_unique<Sequential>(std::move(state), std::move(file));
}

std::unique_ptr<rocksdb::FSRandomAccessFile> open_random_access(std::shared_ptr<State> state,
                                                                std::shared_ptr<File> file) {
  return std::make_unique<RandomAccess>(std::move(state), std::move(file));
}

std::unique_ptr<rocksdb::FSWritableFile> open_writable(std::shared_ptr<State> state,
                                                       std::shared_ptr<File> file,
                                                       std::string path) {
  return std::make_unique<Writable>(Handle(std::move(state), std::move(file), std::move(path)));
}

std::unique_ptr<rocksdb::FSRandomRWFile> open_in_place(std::shared_ptr<State> state,
                                                       std::shared_ptr<File> file,
                                                       std::string path) {
  return std::make_unique<RandomRW>(Handle(std::move(state), std::move(file), std::move(path)));
}

std::unique_ptr<rocksdb::FSDirectory> open_folder(std::shared_ptr<State> state,
                                                  std::shared_ptr<Folder> folder,
                                                  std::string path) {
  return std::make_unique<Directory>(std::move(state), std::move(folder), std::move(path));
}

}  // namespace quern::storage::test
