#include "access/token_set.h"

#include <algorithm>
#include <utility>

namespace quern::access {
namespace {

// How far a search may look at a digest. What a search of a few bytes of a hash gives away says
// nothing about a token that would have the others too.
constexpr std::size_t prefix_bytes = 8;

bool prefix_before(const Digest& a, const Digest& b) {
  return std::lexicographical_compare(a.begin(), a.begin() + prefix_bytes, b.begin(),
                                      b.begin() + prefix_bytes);
}

}  // namespace

TokenSet::TokenSet(std::vector<Token> tokens) {
  for (Token& token : tokens) tokens_.push_back(std::make_shared<const Token>(std::move(token)));
  std::sort(tokens_.begin(), tokens_.end(), [](const TokenPtr& a, const TokenPtr& b) {
    return prefix_before(a->digest, b->digest);
  });
}

TokenPtr TokenSet::find(std::string_view presented, Timestamp now) const {
  if (presented.size() < token_bytes_min || presented.size() > token_bytes_max) return nullptr;
  return find(sha256(presented), now);
}

TokenPtr TokenSet::find(const Digest& digest, Timestamp now) const {
  auto at = std::lower_bound(tokens_.begin(), tokens_.end(), digest,
                             [](const TokenPtr& token, const Digest& wanted) {
                               return prefix_before(token->digest, wanted);
                             });
  for (; at != tokens_.end() && !prefix_before(digest, (*at)->digest); ++at) {
    if (same((*at)->digest, digest)) return (*at)->expired(now) ? nullptr : *at;
  }
  return nullptr;
}

}  // namespace quern::access
