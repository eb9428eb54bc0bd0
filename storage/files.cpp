#include "files.h"

#include <utility>

#include "store_error.h"

namespace quern::storage {
namespace {

const rocksdb::IOOptions no_options;

Error failed(const std::string& what, const std::string& path, const rocksdb::IOStatus& status) {
  return unavailable("cannot " + what + " " + path + ": " + status.ToString());
}

}  // namespace

Files Files::of_machine() {
  // The machine's Env lives as long as the process.
  return {rocksdb::FileSystem::Default(),
          std::shared_ptr<rocksdb::Env>(rocksdb::Env::Default(), [](rocksdb::Env*) {})};
}

Files Files::on(std::shared_ptr<rocksdb::FileSystem> system) {
  std::shared_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(system);
  return {std::move(system), std::move(env)};
}

Result<bool> file_exists(const Files& files, const std::string& path) {
  const rocksdb::IOStatus status = files.system->FileExists(path, no_options, nullptr);
  if (status.ok()) return true;
  if (status.IsNotFound()) return false;
  return failed("look for", path, status);
}

Result<std::vector<std::string>> list_folder(const Files& files, const std::string& path) {
  std::vector<std::string> names;
  const rocksdb::IOStatus status = files.system->GetChildren(path, no_options, &names, nullptr);
  if (!status.ok()) return failed("read", path, status);
  std::erase_if(names, [](const std::string& name) { return name == "." || name == ".."; });
  return names;
}

Result<std::string> read_file(const Files& files, const std::string& path) {
  std::unique_ptr<rocksdb::FSSequentialFile> file;
  rocksdb::IOStatus status =
      files.system->NewSequentialFile(path, rocksdb::FileOptions(), &file, nullptr);
  std::string bytes;
  std::string buffer(std::size_t{64} << 10, '\0');
  while (status.ok()) {
    rocksdb::Slice part;
    status = file->Read(buffer.size(), no_options, &part, buffer.data(), nullptr);
    if (part.empty()) break;
    bytes.append(part.data(), part.size());
  }
  if (!status.ok()) return failed("read", path, status);
  return bytes;
}

Result<void> write_file(const Files& files, const std::string& path, std::string_view bytes) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status =
      files.system->NewWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) {
    status = file->Append(rocksdb::Slice(bytes.data(), bytes.size()), no_options, nullptr);
  }
  if (status.ok()) status = file->Fsync(no_options, nullptr);
  if (status.ok()) status = file->Close(no_options, nullptr);
  if (!status.ok()) return failed("write", path, status);
  return {};
}

// Through an open file: RocksDB's own file system has no other way.
Result<void> truncate_file(const Files& files, const std::string& path, std::uint64_t size) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status =
      files.system->ReopenWritableFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (status.ok()) status = file->Truncate(size, no_options, nullptr);
  if (status.ok()) status = file->Fsync(no_options, nullptr);
  if (status.ok()) status = file->Close(no_options, nullptr);
  if (!status.ok()) return failed("truncate", path, status);
  return {};
}

Result<void> sync_folder(const Files& files, const std::string& path) {
  std::unique_ptr<rocksdb::FSDirectory> folder;
  rocksdb::IOStatus status = files.system->NewDirectory(path, no_options, &folder, nullptr);
  if (status.ok()) status = folder->Fsync(no_options, nullptr);
  if (!status.ok()) return failed("sync", path, status);
  return {};
}

Result<void> remove_folder(const Files& files, const std::string& path) {
  const Result<bool> exists = file_exists(files, path);
  if (!exists) return exists.error();
  if (!*exists) return {};
  const Result<std::vector<std::string>> names = list_folder(files, path);
  if (!names) return names.error();
  for (const std::string& name : *names) {
    const std::string file = path + "/" + name;
    const rocksdb::IOStatus status = files.system->DeleteFile(file, no_options, nullptr);
    if (!status.ok()) return failed("remove", file, status);
  }
  const rocksdb::IOStatus status = files.system->DeleteDir(path, no_options, nullptr);
  if (!status.ok()) return failed("remove", path, status);
  return {};
}

}  // namespace quern::storage
