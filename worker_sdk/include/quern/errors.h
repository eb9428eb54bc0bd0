// What the SDK throws, and what a handler throws to say how its task failed.
//
// ApiError  every call of Client: the server refused, or could not be reached. code() says which.
// Permanent thrown by a handler: the task can never succeed; straight to the dead-letter queue.
// Retry     thrown by a handler: try again, after this long or after the queue's backoff.
// Release   thrown by a handler: give the task back for a while; the attempt does not count.
// Anything else that a handler throws fails the attempt; the queue's retry policy decides what
// next.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "quern/protocol/error_code.h"
#include "quern/protocol/result.h"
#include "quern/protocol/timestamp.h"

namespace quern {

// A call that did not succeed. After `unreachable` or any 5xx code the outcome of a write is
// unknown: repeat it with the same idempotency key or lease token. After any other code nothing
// changed.
class ApiError : public std::runtime_error {
 public:
  explicit ApiError(Error error);

  ErrorCode code() const { return error_.code; }
  // The server is away or busy: the same call may succeed later.
  bool is_transient() const;
  const std::string& detail() const { return error_.detail; }  // what() is "code: detail"
  // Which fields of the request were wrong, by JSON Pointer. Empty unless invalid_argument.
  const std::vector<FieldError>& fields() const { return error_.fields; }
  // How long the server asks to wait; zero when it did not say.
  Duration retry_after() const { return Duration{1000} * error_.retry_after_seconds; }
  const Error& error() const { return error_; }

 private:
  Error error_;
};

// `type` groups failures: `qctl dead list` shows it, and dead letters can be redriven by it.
class Permanent : public std::runtime_error {
 public:
  explicit Permanent(const std::string& message, std::string type = "Permanent")
      : std::runtime_error(message), type_(std::move(type)) {}
  const std::string& type() const { return type_; }

 private:
  std::string type_;
};

// An attempt that failed where another one may succeed. When is up to `after`; without it, as for
// any other exception, to the queue's retry policy, but with a type and message of your own.
class Retry : public std::runtime_error {
 public:
  explicit Retry(Duration after, const std::string& message = "the handler asked for a retry",
                 std::string type = "Retry")
      : std::runtime_error(message), after_(after), type_(std::move(type)) {}
  explicit Retry(const std::string& message, std::string type = "Retry")
      : std::runtime_error(message), type_(std::move(type)) {}

  std::optional<Duration> after() const { return after_; }  // nullopt: the queue's backoff
  const std::string& type() const { return type_; }

 private:
  std::optional<Duration> after_;
  std::string type_;
};

// For work that did not begin: something that it needs is not to be had just now. The task can be
// leased again after this long, by any worker, and has lost no attempt. Nothing limits how often,
// so give it time.
class Release : public std::runtime_error {
 public:
  explicit Release(Duration after, const std::string& message = "the handler gave the task back")
      : std::runtime_error(message), after_(after) {}
  Duration after() const { return after_; }

 private:
  Duration after_;
};

}  // namespace quern
