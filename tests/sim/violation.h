// What ends a run: something happened that must not.
#pragma once

#include <stdexcept>
#include <string>

namespace quern::sim {

class Violation : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] inline void violate(const std::string& what) { throw Violation(what); }

inline void demand(bool holds, const char* what) {
  if (!holds) violate(what);
}

}  // namespace quern::sim
