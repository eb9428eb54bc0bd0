// What a request's header fields may say before anything else is looked at: where the body ends
// must be beyond doubt, and the request must be meant for us.
//
// Shape    pure functions of a parsed head.
// Errors   bad_request and not_implemented from check_framing(): where the request ends is not
// sure,
//          so answer and close. The others leave the connection usable.
// Source   RFC 9112 sections 3.2, 6; RFC 9110 sections 5.3, 7.2, 10.1.1.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "http/request.h"
#include "quern/protocol/result.h"

namespace quern::http {

// How the body is delimited.
struct Framing {
  std::uint64_t content_length = 0;
  bool chunked = false;

  bool has_body() const { return chunked || content_length > 0; }
};

// Picks out the fields that we know, into `fields`, which is empty.
//   bad_request  one of them is given twice
Result<void> collect_fields(const RequestHead& head, KnownFields& fields);

Result<Framing> check_framing(const RequestHead& head, const KnownFields& fields);

// The names that we answer to, beside the loopback ones. Lower case, without ports, IPv6 addresses
// without brackets.
struct HostPolicy {
  std::span<const std::string> allowed;  // what was configured: --listen and --allowed-hosts
  std::string local_address;             // of this connection, our side
  bool tls = false;                      // "https:" is ours, "http:" is not
};

// Splits "host[:port]", as in a Host field. False when it is neither a name nor an address.
bool split_authority(std::string_view authority, std::string& host_lower);

// Host, or the authority of an absolute-form target, Origin, and Sec-Fetch-Site. `target_authority`
// is empty for the origin form.
//   bad_request          Host is not a host
//   misdirected_request  we do not go by that name: DNS rebinding ends here
//   forbidden            a page of another origin made the request
Result<void> check_origin(const KnownFields& fields, std::string_view target_authority,
                          const HostPolicy& policy);

// Whether the client waits for "100 Continue".
//   expectation_failed  it expects something else
Result<bool> expects_continue(const RequestHead& head, const KnownFields& fields);

// What a body may be, of a request that has one.
//   unsupported_media_type  not JSON by name, or encoded
Result<void> check_media_type(const KnownFields& fields, bool merge_patch_too);

}  // namespace quern::http
