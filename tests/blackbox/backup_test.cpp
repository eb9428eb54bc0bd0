// Backups over HTTP, and `quernd backup` on what they leave.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "steps.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

namespace fs = std::filesystem;

struct Site {
  TempDir folder;
  ServerOptions options;
  std::optional<Server> server;
  std::optional<Client> client;

  explicit Site(const std::vector<std::string>& flags = {}) {
    options.data = folder.path() / "data";
    options.flags = {"--backup-directory", backups()};
    options.flags.insert(options.flags.end(), flags.begin(), flags.end());
    start();
  }

  void start() {
    server.emplace(options);
    client.emplace(server->port());
  }
  std::string backups() const { return (folder.path() / "backups").string(); }
  std::string path(const std::string& name) const { return (folder.path() / name).string(); }

  Json call(const Response& response, int status = 200) {
    INFO(response.body);
    REQUIRE(response.status == status);
    return response.json();
  }
  std::string submit(const std::string& key = "") {
    Json task = {{"type", "work"}, {"queue", "q"}, {"payload", {{"n", 1}}}};
    if (!key.empty()) task["idempotency_key"] = key;
    return call(client->post("/tasks", task), 202)["id"];
  }
  Json back_up() { return call(client->post("/admin/backups")); }
  Json list() { return call(client->get("/admin/backups"))["backups"]; }

  // A server on what `quernd backup restore` makes of them.
  Server restored(const std::string& name, std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.begin(),
                     {"backup", "restore", "--from", backups(), "--data", path(name)});
    const Finished finished = run_to_end(arguments);
    INFO(finished.errors);
    REQUIRE(finished.status == 0);
    return Server({.data = folder.path() / name, .port = 0, .flags = {}, .environment = {}});
  }
};

fs::path largest_table(const fs::path& folder) {
  fs::path largest;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() != ".sst") continue;
    if (largest.empty() || entry.file_size() > fs::file_size(largest)) largest = entry.path();
  }
  REQUIRE(!largest.empty());
  return largest;
}

void flip_byte(const fs::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(100);
  const int byte = file.get();
  file.seekp(100);
  file.put(static_cast<char>(byte ^ 0x20));
  REQUIRE(file.flush().good());
}

