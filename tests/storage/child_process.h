// Runs a part of a test in a process of its own: a power cut then ends it as it ends a machine, at
// once and with everything in memory, and an assertion of a library fails that part alone.
//
// Threads  call it while the process has no other threads; the child may start some.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "faulty_disk.h"

namespace quern::storage::test {

struct ChildEnd {
  bool well = false;  // it ran to its end, or the power went
  std::string how;    // "exit status 3", "signal 6": for people
};

// `work` returns what is wrong, or ""; that and what it throws is in `how`.
ChildEnd run_in_child(const std::function<std::string()>& work);

// Bytes that a child leaves behind for its parent.
class SharedFile {
 public:
  SharedFile();
  SharedFile(const SharedFile&) = delete;
  SharedFile& operator=(const SharedFile&) = delete;
  ~SharedFile();

  void write(const std::string& bytes) const;
  std::string read() const;

 private:
  int fd_;
};

// The child's `disk` loses power with call number `call`: what survives is written to `left`, and
// the child ends well.
void end_with_power(FaultyDisk& disk, std::uint64_t call, bool after, Survival survival,
                    std::mt19937_64& random, const SharedFile& left);

}  // namespace quern::storage::test
