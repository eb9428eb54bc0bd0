// A message's head and its chunked body, in any pieces.
//
// Promises: where a head ends, and what a chunked body holds, does not depend on how the bytes are
// cut; what is admitted has one length that a second, much simpler reader agrees with.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "http/admission.h"
#include "http/ascii.h"
#include "http/head_parser.h"
#include "http/raw_head.h"
#include "input.h"

namespace {

using namespace quern;
using fuzz::Input;
using fuzz::require;

// What a scan comes to: an error's code, or a size, which is 0 while there is no end.
struct Scanned {
  std::optional<ErrorCode> refused;
  std::size_t size = 0;
  bool operator==(const Scanned&) const = default;
};

Scanned scan_in_pieces(std::string_view bytes, std::size_t piece) {
  const http::HeadLimits limits{
      .header_bytes_max = 1024, .target_bytes_max = 256, .fields_max = 16};
  http::RawHeadScanner scanner(limits);
  for (std::size_t have = std::min(piece, bytes.size());;
       have = std::min(have + piece, bytes.size())) {
    Result<std::size_t> size = scanner.scan(bytes.substr(0, have));
    if (!size) return {.refused = size.error().code};
    if (*size > 0 || have == bytes.size()) return {.refused = {}, .size = *size};
  }
}

// Both may be refused for different reasons: the whole is too large before it is wrong, say.
void check_scans_agree(std::string_view bytes, std::size_t piece) {
  const Scanned whole = scan_in_pieces(bytes, bytes.size() + 1);
  const Scanned cut = scan_in_pieces(bytes, piece);
  require(whole.refused.has_value() == cut.refused.has_value() && whole.size == cut.size,
          "how a head is cut makes no difference");
}

// The lengths that the lines of a head name, read line by line without any grammar.
std::vector<std::string> values_of(std::string_view block, std::string_view name) {
  std::vector<std::string> values;
  while (!block.empty()) {
    const std::size_t end = std::min(block.find("\r\n"), block.size());
    const std::string_view line = block.substr(0, end);
    block.remove_prefix(std::min(end + 2, block.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    if (!http::equals_ignoring_case(line.substr(0, colon), name)) continue;
    values.emplace_back(http::trimmed(line.substr(colon + 1)));
  }
  return values;
}

void check_framing(std::string_view block, const http::Framing& framing) {
  const std::vector<std::string> lengths = values_of(block, "content-length");
  const std::vector<std::string> codings = values_of(block, "transfer-encoding");
  require(lengths.size() + codings.size() <= 1, "one field alone says how long a body is");
  require(framing.chunked == !codings.empty(), "a body is chunked if a field says so");
  if (framing.chunked) require(http::equals_ignoring_case(codings[0], "chunked"), "it is chunked");
  if (!lengths.empty()) {
    std::string digits = lengths[0];
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
    require(std::to_string(framing.content_length) == digits, "a length is read as it is written");
  } else {
    require(framing.content_length == 0, "no length is none");
  }
  require(
      block.find("\n ") == std::string_view::npos && block.find("\n\t") == std::string_view::npos,
      "no line is folded");
}

struct Unchunked {
  bool refused = false;
  bool done = false;
  std::string body;
  std::size_t used = 0;
};

Unchunked unchunk(std::string_view block, std::string_view bytes, std::size_t piece) {
  http::ChunkedBody chunked(block, 2000);
  Unchunked result;
  std::size_t have = 0;
  while (!chunked.done()) {
    if (have == bytes.size()) return result;
    have = std::min(have + piece, bytes.size());
    Result<std::size_t> used = chunked.feed(bytes.substr(result.used, have - result.used));
    if (!used) {
      result.refused = true;
      return result;
    }
    require(*used <= have - result.used, "no more is used than was there");
    result.used += *used;
  }
  result.done = true;
  result.body = chunked.body();
  require(result.body.size() <= 2000, "a body is within its limit");
  return result;
}

void check_chunks_agree(std::string_view block, std::string_view bytes, std::size_t piece) {
  const Unchunked whole = unchunk(block, bytes, bytes.size() + 1);
  const Unchunked cut = unchunk(block, bytes, piece);
  if (whole.done && cut.done) {
    require(whole.body == cut.body && whole.used == cut.used,
            "how a body is cut makes no difference");
  }
  require(!(whole.done && cut.refused), "what is whole in one piece is not refused in several");
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer looks for this name.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t piece = std::size_t{1} + input.byte();
  const std::string_view bytes = input.rest();
  check_scans_agree(bytes, piece);

  const http::HeadLimits limits;
  http::RawHeadScanner scanner(limits);
  Result<std::size_t> head_size = scanner.scan(bytes);
  if (!head_size || *head_size == 0) return 0;
  const std::string block(bytes.substr(0, *head_size));
  const http::AdmissionPolicy policy{
      .routes = http::all_routes(), .head = {}, .body_bytes_max = 2000};
  const http::HostPolicy hosts{.allowed = {}, .local_address = "192.0.2.1"};
  http::RequestHead head;
  http::Request request;
  const auto admission = http::admit(block, policy, hosts, http::Authority{}, head, request);
  const auto* refused = std::get_if<http::Refused>(&admission);
  if (refused != nullptr) {
    require(!refused->error.detail.empty(), "a refusal says why");
    if (refused->framing) check_framing(block, *refused->framing);
    return 0;
  }
  const auto& admitted = std::get<http::Admitted>(admission);
  check_framing(block, admitted.framing);
  if (admitted.framing.chunked) check_chunks_agree(block, bytes.substr(*head_size), piece);
  return 0;
}
