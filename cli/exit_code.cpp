#include "exit_code.h"

namespace quern::cli {

ExitCode exit_code_for(ErrorCode code) {
  switch (code) {
    case ErrorCode::task_not_found:
    case ErrorCode::queue_not_found:
    case ErrorCode::backup_not_found:
      return exit_not_found;
    case ErrorCode::unreachable:
    case ErrorCode::untrusted:
    case ErrorCode::bad_response:
      return exit_unreachable;
    default:
      return exit_refused;
  }
}

}  // namespace quern::cli
