#include "data_directory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "directory_lock.h"
#include "store_error.h"
#include "synced_mark.h"

namespace quern::storage {
namespace {

namespace fs = std::filesystem;

Error system_error(const std::string& what, int number) {
  return unavailable(what + ": " + std::system_category().message(number));
}

Result<void> sync_directory(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return system_error("cannot open " + path.string(), errno);
  const int failure = ::fsync(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failure != 0) return system_error("cannot sync " + path.string(), failure);
  return {};
}

// Ours has a database or, when its making was cut short, at least the lock file. Anything else that
// is not empty belongs to somebody: it is not touched.
Result<void> check_ours(const fs::path& path) {
  std::error_code failure;
  if (fs::exists(path / restoring_folder, failure) &&
      !fs::exists(path / database_folder, failure)) {
    return corrupt("the restore into " + path.string() +
                   " was not finished: do it again, or empty the directory to begin with nothing");
  }
  std::string foreign;
  for (fs::directory_iterator it(path, failure), end; !failure && it != end;
       it.increment(failure)) {
    const std::string name = it->path().filename();
    if (name == database_folder || name == DirectoryLock::file_name ||
        name == SyncedMark::file_name) {
      return {};
    }
    if (name != "lost+found") foreign = name;
  }
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  if (foreign.empty()) return {};
  return corrupt("data directory " + path.string() +
                 " is not empty and not a Quern store (it holds " + foreign +
                 "); give an empty or a new directory");
}

}  // namespace

Result<void> make_directory(const fs::path& path) {
  std::error_code failure;
  const fs::path absolute = fs::absolute(path, failure).lexically_normal();
  if (failure) return system_error("cannot resolve " + path.string(), failure.value());
  const fs::path leaf = absolute.has_filename() ? absolute : absolute.parent_path();
  fs::create_directories(leaf.parent_path(), failure);
  if (failure) return system_error("cannot create " + leaf.parent_path().string(), failure.value());
  if (::mkdir(leaf.c_str(), 0700) != 0 && errno != EEXIST) {
    return system_error("cannot create " + leaf.string(), errno);
  }
  return sync_directory(leaf.parent_path());
}

Result<void> prepare_directory(const fs::path& path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found) return make_directory(path);
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  if (!fs::is_directory(status)) return corrupt(path.string() + " is not a directory");
  return check_ours(path);
}

Result<void> prepare_for_restore(const fs::path& path) {
  std::error_code failure;
  const fs::file_status status = fs::status(path, failure);
  if (status.type() == fs::file_type::not_found) return make_directory(path);
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  if (!fs::is_directory(status)) return corrupt(path.string() + " is not a directory");
  for (fs::directory_iterator it(path, failure), end; !failure && it != end;
       it.increment(failure)) {
    const std::string name = it->path().filename();
    if (name == "lost+found" || name == DirectoryLock::file_name || name == restoring_folder) {
      continue;
    }
    // Moved into place already by a restore that was cut short then.
    if (name == SyncedMark::file_name && fs::exists(path / restoring_folder, failure)) continue;
    return corrupt("the directory " + path.string() + " is not empty (it holds " + name +
                   "): a backup is restored into an empty or a new one");
  }
  if (failure) return system_error("cannot read " + path.string(), failure.value());
  return {};
}

}  // namespace quern::storage
