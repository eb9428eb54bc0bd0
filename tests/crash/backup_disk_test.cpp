// Backups onto a disk that is full: the server goes on, and so do the backups that there are.

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "small_disk.h"
#include "support/http_client.h"
#include "support/server.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

constexpr int tasks_at_once = 60;

class Site {
 public:
  Site(const SmallDisk& disk, std::uint64_t space_low)
      : backups_((disk.path() / "backups").string()),
        server_({.data = folder_.path() / "data",
                 .port = 0,
                 .flags = {"--backup-directory", backups_, "--space-low-bytes",
                           std::to_string(space_low)},
                 .environment = {}}) {}

  // About 30 MB that no compression makes smaller.
  void submit_many() {
    constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (int i = 0; i < tasks_at_once; ++i) {
      std::string payload(std::size_t{500'000}, ' ');
      for (char& c : payload) c = digits[random_() & 63];
      const Response response =
          client_.post("/tasks", {{"queue", "q"}, {"type", "t"}, {"payload", payload}});
      INFO(response.body);
      REQUIRE(response.status == 202);
    }
  }
  Response back_up() { return client_.post("/admin/backups"); }
  std::size_t count() { return client_.get("/admin/backups").json()["backups"].size(); }
  bool sound(int id) {
    return client_.post("/admin/backups/" + std::to_string(id) + "/verify").json()["sound"];
  }
  int readiness() { return client_.get("/readyz").status; }

  std::size_t restored_count() {
    const std::string data = (folder_.path() / "restored").string();
    const Finished finished = run_to_end({"backup", "restore", "--from", backups_, "--data", data});
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
    const Server restored({.data = data, .port = 0, .flags = {}, .environment = {}});
    return Client(restored.port(), Client::Log::off).get("/queues/q").json()["counts"]["ready"];
  }

 private:
  TempDir folder_;
  std::string backups_;
  Server server_;
  Client client_{server_.port(), Client::Log::off};
  std::mt19937_64 random_{1};
};

// `left`: what is free when the backup begins that finds no room.
void run_out_of_space(std::uint64_t space_low, std::uint64_t left) {
  SmallDisk disk;
  if (!disk.mounted()) {
    MESSAGE("not root: no file system can be mounted, so nothing was tested");
    return;
  }
  Site site(disk, space_low);
  site.submit_many();
  REQUIRE(site.back_up().status == 200);
  site.submit_many();
  disk.leave(left);

  for (int i = 0; i < 2; ++i) {
    const Response refused = site.back_up();
    CHECK(refused.status == 500);
    CHECK(refused.json()["code"] == "backup_failed");
    INFO(refused.body);
    CHECK(site.count() == 1);
    CHECK(site.sound(1));
    // What there was of it has given its space back.
    CHECK(disk.free() + mib > left);
  }
  CHECK(site.readiness() == 200);
  site.submit_many();

  disk.give_back();
  CHECK(site.back_up().status == 200);
  CHECK(site.count() == 2);
  CHECK(site.restored_count() == 3 * tasks_at_once);
}

TEST_CASE("a backup is given up before its disk is full") { run_out_of_space(16 * mib, 30 * mib); }

TEST_CASE("a backup that finds its disk full fails, and nothing else does") {
  run_out_of_space(mib, 2 * mib);
}

}  // namespace
}  // namespace quern::test
