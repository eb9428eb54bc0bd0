#include "http/target.h"

#include <algorithm>

#include "http/ascii.h"

namespace quern::http {
namespace {

Error malformed(std::string_view what) {
  return Error{.code = ErrorCode::bad_request, .detail = "the request target " + std::string(what)};
}

enum class Plus : bool { plus, space };

Result<std::string> percent_decoded(std::string_view text, Plus plus) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus == Plus::space) {
      out += ' ';
    } else if (text[at] != '%') {
      out += text[at];
    } else {
      const int high = at + 2 < text.size() ? hex_value(text[at + 1]) : -1;
      const int low = at + 2 < text.size() ? hex_value(text[at + 2]) : -1;
      if (high < 0 || low < 0)
        return malformed("has a '%' that is not followed by two hexadecimal digits");
      const int byte = high * 16 + low;
      if (byte == 0) return malformed("has an escaped NUL");
      out += static_cast<char>(byte);
      at += 2;
    }
  }
  return out;
}

// Calls `take` with each part of `text` between separators, until it fails.
template <typename Take>
Result<void> for_each_part(std::string_view text, char separator, Take take) {
  for (;;) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (Result<void> taken = take(text.substr(0, end)); !taken) return taken;
    if (end == text.size()) return {};
    text.remove_prefix(end + 1);
  }
}

Result<void> parse_path(std::string_view path, Target& target) {
  // "/" alone has no segments.
  if (path.size() == 1) return {};
  return for_each_part(path.substr(1), '/', [&](std::string_view part) -> Result<void> {
    Result<std::string> segment = percent_decoded(part, Plus::plus);
    if (!segment) return std::move(segment).error();
    target.segments.push_back(*std::move(segment));
    return {};
  });
}

Result<void> parse_query(std::string_view query, Target& target) {
  return for_each_part(query, '&', [&](std::string_view part) -> Result<void> {
    if (part.empty()) return {};
    const std::size_t equals = std::min(part.find('='), part.size());
    Result<std::string> name = percent_decoded(part.substr(0, equals), Plus::space);
    if (!name) return std::move(name).error();
    Result<std::string> value =
        percent_decoded(part.substr(std::min(equals + 1, part.size())), Plus::space);
    if (!value) return std::move(value).error();
    target.query.push_back({*std::move(name), *std::move(value)});
    return {};
  });
}

// Cuts "http://authority" or "https://authority" off an absolute form; the origin form stays as it
// is.
Result<void> take_authority(std::string_view& text, Target& target) {
  if (text.starts_with('/')) return {};
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return malformed("does not start with '/'");
  target.https = equals_ignoring_case(text.substr(0, colon), "https");
  if (!target.https && !equals_ignoring_case(text.substr(0, colon), "http")) {
    return Error{.code = ErrorCode::misdirected_request,
                 .detail = "this server speaks http and is nobody's proxy"};
  }
  text.remove_prefix(colon + 3);
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  target.authority = text.substr(0, end);
  if (target.authority.empty()) return malformed("names no host");
  text.remove_prefix(end);
  return {};
}

}  // namespace

Result<void> parse_target(std::string_view text, Target& target) {
  if (text.find('#') != std::string_view::npos) return malformed("has a fragment");
  if (Result<void> taken = take_authority(text, target); !taken) return taken;

  const std::size_t mark = std::min(text.find('?'), text.size());
  const std::string_view path = text.substr(0, mark);
  if (Result<void> parsed = parse_path(path.empty() ? "/" : path, target); !parsed) return parsed;
  return parse_query(text.substr(std::min(mark + 1, text.size())), target);
}

}  // namespace quern::http
