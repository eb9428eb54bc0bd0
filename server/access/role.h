// Who may do what: the one place that decides it.
//
// Shape    a route asks for one Right (http/routes.cpp names it); allows() is the table of roles
// and
//          rights. Which queues a token may touch is its scope (engine/queue_scope.h), beside this.
// Threads  pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace quern::access {

enum class Role : std::uint8_t { producer, worker, reader, admin };

std::string_view to_string(Role role);
std::optional<Role> role_from(std::string_view text);

enum class Right : std::uint8_t {
  nobody,   // what a route asks for that names none: nobody but an admin gets it
  open,     // no token is needed
  known,    // any token
  read,     // tasks, queues, dead letters
  submit,   //
  cancel,   //
  work,     // lease and settle
  observe,  // the metrics of the server as a whole: not with a token for some queues only
  manage,   // queues: settings, pause, purge, delete, redrive, discard
  operate,  // the server as a whole: an admin of some queues only has not got it
};

// Of a token without patterns. `whole_server`: the token covers every queue.
bool allows(Role role, Right right, bool whole_server);

}  // namespace quern::access
