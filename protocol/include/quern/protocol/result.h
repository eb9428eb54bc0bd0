// What a call that can fail returns: a value, or an Error that says what the caller should do next.
//
// Shape    Result<T> has the member names of C++23's std::expected, so that an alias can take its
//          place.
// Threads  plain values.
#pragma once

#include <cassert>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "quern/protocol/error_code.h"

namespace quern {

// One thing wrong with a request. `pointer` is an RFC 6901 JSON Pointer into the body; for a query
// parameter or a header it is the name as if that were a field: "/wait_ms", "/Idempotency-Key".
struct FieldError {
  std::string pointer;
  std::string detail;
};

// Why a call failed. `detail` is for people: what was found, what the limit is, what to do.
struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string detail;
  std::vector<FieldError> fields = {};    // validation problems, else empty
  std::uint32_t retry_after_seconds = 0;  // 0: not said
};

// The pointer "" is the whole body.
inline Error invalid_argument(std::string pointer, std::string detail) {
  return Error{.code = ErrorCode::invalid_argument,
               .detail = (pointer.empty() ? "the body" : pointer) + " " + detail,
               .fields = {{std::move(pointer), std::move(detail)}}};
}

template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(Error error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  T& value() & { return *std::get_if<0>(&state_); }
  const T& value() const& { return *std::get_if<0>(&state_); }
  T&& value() && { return std::move(*std::get_if<0>(&state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  Error& error() & { return *std::get_if<1>(&state_); }
  const Error& error() const& { return *std::get_if<1>(&state_); }
  Error&& error() && { return std::move(*std::get_if<1>(&state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : failed_(true), error_(std::move(error)) {}  // NOLINT: implicit by design

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  bool failed_ = false;
  Error error_;
};

// Ok, for functions that return Result<void>.
using Ok = Result<void>;

}  // namespace quern
