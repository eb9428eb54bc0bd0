#include "access/token_file.h"

#include <algorithm>
#include <map>
#include <utility>

#include "access/private_file.h"
#include "quern/protocol/limits.h"

namespace quern::access {
namespace {

constexpr std::string_view digest_prefix = "sha256:";
constexpr std::string_view blanks = " \t";

Error unfit(std::string detail) {
  return Error{.code = ErrorCode::invalid_argument, .detail = std::move(detail)};
}

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find_first_of(separators);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words = split(line, blanks);
  std::erase(words, std::string_view{});
  return words;
}

Result<engine::Scope> scope_from(std::string_view text) {
  std::vector<std::string> patterns;
  for (const std::string_view pattern : split(text, ",")) {
    if (!engine::is_queue_pattern(pattern)) {
      return unfit(
          "queues= must be names of queues, in which * stands for anything, separated by commas");
    }
    patterns.emplace_back(pattern);
  }
  return engine::Scope(std::make_shared<const engine::QueueScope>(std::move(patterns)));
}

Result<void> read_option(std::string_view word, Token& token) {
  const std::size_t equals = std::min(word.find('='), word.size());
  const std::string_view key = word.substr(0, equals);
  const std::string_view value = word.substr(std::min(equals + 1, word.size()));
  if (key == "queues") {
    if (token.queues) return unfit("queues= is given twice");
    Result<engine::Scope> scope = scope_from(value);
    if (!scope) return std::move(scope).error();
    token.queues = *std::move(scope);
    return {};
  }
  if (key == "expires") {
    if (token.expires_at) return unfit("expires= is given twice");
    token.expires_at = parse_rfc3339(value);
    if (token.expires_at) return {};
    return unfit("expires= must be a time as in 2027-01-31T12:00:00Z");
  }
  return unfit("after the digest come queues= and expires=, nothing else");
}

Result<Token> read_line(std::string_view line) {
  const std::vector<std::string_view> words = words_of(line);
  if (words.size() < 3) return unfit("a token is: name role sha256:digest");
  Token token;
  if (!is_name(words[0])) {
    return unfit("the name must be 1..128 of A-Z a-z 0-9 _ . : -, starting with none of . : -");
  }
  token.name = words[0];
  const std::optional<Role> role = role_from(words[1]);
  if (!role) return unfit("the role must be producer, worker, reader or admin");
  token.role = *role;
  const std::optional<Digest> digest = words[2].starts_with(digest_prefix)
                                           ? digest_from_hex(words[2].substr(digest_prefix.size()))
                                           : std::nullopt;
  if (!digest) return unfit("the third word must be sha256: and 64 hexadecimal digits");
  token.digest = *digest;
  for (std::size_t i = 3; i < words.size(); ++i) {
    if (Result<void> read = read_option(words[i], token); !read) return std::move(read).error();
  }
  return token;
}

}  // namespace

Result<void> check_token_line(std::string_view line) {
  // More than one line would be more than one token.
  if (line.find('\n') != std::string_view::npos) return unfit("a token is one line");
  Result<Token> token = read_line(line);
  if (!token) return std::move(token).error();
  return {};
}

Result<TokenSet> parse_tokens(std::string_view text, const std::string& source) {
  std::vector<Token> tokens;
  std::map<Digest, std::size_t> digests;  // and the lines that they are on
  std::map<std::string, std::size_t, std::less<>> names;
  std::size_t number = 0;
  for (std::string_view line : split(text, "\n")) {
    ++number;
    if (line.ends_with('\r')) line.remove_suffix(1);
    line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto refused = [&](const std::string& why) {
      return unfit(source + ": line " + std::to_string(number) + ": " + why);
    };
    Result<Token> token = read_line(line);
    if (!token) return refused(token.error().detail);
    if (const auto [at, is_new] = names.emplace(token->name, number); !is_new) {
      return refused("the name is that of line " + std::to_string(at->second));
    }
    if (const auto [at, is_new] = digests.emplace(token->digest, number); !is_new) {
      return refused("the digest is that of line " + std::to_string(at->second));
    }
    tokens.push_back(*std::move(token));
  }
  return TokenSet(std::move(tokens));
}

Result<TokenSet> read_token_file(const std::filesystem::path& path) {
  Result<std::string> text = read_private_file(path);
  if (!text) return std::move(text).error();
  Result<TokenSet> tokens = parse_tokens(*text, path.string());
  if (tokens && tokens->size() == 0) {
    return unfit(path.string() +
                 " has no tokens, so nobody could use the server: `quernd token new` makes one");
  }
  return tokens;
}

Result<void> append_token_line(const std::filesystem::path& path, const std::string& line) {
  std::string text;
  if (std::filesystem::exists(path)) {
    Result<std::string> present = read_private_file(path);
    if (!present) return std::move(present).error();
    text = *std::move(present);
  }
  const std::string added = (text.empty() || text.ends_with('\n') ? "" : "\n") + line + "\n";
  // As a whole, so that nothing is added that a server would stumble over.
  Result<TokenSet> whole = parse_tokens(text + added, path.string());
  if (!whole) return std::move(whole).error();
  return append_private_file(path, added);
}

}  // namespace quern::access
