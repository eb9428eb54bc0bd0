// `quernd doctor` on real directories: sound ones, spoilt ones, damaged ones.

#include "doctor.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "engine/engine.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/rocks_store.h"
#include "stage.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

namespace fs = std::filesystem;
using server::CommandOutput;
using server::run_doctor;
using storage::Table;

// A directory with three tasks in a queue, and nobody at work.
class Patient {
 public:
  Patient() {
    const auto store = open();
    SeededRandom random;
    auto engine = engine::Engine::recover(*store, random, {}, now_);
    REQUIRE(engine.has_value());
    for (int i = 0; i < 3; ++i) (*engine)->apply(1, new_task("q"), now_);
    REQUIRE(store->commit((*engine)->take_batch()).has_value());
  }

  std::unique_ptr<storage::Store> open() const {
    Result<std::unique_ptr<storage::Store>> store =
        storage::open_rocks_store({.directory = path()});
    REQUIRE(store.has_value());
    return *std::move(store);
  }
  void spoil_counters() const {
    REQUIRE(open()
                ->commit({.writes = {{.table = Table::counters,
                                      .key = storage::keys::queue(1),
                                      .value = std::nullopt}}})
                .has_value());
  }
  fs::path log() const {
    for (const fs::directory_entry& entry : fs::directory_iterator(path() / "db")) {
      if (entry.path().extension() == ".log") return entry.path();
    }
    FAIL("there is no log");
    return {};
  }
  CommandOutput examine(std::vector<std::string> more = {}) const {
    more.insert(more.end(), {"--data", path().string()});
    return run_doctor(more);
  }
  fs::path path() const { return temp_.path() / "data"; }

 private:
  TempDir temp_;
  engine::Now now_{.wall = {1'700'000'000'000}, .steady = Duration{0}};
};

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a sound directory is called sound, and nothing in it is changed") {
  const Patient patient;
  const auto size = fs::file_size(patient.log());
  const CommandOutput seen = patient.examine();
  CAPTURE(seen.output);
  CAPTURE(seen.errors);
  CHECK(seen.status == 0);
  CHECK(contains(seen.output, "1 queues, 3 tasks"));
  CHECK(seen.output.ends_with("sound\n"));
  CHECK(fs::file_size(patient.log()) == size);
}

TEST_CASE("counters that are gone are found, and rebuilt on request") {
  const Patient patient;
  patient.spoil_counters();
  const CommandOutput found = patient.examine();
  CHECK(found.status == 1);
  CAPTURE(found.output);
  CHECK(contains(found.output, "can be rebuilt: queue q counts 0 ready, a scan finds 3"));
  const auto json = nlohmann::json::parse(patient.examine({"--json"}).output);
  CHECK(json.at("sound") == false);
  CHECK(json.at("tasks") == 3);
  CHECK(json.at("findings").at(0).at("mendable") == true);

  const CommandOutput mended = patient.examine({"--repair"});
  CAPTURE(mended.errors);
  CHECK(mended.status == 0);
  CHECK(contains(mended.output, "rebuilt from the records: 1"));
  CHECK(patient.examine().status == 0);
}

TEST_CASE("files that are damaged are named, and the repair refuses to begin with them") {
  const Patient patient;
  std::string wanted;
  SUBCASE("an emptied log") {
    fs::resize_file(patient.log(), 0);
    wanted = "were synced";
  }
  SUBCASE("a log with a flipped bit") {
    std::fstream file(patient.log(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(20);
    file.put('!');
    wanted = patient.log().filename().string() + " is damaged at byte 0";
  }
  SUBCASE("no mark") {
    fs::remove(patient.path() / "synced");
    wanted = "synced is missing";
  }
  const CommandOutput found = patient.examine();
  CAPTURE(found.output);
  CAPTURE(found.errors);
  CHECK(found.status == 1);
  CHECK(contains(found.output, wanted));
  const CommandOutput refused = patient.examine({"--repair"});
  CHECK(refused.status == 1);
  CHECK(contains(refused.errors, "--accept-data-loss"));
}

TEST_CASE("a directory in use, one that is none, and wrong usage are refused") {
  const Patient patient;
  const auto held = patient.open();
  CHECK(contains(patient.examine().errors, "is in use by process"));
  const TempDir empty;
  CHECK(contains(run_doctor({"--data", empty.path().string()}).errors, "there is no store"));
  CHECK(run_doctor({}).status == 2);
  CHECK(run_doctor({"--data", "x", "--mend"}).status == 2);
  CHECK(contains(run_doctor({"--help"}).output, "--repair"));
}

}  // namespace
}  // namespace quern::test