TEST_CASE("a backup is made, listed, found sound and restored elsewhere") {
  Site site;
  CHECK(site.list() == Json::array());
  const std::string before = site.submit();
  const Json backup = site.back_up();
  CHECK(backup["id"] == 1);
  CHECK(backup["damaged"] == false);
  CHECK(backup["bytes"] > 0);
  CHECK(backup["own_bytes"] == backup["bytes"]);
  CHECK(backup["file_count"] > 0);
  CHECK(std::abs(millis(backup["created_at"]) - now_millis()) < 60'000);
  const std::string after = site.submit();
  CHECK(site.list() == Json::array({backup}));
  CHECK(site.call(site.client->post("/admin/backups/1/verify")) ==
        Json({{"id", 1}, {"sound", true}, {"findings", Json::array()}}));

  Server elsewhere = site.restored("elsewhere");
  Client client(elsewhere.port());
  CHECK(client.get("/tasks/" + before).status == 200);
  CHECK(refusal(client.get("/tasks/" + after)) == "404 task_not_found");
  CHECK(client.get("/queues/q").json()["counts"]["ready"] == 1);
  // Started once more, and killed, it is a data directory like any other.
  CHECK(elsewhere.terminate() == 0);
  for (int i = 0; i < 2; ++i) {
    Server again(
        {.data = site.folder.path() / "elsewhere", .port = 0, .flags = {}, .environment = {}});
    CHECK(Client(again.port()).get("/tasks/" + before).status == 200);
    again.kill();
  }
  const Finished doctor = run_to_end({"doctor", "--data", site.path("elsewhere")});
  INFO(doctor.output);
  CHECK(doctor.status == 0);
  // The server that they are of goes on, and is not touched by any of it.
  CHECK(site.client->get("/tasks/" + after).status == 200);
}

TEST_CASE("a restored server gives out no id that the lost time had, and knows its leases") {
  Site site;
  site.submit();
  site.submit();
  const auto lease = [&](Client& client) {
    return site.call(client.post("/leases", {{"queues", {"q"}}}))["tasks"][0];
  };
  const auto complete = [](Client& client, const Json& leased) {
    return client.post("/tasks/" + leased["id"].get<std::string>() + "/complete",
                       {{"lease_token", leased["lease"]["token"]}});
  };
  const Json held = lease(*site.client);
  site.back_up();
  const Json held_later = lease(*site.client);
  const std::string lost = site.submit("key");

  Server elsewhere = site.restored("elsewhere");
  Client client(elsewhere.port());
  // A worker may end what it held when the backup was made, and nothing that it got later.
  CHECK(complete(client, held).status == 200);
  CHECK(refusal(complete(client, held_later)) == "409 lease_lost");
  const Json again = client
                         .post("/tasks", {{"type", "work"},
                                          {"queue", "q"},
                                          {"payload", {{"n", 1}}},
                                          {"idempotency_key", "key"}})
                         .json();
  CHECK(again["id"].get<std::string>() > lost);
}

TEST_CASE("lists of backups come in pages, the newest first") {
  Site site;
  for (int i = 0; i < 3; ++i) {
    site.submit();
    site.back_up();
  }
  std::vector<int> ids;
  std::string cursor;
  do {
    const Json page = site.call(site.client->get("/admin/backups?limit=2" + cursor));
    for (const Json& backup : page["backups"]) ids.push_back(backup["id"]);
    cursor =
        page["next_cursor"].is_null() ? "" : "&cursor=" + page["next_cursor"].get<std::string>();
  } while (!cursor.empty());
  CHECK(ids == std::vector{3, 2, 1});
  CHECK(refusal(site.client->get("/admin/backups?limit=0")) == "400 invalid_argument /limit");
  CHECK(refusal(site.client->get("/admin/backups?cursor=x")) == "400 invalid_argument /cursor");
  CHECK(refusal(site.client->get("/admin/backups?state=x")) == "400 invalid_argument /state");
}

TEST_CASE("all but the newest are removed after each backup") {
  Site site({"--backup-keep", "2"});
  for (int i = 0; i < 4; ++i) {
    site.submit();
    site.back_up();
  }
  const Json left = site.list();
  REQUIRE(left.size() == 2);
  CHECK(left[0]["id"] == 4);
  CHECK(left[1]["id"] == 3);
  Server elsewhere = site.restored("elsewhere", {"--id", "3"});
  CHECK(Client(elsewhere.port()).get("/queues/q").json()["counts"]["ready"] == 3);
}

TEST_CASE("the server makes backups by itself when it has a schedule") {
  Site site({"--backup-interval-ms", "1000"});
  const Json first = eventually(
      "there is a backup", [&] { return site.list(); },
      [](const Json& list) { return !list.empty(); });
  eventually(
      "there is another", [&] { return site.list(); },
      [](const Json& list) { return list.size() >= 2; });
  // Its own clock counts on from the last one when it starts.
  CHECK(site.server->terminate() == 0);
  site.start();
  CHECK(site.list().size() >= 2);
  CHECK(first[0]["id"] == 1);
}

TEST_CASE("a damaged backup is found, and not restored") {
  Site site;
  site.submit();
  site.back_up();
  flip_byte(largest_table(site.backups()));
  const Json check = site.call(site.client->post("/admin/backups/1/verify"));
  CHECK(check["sound"] == false);
  CHECK(check["findings"].size() >= 1);
  const Finished verified = run_to_end({"backup", "verify", "--from", site.backups()});
  CHECK(verified.status == 1);
  CHECK(verified.output.find("backup 1: ") == 0);
  const Finished restored =
      run_to_end({"backup", "restore", "--from", site.backups(), "--data", site.path("elsewhere")});
  CHECK(restored.status == 1);
  CHECK_FALSE(fs::exists(site.path("elsewhere") + "/db"));
  CHECK(site.client->get("/readyz").status == 200);
}

TEST_CASE("a backup that lost a file is listed as damaged") {
  Site site;
  site.submit();
  site.back_up();
  CHECK(site.server->terminate() == 0);
  fs::remove(largest_table(site.backups()));
  site.start();
  CHECK(site.list() == Json::array({{{"id", 1}, {"damaged", true}}}));
}

// Sends the check of backup 1 and, before it is answered, `second`; how that is answered.
int answer_beside_check(Site& site, const std::string& second) {
  PendingCall first(
      site.server->port(),
      {.method = "POST", .target = "/admin/backups/1/verify", .headers = {}, .body = {}});
  const Response response = site.client->post(second);
  first.wait();
  if (response.status != 200) CHECK(refusal(response) == "409 backup_running");
  return response.status;
}

TEST_CASE("one backup or check at a time: another is refused") {
  Site site;
  site.submit();
  site.back_up();
  // Which of two that are sent at once comes first is not ours to say.
  const auto refused = [](int status) { return status == 409; };
  eventually(
      "a backup is refused", [&] { return answer_beside_check(site, "/admin/backups"); }, refused);
  eventually(
      "a check is refused", [&] { return answer_beside_check(site, "/admin/backups/1/verify"); },
      refused);
}

TEST_CASE("without a directory for them there are no backups") {
  Client& client = api();
  CHECK(refusal(client.post("/admin/backups")) == "409 no_backup_directory");
  CHECK(refusal(client.get("/admin/backups")) == "409 no_backup_directory");
  CHECK(refusal(client.post("/admin/backups/1/verify")) == "409 no_backup_directory");
}

TEST_CASE("what is no backup is not found") {
  Site site;
  CHECK(refusal(site.client->post("/admin/backups/x/verify")) == "404 backup_not_found");
  CHECK(refusal(site.client->post("/admin/backups/0/verify")) == "404 backup_not_found");
  site.back_up();
  CHECK(refusal(site.client->post("/admin/backups/7/verify")) == "404 backup_not_found");
  CHECK(refusal(site.client->post("/admin/backups", {{"keep", 3}})) ==
        "400 invalid_argument /keep");
  const Finished listed = run_to_end({"backup", "list", "--from", site.path("nowhere")});
  CHECK(listed.status == 1);
  CHECK(listed.errors.find("nowhere") != std::string::npos);
}

TEST_CASE("backups are nobody else's to read, and two servers do not share a directory") {
  Site site;
  site.back_up();
  struct stat status {};
  REQUIRE(::stat(site.backups().c_str(), &status) == 0);
  CHECK((status.st_mode & 077) == 0);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(site.backups())) {
    REQUIRE(::stat(entry.path().c_str(), &status) == 0);
    CAPTURE(entry.path().string());
    CHECK((status.st_mode & 077) == 0);
  }
  const Finished second = run_to_end({"--listen", "127.0.0.1:0", "--data", site.path("other"),
                                      "--backup-directory", site.backups()});
  CHECK(second.status != 0);
  CHECK(second.errors.find("in use by process") != std::string::npos);
}

TEST_CASE("a directory that is not empty is not restored into") {
  Site site;
  site.submit();
  site.back_up();
  const Finished restored =
      run_to_end({"backup", "restore", "--from", site.backups(), "--data", site.path("data")});
  CHECK(restored.status == 1);
  CHECK(restored.errors.find("not empty") != std::string::npos);
  CHECK(site.client->get("/readyz").status == 200);
}

TEST_CASE("the commands for backups say how they are used") {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"backup"},
                                             {"backup", "list"},
                                             {"backup", "restore", "--from", "x"},
                                             {"backup", "verify", "--from", "x", "--loud"},
                                             {"backup", "forget"}}) {
    const Finished finished = run_to_end(arguments);
    CAPTURE(finished.errors);
    CHECK(finished.status == 2);
    CHECK(finished.output.empty());
  }
  const Finished help = run_to_end({"backup", "--help"});
  CHECK(help.status == 0);
  for (const char* name : {"list", "verify", "restore"}) {
    CHECK(help.output.find(name) != std::string::npos);
  }
}

}  // namespace
}  // namespace quern::test
