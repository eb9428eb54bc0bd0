#include "access/role.h"

#include <array>

namespace quern::access {
namespace {

constexpr std::array<std::string_view, 4> role_names = {"producer", "worker", "reader", "admin"};

}  // namespace

std::string_view to_string(Role role) { return role_names[static_cast<std::size_t>(role)]; }

std::optional<Role> role_from(std::string_view text) {
  for (std::size_t i = 0; i < role_names.size(); ++i) {
    if (role_names[i] == text) return static_cast<Role>(i);
  }
  return std::nullopt;
}

bool allows(Role role, Right right, bool whole_server) {
  switch (right) {
    case Right::open:
    case Right::known:
      return true;
    case Right::read:
      return role == Role::producer || role == Role::reader || role == Role::admin;
    case Right::observe:
      return (role == Role::reader || role == Role::admin) && whole_server;
    case Right::submit:
    case Right::cancel:
      return role == Role::producer || role == Role::admin;
    case Right::work:
      return role == Role::worker || role == Role::admin;
    case Right::manage:
    case Right::nobody:
      return role == Role::admin;
    case Right::operate:
      return role == Role::admin && whole_server;
  }
  return false;
}

}  // namespace quern::access
