// The process between the worker and a program: it outlives a worker that is killed, and then
// leaves nothing of the program behind.
//
// Why      Linux kills a child with its parent (PR_SET_PDEATHSIG), but not the child's children.
//          Their nearest living ancestor that asked for it (PR_SET_CHILD_SUBREAPER) inherits them
//          when their parents end, those that left the process group too. So each program has a
//          guard as its parent, which ends them all when the worker says so or is no more.
// Shape    The worker holds one end of a socket, the guard the other. Worker to guard: one byte,
//          the number of a signal for the program's process group; the end of the stream: end
//          everything. Guard to worker: an int, 0 once the program runs, else the errno for which
//          it could not be started; when it runs, one ProgramEnd later. A guard that is gone has
//          closed its end.
// Left     A guard that is itself killed with SIGKILL takes the program along, but not the
//          program's children. Nothing ends processes of another user (set-user-ID programs).
// Source   prctl(2), proc(5) for /proc/thread-self/children.
#pragma once

#include <sys/resource.h>

#include <array>

namespace quern::cli {

struct ProgramEnd {
  int exit_status = 0;  // when signal is 0
  int signal = 0;
};

struct GuardFiles {
  std::array<int, 3> program;  // its standard input, output and error
  int control;
};

// Becomes the guard of a new program; for a child that was just forked from a process with threads,
// with all signals blocked: only async-signal-safe calls are made. `command` and `environment` end
// with a null pointer. `descriptors` is the program's soft limit of them; 0: as ours.
[[noreturn]] void guard_program(const GuardFiles& files, char* const* command,
                                char* const* environment, rlim_t descriptors);

}  // namespace quern::cli
