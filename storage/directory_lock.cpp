#include "directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

namespace quern::storage {
namespace {

Error unavailable(std::string detail) {
  return Error{.code = ErrorCode::store_unavailable, .detail = std::move(detail)};
}

std::string error_text(int number) { return std::system_category().message(number); }

// "process 1234 (quernd)", or what can be said if the file or the process does not tell.
std::string owner_of(int fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  pid_t pid = 0;
  if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
  if (pid <= 0) return "another process";
  std::string owner = "process " + std::to_string(pid);
  std::ifstream file("/proc/" + std::to_string(pid) + "/comm");
  std::string name;
  if (std::getline(file, name)) owner += " (" + name + ")";
  return owner;
}

}  // namespace

Result<DirectoryLock> DirectoryLock::take(const std::filesystem::path& directory,
                                          std::string_view what) {
  const std::filesystem::path path = directory / file_name;
  DirectoryLock lock(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.fd_ < 0) return unavailable("cannot open " + path.string() + ": " + error_text(errno));
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    const int number = errno;
    if (number != EWOULDBLOCK) {
      return unavailable("cannot lock " + path.string() + ": " + error_text(number));
    }
    const std::string owner = owner_of(lock.fd_);
    ::close(std::exchange(lock.fd_, -1));  // it is not ours to empty
    return unavailable(std::string(what) + " " + directory.string() + " is in use by " + owner);
  }
  const std::string text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.fd_, 0) != 0 ||
      ::pwrite(lock.fd_, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    return unavailable("cannot write " + path.string() + ": " + error_text(errno));
  }
  return lock;
}

DirectoryLock::~DirectoryLock() {
  if (fd_ < 0) return;
  // A clean stop leaves no stale id behind. Should it fail, the next owner overwrites it.
  [[maybe_unused]] const int ignored = ::ftruncate(fd_, 0);
  ::close(fd_);
}

}  // namespace quern::storage
