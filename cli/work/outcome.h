// What a program's end means for its task.
//
// Source   sysexits.h: 75 EX_TEMPFAIL, 65 EX_DATAERR.
#pragma once

#include <string>
#include <string_view>

#include "work/process.h"

namespace quern::cli {

inline constexpr int exit_try_again = 75;
inline constexpr int exit_not_retryable = 65;

enum class ResultAs { automatic, json, text };

// The last lines of what a program wrote to standard error: the error's message.
class ErrorTail {
 public:
  void add(std::string_view bytes);
  // Whole lines where possible, valid UTF-8, without blanks at the end.
  std::string text() const;

 private:
  std::string tail_;
};

// Standard output as a task's result: JSON as it is, anything else as a JSON string, nothing as
// null. Throws quern::Permanent when it should be JSON and is not.
std::string result_from(const std::string& output, ResultAs as);

// The result of a program that ended well, at most `result_bytes_max` of JSON; otherwise throws
// what the SDK's worker understands.
std::string outcome_of(const ProcessResult& result, const ErrorTail& errors, ResultAs as,
                       std::size_t result_bytes_max);

}  // namespace quern::cli
