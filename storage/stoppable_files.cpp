#include "stoppable_files.h"

#include <memory>
#include <utility>

namespace quern::storage {
namespace {

using rocksdb::FileOptions;
using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

IOStatus stopped() { return IOStatus::Aborted("stopped"); }

class SequentialFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  SequentialFile(std::unique_ptr<rocksdb::FSSequentialFile>&& file, std::stop_token stop)
      : FSSequentialFileOwnerWrapper(std::move(file)), stop_(std::move(stop)) {}

  IOStatus Read(std::size_t n, const IOOptions& options, Slice* result, char* scratch,
                IODebugContext* debug) override {
    if (stop_.stop_requested()) return stopped();
    return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug);
  }

 private:
  std::stop_token stop_;
};

class RandomAccessFile final : public rocksdb::FSRandomAccessFileOwnerWrapper {
 public:
  RandomAccessFile(std::unique_ptr<rocksdb::FSRandomAccessFile>&& file, std::stop_token stop)
      : FSRandomAccessFileOwnerWrapper(std::move(file)), stop_(std::move(stop)) {}

  IOStatus Read(std::uint64_t offset, std::size_t n, const IOOptions& options, Slice* result,
                char* scratch, IODebugContext* debug) const override {
    if (stop_.stop_requested()) return stopped();
    return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug);
  }

 private:
  std::stop_token stop_;
};

class StoppableFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  explicit StoppableFileSystem(std::stop_token stop)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), stop_(std::move(stop)) {}

  const char* Name() const override { return "StoppableFileSystem"; }

  IOStatus NewSequentialFile(const std::string& path, const FileOptions& options,
                             std::unique_ptr<rocksdb::FSSequentialFile>* file,
                             IODebugContext* debug) override {
    IOStatus status = target()->NewSequentialFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<SequentialFile>(std::move(*file), stop_);
    return status;
  }

  IOStatus NewRandomAccessFile(const std::string& path, const FileOptions& options,
                               std::unique_ptr<rocksdb::FSRandomAccessFile>* file,
                               IODebugContext* debug) override {
    IOStatus status = target()->NewRandomAccessFile(path, options, file, debug);
    if (status.ok()) *file = std::make_unique<RandomAccessFile>(std::move(*file), stop_);
    return status;
  }

 private:
  std::stop_token stop_;
};

}  // namespace

Files stoppable_files(const std::stop_token& stop) {
  if (!stop.stop_possible()) return Files::of_machine();
  return Files::on(std::make_shared<StoppableFileSystem>(stop));
}

}  // namespace quern::storage
