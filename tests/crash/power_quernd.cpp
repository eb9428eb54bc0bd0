// quernd as it is, but for what is below RocksDB: a disk in memory that loses power.
//
//   power_quernd DISK LEFT CALL AFTER SURVIVAL SEED [quernd flags]
//
// DISK is the disk's image, or a file that is not there for an empty one. The power goes with the
// CALL-th call that changes the disk (0: never), before it (AFTER 0) or after it took effect (1);
// of what was not synced, SURVIVAL (0, 1, 2: nothing, everything, a torn part) is left. The disk as
// it is found when the power is back, or as a clean stop left it, becomes the file LEFT, whole or
// not at all. The exit status is 0 either way.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "config.h"
#include "log.h"
#include "run.h"
#include "store_on_disk.h"

namespace {

using namespace quern;
using storage::test::FaultyDisk;
using storage::test::Survival;

struct PowerPlan {
  std::filesystem::path disk;
  std::filesystem::path left;
  std::uint64_t call = 0;
  bool after = false;
  Survival survival = Survival::synced_only;
  std::uint64_t seed = 0;
};

constexpr int plan_arguments = 6;

PowerPlan plan_from(char** argv) {
  return {.disk = argv[1],
          .left = argv[2],
          .call = std::stoull(argv[3]),
          .after = std::stoi(argv[4]) != 0,
          .survival = static_cast<Survival>(std::stoi(argv[5])),
          .seed = std::stoull(argv[6])};
}

std::shared_ptr<FaultyDisk> disk_of(const PowerPlan& plan) {
  std::ifstream file(plan.disk, std::ios::binary);
  if (!file) return storage::test::new_disk();
  return FaultyDisk::from_image(std::string(std::istreambuf_iterator<char>(file), {}));
}

void leave(const PowerPlan& plan, const FaultyDisk& disk) {
  const std::filesystem::path unfinished = plan.left.string() + ".new";
  std::ofstream file(unfinished, std::ios::binary);
  const std::string image = disk.image();
  file.write(image.data(), static_cast<std::streamsize>(image.size()));
  file.close();
  // Nobody could tell what was lost.
  if (!file || std::rename(unfinished.c_str(), plan.left.c_str()) != 0) std::abort();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc <= plan_arguments) return 2;
  const PowerPlan plan = plan_from(argv);
  const std::shared_ptr<FaultyDisk> disk = disk_of(plan);
  std::mt19937_64 random(plan.seed);
  if (plan.call > 0) disk->cut_power_at(plan.call, plan.after);
  disk->on_power_cut([&] {
    leave(plan, *disk->after_power_cut(plan.survival, random));
    ::_exit(EXIT_SUCCESS);
  });

  const std::vector<std::string> arguments(argv + plan_arguments + 1, argv + argc);
  const Result<server::Invocation> invocation =
      server::read_config(arguments, std::getenv, server::version_text());
  if (!invocation) return 2;
  log::configure(invocation->config.log_level, invocation->config.log_format);
  const auto open = [&](const storage::RocksOptions& asked) {
    storage::RocksOptions options = storage::test::small_buffers(asked.durability);
    options.on_commit = asked.on_commit;
    options.backup_source = asked.backup_source;
    return storage::test::open_on(disk, options);
  };
  const int status = server::run_server(
      *invocation, [&]() -> Result<server::Invocation> { return *invocation; }, open);
  if (status == EXIT_SUCCESS) leave(plan, *disk);
  return status;
}
