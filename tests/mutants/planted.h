// Which planted bug is on: the one that the environment variable QUERN_MUTANT names, or none.
//
// Only the copies of sources that plant.py makes include this: no production build knows of it.
#pragma once

#include <cstdlib>
#include <string_view>

namespace quern::mutants {

inline bool is_on(std::string_view name) {
  static const char* const chosen = std::getenv("QUERN_MUTANT");
  return chosen != nullptr && name == chosen;
}

}  // namespace quern::mutants
