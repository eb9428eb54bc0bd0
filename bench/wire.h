// The wires that the load generator speaks beside Quern's own: as much of each as a producer needs,
// so that one loop, one payload and one clock measure them all.
//
// Shape    one submit is in hand per connection. An answer is told as if it were HTTP: status 200
//          for what was stored, 500 for any refusal, the answer itself as the body.
// Source   https://redis.io/docs/latest/develop/reference/protocol-spec/ (RESP2),
//          beanstalkd's doc/protocol.txt, the AMQP 0-9-1 specification (amqp.h).
#pragma once

#include <string>
#include <string_view>

#include "response.h"

namespace quern::bench {

enum class Wire {
  quern,            // HTTP, every mode
  redis,            // LPUSH
  beanstalkd,       // put
  rabbitmq,         // basic.publish, persistent, confirmed, to a durable classic queue
  rabbitmq_quorum,  // the same to a quorum queue
};

// Reads the answer that `bytes` starts with; `partial` until it is whole.
ParsedHead parse_answer(Wire wire, std::string_view bytes);

// One submit of `payload` to `queue`. Not for Wire::quern, whose requests workload.h writes.
void append_submit(Wire wire, std::string_view queue, std::string_view payload, std::string& out);

// What has to be said on a new connection before its first submit, and be answered. `socket`
// blocks. Throws std::runtime_error.
void greet(Wire wire, int socket, const std::string& queue);

}  // namespace quern::bench
