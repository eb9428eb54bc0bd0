#include "temp_dir.h"

#include <cstdlib>
#include <string>
#include <system_error>

namespace quern::test {

TempDir::TempDir() {
  std::string name = (std::filesystem::temp_directory_path() / "quern-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp " + name);
  }
  path_ = name;
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace quern::test
