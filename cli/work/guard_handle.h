// The worker's side of one program's guard (guard.h): starts it, hears of the program, ends both.
//
// Threads  one, but for the constructor's fork, which blocks all signals of its thread.
// Errors   std::system_error when the program cannot be started; the constructor and read_news().
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "work/descriptor.h"
#include "work/guard.h"

namespace quern::cli {

struct GuardedProgram {
  const std::vector<std::string>& command;
  const std::vector<std::string>& environment;
  std::array<int, 3> files;  // its standard input, output and error
  rlim_t descriptors = 0;    // its soft limit of them; 0: as ours
};

class GuardHandle {
 public:
  explicit GuardHandle(const GuardedProgram& program);
  // Ends what is left of the program, and the guard: within seconds, whatever they do.
  ~GuardHandle();
  GuardHandle(const GuardHandle&) = delete;
  GuardHandle& operator=(const GuardHandle&) = delete;

  int descriptor() const { return control_.get(); }  // readable when there is news
  // The program's end; nullopt when it is another news: that it was started.
  std::optional<ProgramEnd> read_news();
  // To the program's process group.
  void signal_group(int number) const;
  // It does not do what it is told: the destructor need not wait for it.
  void give_up() { patience_ = std::chrono::milliseconds{0}; }

 private:
  void fork_guard(const GuardedProgram& program, int guards_control);
  bool gone_within(std::chrono::milliseconds time_max) const;

  std::string name_;
  pid_t guard_ = -1;
  Descriptor control_;
  bool started_ = false;
  // The guard itself takes two seconds at most to end what is left.
  std::chrono::milliseconds patience_{5'000};
};

}  // namespace quern::cli
