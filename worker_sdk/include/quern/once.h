// Where a worker remembers what it has done, so that a task that comes again does it once.
//
// Shape    a map from key to text. Context::once() makes its keys of the task's id and a name.
// Threads  any: handlers run on several.
// Errors   what find() and keep() throw fails the attempt, like any exception of a handler.
// Promises none beyond the store's own: the effect and its mark are two steps. A crash between them
//          repeats the effect. When the effect is in the same database as the marks, do both in one
//          transaction instead (docs/worker.md has the recipe).
#pragma once

#include <optional>
#include <string>

namespace quern {

class OnceStore {
 public:
  virtual ~OnceStore() = default;

  // What is kept under `key`.
  virtual std::optional<std::string> find(const std::string& key) = 0;
  // Keeps `value` durably, unless something is there already: two attempts may overlap when a lease
  // was lost, and the first one counts. Returns what is kept now.
  virtual std::string keep(const std::string& key, const std::string& value) = 0;
};

}  // namespace quern
