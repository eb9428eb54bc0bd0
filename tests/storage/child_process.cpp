#include "child_process.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <stdexcept>
#include <system_error>

#ifdef QUERN_COVERAGE
extern "C" int __llvm_profile_write_file();  // NOLINT(bugprone-reserved-identifier): Clang's
#endif

namespace quern::storage::test {
namespace {

constexpr int wrong_status = 3;

// At once, as a power cut ends a machine; but what was counted for ./dev coverage is kept.
[[noreturn]] void end_process(int status) {
#ifdef QUERN_COVERAGE
  __llvm_profile_write_file();
#endif
  ::_exit(status);
}

[[noreturn]] void end_child(const SharedFile& report, const std::string& problem) {
  report.write(problem);
  std::fflush(nullptr);
  end_process(problem.empty() ? 0 : wrong_status);
}

}  // namespace

SharedFile::SharedFile() : fd_(::memfd_create("quern-test", MFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::system_category(), "memfd_create");
}

SharedFile::~SharedFile() { ::close(fd_); }

void SharedFile::write(const std::string& bytes) const {
  if (::ftruncate(fd_, 0) != 0) ::_exit(wrong_status);
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t size =
        ::pwrite(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (size <= 0) ::_exit(wrong_status);
    done += static_cast<std::size_t>(size);
  }
}

std::string SharedFile::read() const {
  std::string bytes(static_cast<std::size_t>(::lseek(fd_, 0, SEEK_END)), '\0');
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t size =
        ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (size <= 0) throw std::runtime_error("a shared file ends too early");
    done += static_cast<std::size_t>(size);
  }
  return bytes;
}

ChildEnd run_in_child(const std::function<std::string()>& work) {
  const SharedFile report;
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::system_category(), "fork");
  if (child == 0) {
    try {
      end_child(report, work());
    } catch (const std::exception& thrown) {
      end_child(report, thrown.what());
    } catch (...) {
      end_child(report, "a check failed, see above");
    }
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFSIGNALED(status)) return {.how = "signal " + std::to_string(WTERMSIG(status))};
  if (WEXITSTATUS(status) == 0) return {.well = true, .how = {}};
  return {.how = report.read()};
}

void end_with_power(FaultyDisk& disk, std::uint64_t call, bool after, Survival survival,
                    std::mt19937_64& random, const SharedFile& left) {
  disk.cut_power_at(call, after);
  disk.on_power_cut([&disk, survival, &random, &left] {
    left.write(disk.after_power_cut(survival, random)->image());
    end_process(0);
  });
}

}  // namespace quern::storage::test
