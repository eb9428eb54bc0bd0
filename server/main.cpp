#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "config.h"
#include "doctor.h"
#include "log.h"
#include "run.h"

int main(int argc, char** argv) {
  using namespace quern;
  constexpr int usage_status = 2;
  if (argc > 1 && std::string_view(argv[1]) == "doctor") {
    const server::DoctorOutput done =
        server::run_doctor(std::vector<std::string>(argv + 2, argv + argc));
    std::fputs(done.output.c_str(), stdout);
    std::fputs(done.errors.c_str(), stderr);
    return done.status;
  }
  Result<server::Invocation> invocation = server::read_config(
      std::vector<std::string>(argv + 1, argv + argc), std::getenv, server::version_text());
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
  return server::run_server(invocation->config);
}
