// The tokens that a server knows: by their digests, never by what clients send.
//
// Threads  constant once made; shared by all io threads, and replaced as a whole on a reload.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "access/digest.h"
#include "access/role.h"
#include "engine/queue_scope.h"
#include "quern/protocol/result.h"
#include "quern/protocol/timestamp.h"

namespace quern::access {

// What one token stands for.
struct Token {
  std::string name;  // in logs and files
  Role role = Role::reader;
  engine::Scope queues;  // null: all
  std::optional<Timestamp> expires_at;
  Digest digest{};

  bool expired(Timestamp now) const { return expires_at && *expires_at <= now; }
  bool may(Right right) const { return allows(role, right, queues == nullptr); }
  bool may_use(std::string_view queue) const { return engine::covers(queues, queue); }
};

using TokenPtr = std::shared_ptr<const Token>;

// As clients send it: visible ASCII. Shorter ones could be guessed and are never looked up.
inline constexpr std::size_t token_bytes_min = 32;
inline constexpr std::size_t token_bytes_max = 512;

class TokenSet {
 public:
  // No two of them have the same digest.
  explicit TokenSet(std::vector<Token> tokens);

  // Null: there is none, or it has expired.
  TokenPtr find(std::string_view presented, Timestamp now) const;
  TokenPtr find(const Digest& digest, Timestamp now) const;
  std::size_t size() const { return tokens_.size(); }

 private:
  std::vector<TokenPtr> tokens_;  // by digest
};

}  // namespace quern::access
