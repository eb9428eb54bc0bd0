#include "quern/client.h"

#include <utility>

#include "client/impl.h"

namespace quern {

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

const ClientOptions& Client::options() const { return impl_->options; }

void Client::Impl::throw_not_quern(const sdk::Call& call) const {
  throw ApiError(Error{.code = ErrorCode::bad_response,
                       .detail = "the answer to " + std::string(call.method) + " " + call.target +
                                 " is not what a Quern server says: is one at " + options.server +
                                 "?"});
}

namespace sdk {

std::string path_segment(std::string_view pointer, std::string_view text) {
  if (text.empty() || text == "." || text == "..") {
    throw ApiError(invalid_argument(std::string(pointer),
                                    "is \"" + std::string(text) + "\", which names nothing"));
  }
  return percent_encode(text);
}

Query& Query::add(std::string_view name, std::string_view value) {
  if (value.empty()) return *this;
  text_ += text_.empty() ? '?' : '&';
  text_ += name;
  text_ += '=';
  text_ += percent_encode(value);
  return *this;
}

Query& Query::add(const PageOptions& page) {
  return add("limit", std::to_string(page.limit)).add("cursor", page.cursor);
}

}  // namespace sdk
}  // namespace quern
