#include "access/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

namespace quern::access {
namespace {

constexpr mode_t mode = S_IRUSR | S_IWUSR;

Error unfit(std::string detail) {
  return Error{.code = ErrorCode::invalid_argument, .detail = std::move(detail)};
}

Error cannot(const char* what, const std::filesystem::path& path, int number) {
  return unfit(std::string("cannot ") + what + " " + path.string() + ": " +
               std::system_category().message(number));
}

class File {
 public:
  // O_NONBLOCK: should it be a pipe, opening must not wait for its other end.
  File(const std::filesystem::path& path, int flags)
      : fd_(::open(path.c_str(), flags | O_CLOEXEC | O_NONBLOCK, mode)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  int fd() const { return fd_; }

 private:
  int fd_;
};

Result<void> check(int fd, const std::filesystem::path& path) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return cannot("read", path, errno);
  if (!S_ISREG(status.st_mode)) return unfit(path.string() + " is not a file");
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return unfit("others than its owner may use " + path.string() +
                 ": chmod 600 it, so that nobody else adds a token or learns who has one");
  }
  if (static_cast<std::uint64_t>(status.st_size) > private_file_bytes_max) {
    return unfit(path.string() + " is larger than " + std::to_string(private_file_bytes_max) +
                 " bytes");
  }
  return {};
}

Result<void> write_file(const std::filesystem::path& path, int flags, std::string_view text) {
  const File file(path, O_WRONLY | O_CREAT | flags);
  if (file.fd() < 0) return cannot("write", path, errno);
  if (Result<void> fit = check(file.fd(), path); !fit) return fit;
  while (!text.empty()) {
    const ssize_t count = ::write(file.fd(), text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("write", path, errno);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  if (::fsync(file.fd()) != 0) return cannot("sync", path, errno);
  return {};
}

}  // namespace

Result<std::string> read_private_file(const std::filesystem::path& path) {
  const File file(path, O_RDONLY);
  if (file.fd() < 0) return cannot("read", path, errno);
  if (Result<void> fit = check(file.fd(), path); !fit) return std::move(fit).error();
  std::string text;
  std::array<char, std::size_t{16} << 10> chunk;
  for (;;) {
    const ssize_t count = ::read(file.fd(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return cannot("read", path, errno);
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > private_file_bytes_max) return cannot("read", path, EFBIG);
  }
}

Result<void> append_private_file(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, O_APPEND, text);
}

Result<void> create_private_file(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, O_EXCL, text);
}

}  // namespace quern::access
