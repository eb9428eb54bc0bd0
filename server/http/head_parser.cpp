#include "http/head_parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

namespace quern::http {
namespace {

namespace beast = boost::beast;
using beast::error_code;

// Of one chunk's line. Nobody needs extensions; a size fits into 16 digits.
constexpr std::size_t chunk_extension_bytes_max = 256;
constexpr std::size_t chunk_line_bytes_max = 1024;
// What chunk sizes and line ends may add to a body in all.
constexpr std::size_t chunk_overhead_bytes_max = std::size_t{64} << 10;

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

Error refused(std::string_view what, const error_code& ec) {
  return Error{.code = ErrorCode::bad_request,
               .detail = std::string(what) + " is malformed: " + ec.message()};
}

// Gives every callback an empty body, so that a parser below names only those it uses.
class QuietParser : public beast::http::basic_parser<true> {
 public:
  QuietParser() {
    // Both limits are ours to keep, with their own statuses.
    header_limit(~std::uint32_t{0});
    body_limit(boost::none);
  }

 private:
  using Size = boost::optional<std::uint64_t>;
  using Text = beast::string_view;
  void on_request_impl(beast::http::verb, Text, Text, int, error_code&) override {}
  void on_response_impl(int, Text, int, error_code&) override {}
  void on_field_impl(beast::http::field, Text, Text, error_code&) override {}
  void on_header_impl(error_code&) override {}
  void on_body_init_impl(const Size&, error_code&) override {}
  std::size_t on_body_impl(Text body, error_code&) override { return body.size(); }
  void on_chunk_header_impl(std::uint64_t, Text, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, Text body, error_code&) override {
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
};

class HeadParser final : public QuietParser {
 public:
  explicit HeadParser(RequestHead& head) : head_(head) {}

 private:
  void on_request_impl(beast::http::verb, beast::string_view method, beast::string_view target,
                       int version, error_code&) override {
    head_.method = view(method);
    head_.target = view(target);
    head_.http_1_0 = version == 10;
  }
  void on_field_impl(beast::http::field, beast::string_view name, beast::string_view value,
                     error_code&) override {
    head_.fields.push_back({view(name), view(value)});
  }

  RequestHead& head_;
};

// RFC 9112 section 2.2: one empty line may stand before the request line.
std::string_view without_blank_line(std::string_view block) {
  return block.starts_with("\r\n") ? block.substr(2) : block;
}

bool has_bare_lf(std::string_view lines) {
  char before = '\0';
  for (const char c : lines) {
    if (c == '\n' && before != '\r') return true;
    before = c;
  }
  return false;
}

Error bare_lf() {
  return Error{.code = ErrorCode::bad_request,
               .detail = "the chunked body has a line that ends without CR"};
}

}  // namespace

Result<void> parse_head(std::string_view block, RequestHead& head) {
  head.fields.clear();
  head.keep_alive = false;
  HeadParser parser(head);
  block = without_blank_line(block);
  error_code ec;
  parser.put(boost::asio::const_buffer(block.data(), block.size()), ec);
  if (ec) return refused("the header", ec);
  head.keep_alive = parser.keep_alive();
  return {};
}

class ChunkedBody::Parser final : public QuietParser {
 public:
  explicit Parser(std::size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}

  bool bloated() const { return raw_bytes > body_bytes_max_ + chunk_overhead_bytes_max; }

  std::string body;
  std::size_t raw_bytes = 0;
  std::uint64_t chunk_left = 0;  // data still to come; none: what comes next is a line
  bool header_done = false;
  bool too_large = false;

 private:
  void on_header_impl(error_code&) override { header_done = true; }
  void on_field_impl(beast::http::field, beast::string_view, beast::string_view,
                     error_code& ec) override {
    // A trailer: Beast would merge it into the header.
    if (header_done) ec = beast::http::error::bad_field;
  }
  void on_chunk_header_impl(std::uint64_t size, beast::string_view extensions,
                            error_code& ec) override {
    if (extensions.size() > chunk_extension_bytes_max) ec = beast::http::error::bad_chunk_extension;
    too_large = size > body_bytes_max_ - body.size();
    if (too_large) ec = beast::http::error::body_limit;
    chunk_left = size;
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view piece, error_code&) override {
    body.append(piece.data(), piece.size());
    chunk_left -= piece.size();
    return piece.size();
  }

  std::size_t body_bytes_max_;
};

ChunkedBody::ChunkedBody(std::string_view block, std::size_t body_bytes_max)
    : parser_(std::make_unique<Parser>(body_bytes_max)) {
  block = without_blank_line(block);
  error_code ec;
  parser_->put(boost::asio::const_buffer(block.data(), block.size()), ec);
  parser_->eager(true);
}

ChunkedBody::~ChunkedBody() = default;

Result<std::size_t> ChunkedBody::feed(std::string_view bytes) {
  // The shortest rest of a body is "0\r\n\r\n", and Beast asserts that it gets that much.
  constexpr std::size_t rest_bytes_min = 5;
  if (bytes.size() < rest_bytes_min) {
    if (parser_->chunk_left == 0 && has_bare_lf(bytes)) return bare_lf();
    return std::size_t{0};
  }
  error_code ec;
  const std::size_t used = parser_->put(boost::asio::const_buffer(bytes.data(), bytes.size()), ec);
  parser_->raw_bytes += used;
  if (parser_->too_large) {
    return Error{.code = ErrorCode::payload_too_large, .detail = "the chunked body is too large"};
  }
  if (ec && ec != beast::http::error::need_more) return refused("the chunked body", ec);
  // Beast would wait for the CR that makes it a line's end.
  const bool in_line = !parser_->is_done() && parser_->chunk_left == 0;
  if (in_line && has_bare_lf(bytes.substr(used))) return bare_lf();
  const bool endless = !parser_->is_done() && bytes.size() - used > chunk_line_bytes_max;
  if (endless || parser_->bloated()) {
    return Error{.code = ErrorCode::bad_request,
                 .detail = "the chunked body has too many bytes beside its content"};
  }
  return used;
}

bool ChunkedBody::done() const { return parser_->is_done(); }
std::string& ChunkedBody::body() { return parser_->body; }

}  // namespace quern::http
