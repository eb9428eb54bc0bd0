// One process at a time on a data directory.
//
// Shape    flock(2) on the file `quernd.pid`, which holds the owner's process id as text. The
//          kernel releases the lock with the process, kill -9 included; the file stays, since to
//          unlink it would let two processes lock two files of one name.
// Errors   store_unavailable, naming the process that holds the directory.
#pragma once

#include <filesystem>
#include <string_view>
#include <utility>

#include "quern/protocol/result.h"

namespace quern::storage {

class DirectoryLock {
 public:
  static constexpr const char* file_name = "quernd.pid";

  // `what`: what the directory is, for the refusal.
  static Result<DirectoryLock> take(const std::filesystem::path& directory,
                                    std::string_view what = "data directory");

  DirectoryLock(DirectoryLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  DirectoryLock& operator=(DirectoryLock&&) = delete;
  ~DirectoryLock();

 private:
  explicit DirectoryLock(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace quern::storage
