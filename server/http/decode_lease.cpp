#include <algorithm>
#include <string>
#include <utility>

#include "http/decode.h"
#include "http/decode_settle.h"
#include "http/request_body.h"

namespace quern::http {
namespace {

constexpr std::string_view lease_fields[] = {"queues",   "max_tasks", "wait_ms",
                                             "lease_ms", "worker_id", "settle"};
constexpr JsonNames lease_names{.noun = "a field of a lease", .known = lease_fields};

std::vector<std::string> read_queues(JsonFields& field) {
  std::vector<std::string> queues;
  JsonItems item(field, limits::lease_queues_max);
  while (item.next()) {
    std::optional<std::string> name = item.name_text();
    // A queue named twice is leased from like one named once.
    if (name && std::find(queues.begin(), queues.end(), *name) == queues.end()) {
      queues.push_back(*std::move(name));
    }
  }
  if (item.is_array() && item.count() == 0) field.error("must name at least one queue");
  return queues;
}

void read_lease_field(JsonFields& field, RequestBody& body, const RequestLimits& limits,
                      engine::Lease& lease) {
  const std::string_view name = field.name();
  if (name == "queues") {
    lease.queues = read_queues(field);
  } else if (name == "max_tasks") {
    const auto count = field.integer(0, static_cast<std::int64_t>(limits.lease_tasks_max));
    lease.tasks_max = static_cast<std::uint32_t>(count.value_or(1));
  } else if (name == "wait_ms") {
    lease.wait = field.duration(Duration{0}, limits.wait_max).value_or(Duration{0});
  } else if (name == "lease_ms") {
    lease.lease = field.duration(limits::lease_min, limits::lease_max);
  } else if (name == "worker_id") {
    lease.worker_id = field.text(0, limits::worker_id_bytes_max).value_or("");
  } else if (name == "settle") {
    lease.settle = read_settle_list(field, body, limits);
  }
}

}  // namespace

Result<engine::Lease> decode_lease(std::string_view text, const RequestLimits& limits) {
  RequestBody body(text, limits);
  engine::Lease lease;
  JsonFields field(body.root(), lease_names);
  while (field.next()) read_lease_field(field, body, limits, lease);
  field.require("queues");
  if (Result<void> done = body.finish(); !done) return std::move(done).error();
  return lease;
}

}  // namespace quern::http
