#include "access/role.h"

#include <doctest/doctest.h>

#include <string>

using namespace quern::access;

TEST_CASE("a role reads back from its name, and from nothing else") {
  for (const Role role : {Role::producer, Role::worker, Role::reader, Role::admin}) {
    CHECK(role_from(to_string(role)) == role);
  }
  for (const char* text : {"", "Admin", "admin ", "root"}) CHECK_FALSE(role_from(text));
}

TEST_CASE("each right belongs to the roles that the contract names, and to no other") {
  struct Row {
    Right right;
    std::string roles;  // p, w, r, a; A: an admin of some queues only
  };
  for (const Row& row : {
           Row{Right::nobody, "aA"},
           Row{Right::open, "pwraA"},
           Row{Right::known, "pwraA"},
           Row{Right::read, "praA"},
           Row{Right::submit, "paA"},
           Row{Right::cancel, "paA"},
           Row{Right::work, "waA"},
           Row{Right::observe, "ra"},
           Row{Right::manage, "aA"},
           Row{Right::operate, "a"},
       }) {
    CAPTURE(static_cast<int>(row.right));
    std::string seen;
    if (allows(Role::producer, row.right, true)) seen += 'p';
    if (allows(Role::worker, row.right, true)) seen += 'w';
    if (allows(Role::reader, row.right, true)) seen += 'r';
    if (allows(Role::admin, row.right, true)) seen += 'a';
    if (allows(Role::admin, row.right, false)) seen += 'A';
    // Metrics tell of all queues.
    if (row.right == Right::observe) CHECK_FALSE(allows(Role::reader, row.right, false));
    CHECK(seen == row.roles);
  }
}
