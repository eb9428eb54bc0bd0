#include "raw_json.h"

namespace quern::test {
namespace {

constexpr std::string_view space = " \t\r\n";

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool take(char wanted) {
    skip_space();
    if (rest_.empty() || rest_.front() != wanted) return false;
    rest_.remove_prefix(1);
    return true;
  }

  // The bytes of the value that comes next.
  std::string_view value() {
    skip_space();
    const std::string_view begin = rest_;
    if (take('"')) {
      skip_rest_of_string();
    } else if (!rest_.empty() && (rest_.front() == '{' || rest_.front() == '[')) {
      skip_container();
    } else {
      const std::size_t end = rest_.find_first_of(" \t\r\n,]}");
      rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
    }
    return begin.substr(0, begin.size() - rest_.size());
  }

 private:
  void skip_space() {
    const std::size_t begin = rest_.find_first_not_of(space);
    rest_.remove_prefix(begin == std::string_view::npos ? rest_.size() : begin);
  }

  void skip_rest_of_string() {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(c == '\\' && rest_.size() > 1 ? 2 : 1);
      if (c == '"') return;
    }
  }

  void skip_container() {
    for (int depth = 0; !rest_.empty();) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') skip_rest_of_string();
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (depth == 0) return;
    }
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::string_view> raw_member(std::string_view text, std::string_view name) {
  Scanner scanner(text);
  if (!scanner.take('{') || scanner.take('}')) return std::nullopt;
  do {
    const std::string_view key = scanner.value();
    if (!scanner.take(':')) return std::nullopt;
    const std::string_view value = scanner.value();
    if (key.size() == name.size() + 2 && key.substr(1, name.size()) == name) return value;
  } while (scanner.take(','));
  return std::nullopt;
}

std::optional<std::string_view> raw_element(std::string_view text, std::size_t index) {
  Scanner scanner(text);
  if (!scanner.take('[') || scanner.take(']')) return std::nullopt;
  for (;;) {
    const std::string_view value = scanner.value();
    if (index-- == 0) return value;
    if (!scanner.take(',')) return std::nullopt;
  }
}

}  // namespace quern::test
