#include "output.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <iostream>

namespace quern::cli {

void prepare_output() {
  ::signal(SIGPIPE, SIG_DFL);  // also when whoever started us ignores it
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // The lowest that is free, so this one; not to be written, so that it is noticed.
    if (::fcntl(fd, F_GETFD) < 0) ::open("/dev/null", O_RDONLY);
  }
}

bool finish_output() {
  std::cout.flush();
  return std::cout.good();
}

}  // namespace quern::cli
