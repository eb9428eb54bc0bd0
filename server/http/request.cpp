#include "http/request.h"

namespace quern::http {
namespace {

constexpr std::array<std::string_view, 9> method_names = {
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"};

}  // namespace

std::optional<Method> method_from(std::string_view text) {
  for (std::size_t i = 0; i < method_names.size(); ++i) {
    if (method_names[i] == text) return static_cast<Method>(i);
  }
  return std::nullopt;
}

std::string_view to_string(Method method) { return method_names[static_cast<std::size_t>(method)]; }

}  // namespace quern::http
