#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "config.h"
#include "doctor.h"
#include "log.h"
#include "run.h"
#include "token_command.h"

namespace {

using namespace quern;

int finish(const server::CommandOutput& done) {
  std::fputs(done.output.c_str(), stdout);
  std::fputs(done.errors.c_str(), stderr);
  return done.status;
}

Timestamp wall_now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp{std::chrono::duration_cast<Duration>(since_epoch).count()};
}

}  // namespace

int main(int argc, char** argv) {
  constexpr int usage_status = 2;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (!arguments.empty()) {
    const std::vector<std::string> rest(arguments.begin() + 1, arguments.end());
    if (arguments.front() == "doctor") return finish(server::run_doctor(rest));
    if (arguments.front() == "token") return finish(server::run_token_command(rest, wall_now()));
  }
  Result<server::Invocation> invocation =
      server::read_config(arguments, std::getenv, server::version_text());
  if (!invocation) {
    std::fprintf(stderr, "quernd: %s\nquernd: --help lists the settings\n",
                 invocation.error().detail.c_str());
    return usage_status;
  }
  if (invocation->print) {
    std::fputs(invocation->print->c_str(), stdout);
    return EXIT_SUCCESS;
  }
  log::configure(invocation->config.log_level, invocation->config.log_format);
  return server::run_server(invocation->config, server::store_opener(invocation->config));
}
