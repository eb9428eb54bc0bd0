// Everything that is decided about a request before its body is read: is the message sound, is it
// for us, who sent it, where does it lead, may they, may it have that body?
//
// Shape    a pure function of the header block.
// Errors   every status of the contract's section 1 that does not need a body.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "http/authorize.h"
#include "http/header_guard.h"
#include "http/raw_head.h"
#include "http/request.h"
#include "http/router.h"
#include "quern/protocol/result.h"

namespace quern::http {

struct AdmissionPolicy {
  std::span<const Route> routes;
  HeadLimits head;
  std::size_t body_bytes_max = limits::body_bytes_max;
};

struct Admitted {
  const Route* route = nullptr;
  Framing framing;
  bool expects_continue = false;
};

struct Refused {
  Error error;
  std::string allow;         // for method_not_allowed
  bool wrong_token = false;  // one was given, and it is not one of ours
  // Where the request ends, unless that is what was refused: then nothing behind it can be read.
  std::optional<Framing> framing;
};

// Fills `head` and `request`, which keep views into `block`, as far as it gets.
std::variant<Admitted, Refused> admit(std::string_view block, const AdmissionPolicy& policy,
                                      const HostPolicy& hosts, const Authority& authority,
                                      RequestHead& head, Request& request);

}  // namespace quern::http
