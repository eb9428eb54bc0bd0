#include "run_qctl.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <stdexcept>

namespace quern::test {
namespace {

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File temporary() {
  File file(std::tmpfile(), std::fclose);
  if (!file) throw std::runtime_error("no temporary file");
  return file;
}

std::string content(std::FILE* file) {
  std::string text;
  std::rewind(file);
  char buffer[4096];
  for (std::size_t got = 0; (got = std::fread(buffer, 1, sizeof buffer, file)) > 0;) {
    text.append(buffer, got);
  }
  return text;
}

[[noreturn]] void become_qctl(const std::vector<std::string>& arguments, std::FILE* in,
                              std::FILE* out, std::FILE* err) {
  ::dup2(::fileno(in), 0);
  ::dup2(::fileno(out), 1);
  ::dup2(::fileno(err), 2);
  ::unsetenv("QUERN_TOKEN");
  std::vector<char*> argv{const_cast<char*>("qctl")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  ::execv(QUERN_BIN_DIR "/qctl", argv.data());
  ::_exit(127);
}

}  // namespace

QctlResult run_qctl(const std::vector<std::string>& arguments, const std::string& input) {
  // Files rather than pipes: neither side can block the other.
  const File in = temporary();
  const File out = temporary();
  const File err = temporary();
  std::fwrite(input.data(), 1, input.size(), in.get());
  std::fflush(in.get());
  ::lseek(::fileno(in.get()), 0, SEEK_SET);
  const pid_t child = ::fork();
  if (child == 0) become_qctl(arguments, in.get(), out.get(), err.get());
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), content(out.get()),
          content(err.get())};
}

}  // namespace quern::test
