// The real server behind a network that makes trouble, for what is tested through it.
//
// Threads  one.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quern/client.h"
#include "quernd.h"
#include "support/eventually.h"
#include "support/tcp_proxy.h"

namespace quern::test {

// Where an answer is cut: before it begins, within its header, within its body. The last is less
// than the shortest answer that says anything, that of one task settled (230 bytes).
inline const std::vector<Trouble> every_trouble = {
    {.kind = Trouble::Kind::drop_request},
    {.kind = Trouble::Kind::cut_answer},
    {.kind = Trouble::Kind::cut_answer, .answer_bytes = 100},
    {.kind = Trouble::Kind::cut_answer, .answer_bytes = 180},
    {.kind = Trouble::Kind::reset_answer},
    {.kind = Trouble::Kind::reset_answer, .answer_bytes = 100},
    {.kind = Trouble::Kind::swallow_request},
    {.kind = Trouble::Kind::swallow_answer},
};

inline std::string name_of(const Trouble& trouble) {
  return std::string(to_string(trouble.kind)) + " " + std::to_string(trouble.answer_bytes);
}

// A server, a way to it that makes trouble, and one that does not.
struct TroubledSetting {
  Quernd quernd;
  TcpProxy proxy{quernd.port()};
  quern::Client direct{{.server = quernd.url()}};

  void await_strikes(std::size_t count) {
    eventually(
        "trouble strikes", [this] { return proxy.struck(); },
        [&](std::size_t struck) { return struck >= count; });
  }
};

}  // namespace quern::test
