#include "work/diagnostics.h"

#include <unistd.h>

#include "advice.h"

namespace quern::cli {

Diagnostics::Diagnostics(bool json)
    : json_(json),
      writer_(StreamWriterOptions{
          .fd = STDERR_FILENO, .on_left_out = [json](const LeftOut& left_out) {
            return failure_line(json, worker_code,
                                std::to_string(left_out.bytes) +
                                    " bytes of standard error are left out here: it was not "
                                    "read in time");
          }}) {}

void Diagnostics::say(std::string_view code, const std::string& detail) {
  writer_.write(failure_line(json_, code, detail));
}

}  // namespace quern::cli
