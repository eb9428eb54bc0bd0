// A small file system of its own, which a test fills up. It takes the right to mount one (root);
// without it nothing is mounted, and the test says so and does nothing.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>

#include "support/temp_dir.h"

namespace quern::test {

inline constexpr std::uint64_t mib = 1 << 20;

class SmallDisk {
 public:
  SmallDisk() {
    mounted_ = ::mount("tmpfs", path().c_str(), "tmpfs", MS_NOSUID | MS_NODEV, "size=256m") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
  }

  bool mounted() const { return mounted_; }
  std::filesystem::path path() const { return temp_.path(); }
  std::uint64_t free() const {
    struct statvfs status {};
    REQUIRE(::statvfs(path().c_str(), &status) == 0);
    return status.f_bavail * status.f_frsize;
  }
  // Takes all but so much.
  void leave(std::uint64_t bytes) {
    const std::uint64_t now = free();
    if (now <= bytes) return;
    ballast_ += now - bytes;
    const int fd = ::open((path() / "ballast").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    REQUIRE(fd >= 0);
    const int failure = ::posix_fallocate(fd, 0, static_cast<off_t>(ballast_));
    ::close(fd);
    REQUIRE(failure == 0);
  }
  void give_back() {
    std::filesystem::remove(path() / "ballast");
    ballast_ = 0;
  }

 private:
  TempDir temp_;
  bool mounted_ = false;
  std::uint64_t ballast_ = 0;
};

}  // namespace quern::test
