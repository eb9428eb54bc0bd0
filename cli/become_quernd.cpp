#include "become_quernd.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <system_error>

namespace quern::cli {

ExitCode become_quernd(std::vector<std::string> arguments) {
  std::cout.flush();
  std::string name = "quernd";
  std::vector<char*> pointers{name.data()};
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  std::error_code unknown;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", unknown);
  if (!unknown) ::execv((self.parent_path() / name).c_str(), pointers.data());
  ::execvp(name.c_str(), pointers.data());
  std::cerr << "qctl: quernd, which knows what is in its directories, cannot be started: "
            << std::system_category().message(errno) << '\n';
  return exit_refused;
}

}  // namespace quern::cli
