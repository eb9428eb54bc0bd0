// The real server on a small file system of its own that fills up and empties again. Needs the
// right to mount one (root); without it the test says so and does nothing.

#include <doctest/doctest.h>

#include <optional>
#include <string>

#include "small_disk.h"
#include "support/eventually.h"
#include "support/http_client.h"
#include "support/server.h"

namespace quern::test {
namespace {

Json task(std::size_t payload_bytes) {
  return {{"queue", "q"}, {"type", "t"}, {"payload", std::string(payload_bytes, 'x')}};
}

// Submits until something else than 202 comes back.
Response submit_until_refused(Client& client) {
  for (int i = 0; i < 4'000; ++i) {
    Response response = client.post("/tasks", task(100'000));
    if (response.status != 202) return response;
  }
  FAIL("256 MiB took 400 MB");
  return {};
}

void settle_one(Client& client) {
  const Json leased = client.post("/leases", {{"queues", {"q"}}}).json();
  REQUIRE(leased.at("tasks").size() == 1);
  const Json& first = leased.at("tasks").at(0);
  const Response done =
      client.post("/tasks/" + first.at("id").get<std::string>() + "/complete",
                  {{"lease_token", first.at("lease").at("token")}, {"result", "done"}});
  CHECK(done.status == 200);
}

TEST_CASE("a disk that fills up: new tasks are refused, old ones settled, and it heals by itself") {
  SmallDisk disk;
  if (!disk.mounted()) {
    MESSAGE("not root: no file system can be mounted, so nothing was tested");
    return;
  }
  Server server({.data = disk.path() / "data",
                 .flags = {"--space-low-bytes", std::to_string(64 * mib), "--space-reserve-bytes",
                           std::to_string(16 * mib)}});
  Client client(server.port(), Client::Log::off);
  const Response refused = submit_until_refused(client);
  CHECK(refused.status == 503);
  CHECK(refused.json().at("code") == "read_only");
  CHECK(refused.header("Retry-After") == "10");
  const Response readiness = client.get("/readyz");
  CHECK(readiness.status == 503);
  CHECK(readiness.json().at("code") == "read_only");
  CHECK(client.get("/healthz").status == 200);
  settle_one(client);

  // Somebody else takes nearly all of the rest: the reserve makes room once more.
  disk.leave(mib);
  eventually(
      "the reserve is given up", [&] { return disk.free(); },
      [](std::uint64_t free) { return free > 10 * mib; });
  settle_one(client);
  CHECK(client.post("/queues/q/purge", {{"states", {"succeeded"}}}).json().at("purged") == 2);

  // And that, too: the server stays, and says why it does nothing.
  disk.leave(mib);
  eventually(
      "it answers 503",
      [&] {
        return client.post("/leases", {{"queues", {"q"}}}).status;
      },
      [](int status) { return status == 503; });
  CHECK(client.get("/healthz").status == 200);

  disk.give_back();
  eventually(
      "it has recovered", [&] { return client.get("/queues/q").status; },
      [](int status) { return status == 200; });
  eventually(
      "all that waits can be purged",
      [&] {
        return client.post("/queues/q/purge", {{"states", {"ready"}}}).status;
      },
      [](int status) { return status == 200; });
  eventually(
      "and in the end new tasks are taken", [&] { return client.post("/tasks", task(10)).status; },
      [](int status) { return status == 202; });
  CHECK(server.terminate() == 0);
}

}  // namespace
}  // namespace quern::test
