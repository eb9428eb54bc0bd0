#include "confirm.h"

#include <unistd.h>

#include <iostream>

#include "text.h"
#include "usage_error.h"

namespace quern::cli {

std::string tasks_text(std::uint64_t count) {
  return grouped(count) + (count == 1 ? " task" : " tasks");
}

bool can_ask() { return ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1; }

bool confirm(const std::string& what) {
  if (!can_ask()) {
    throw UsageError("this " + what + ", and there is no terminal to ask on: say --yes");
  }
  std::cerr << "This " << what << ". Continue? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (std::cin.eof()) std::cerr << '\n';  // Ctrl-D leaves the cursor behind the question
  if (answer == "y" || answer == "Y" || answer == "yes") return true;
  std::cerr << "Nothing was done.\n";
  return false;
}

ExitCode nothing_to_do(const Session& session, std::string_view verb) {
  if (session.json) {
    print_count(session, verb, 0);
  } else {
    std::cout << "There is nothing to do: 0 tasks match\n";
  }
  return exit_ok;
}

void print_count(const Session& session, std::string_view verb, std::uint64_t count) {
  if (session.json) {
    std::cout << "{\"" << verb << "\":" << count << "}\n";
    return;
  }
  std::string sentence(verb);
  sentence.front() = static_cast<char>(sentence.front() - 'a' + 'A');
  std::cout << sentence << ' ' << tasks_text(count) << '\n';
}

}  // namespace quern::cli
