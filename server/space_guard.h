// Sees a full disk coming: new tasks are refused while there is still room to settle, delete and
// compact what is there, and nothing is written at all before the disk is really full, which
// RocksDB as Debian packages it answers with an abort.
//
// Shape    free space below `low`: read only (submits are refused; everything else goes on). Below
// an
//          eighth of that: the reserve, a file that only holds room, is given up. Still below: no
//          commit is tried; the commit loop fails, and opens the store again when there is room.
//          Read only ends at a quarter more than `low`.
// Threads  EnginePort and the guarded store: as theirs. start() and stop(): the owner's.
// Errors   a disk that cannot be asked counts as unchanged.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "engine_port.h"

namespace quern::server {

// The file system that the data is on.
class DiskSpace {
 public:
  virtual ~DiskSpace() = default;
  virtual std::optional<std::uint64_t> free_bytes() = 0;  // for us; nullopt: it cannot be told
  virtual bool keep_reserve(std::uint64_t bytes) = 0;     // false: there is no room for it
  virtual void give_up_reserve() = 0;
};

// statvfs(3) of `directory`, and the file `reserve` in it.
std::unique_ptr<DiskSpace> disk_space_of(const std::filesystem::path& directory);

class SpaceGuard final : public EnginePort {
 public:
  using OpenStore = std::function<Result<std::unique_ptr<storage::Store>>()>;

  struct Options {
    std::uint64_t low_bytes = 0;
    std::uint64_t reserve_bytes = 0;
    std::chrono::milliseconds interval{1'000};  // between looks
  };

  SpaceGuard(const Options& options, std::unique_ptr<DiskSpace> space);
  ~SpaceGuard() override;

  // `open_store`, refused while there is no room at all; its store tries no commit then.
  OpenStore guard(OpenStore open_store);
  // Stands before `engine` from now on and looks at the disk, at once and then every interval.
  void start(EnginePort& engine);
  void stop();
  // Now. What the thread does each time.
  void look();

  Result<void> submit(engine::Ticket ticket, engine::Command&& command) override;
  void tell(engine::Command&& command) override;
  std::shared_ptr<const storage::Store> store() const override;
  Health health() const override;
  // As of the last look.
  std::uint64_t free_bytes() const;

 private:
  class GuardedStore;
  enum class Level : std::uint8_t { plenty, tight, low, exhausted };

  Result<void> before_commit();
  // Under the mutex.
  void measure();
  Level level_of(std::uint64_t free) const;
  void use_reserve(std::uint64_t& free);
  std::string reason() const;
  void run();

  const Options options_;
  const std::unique_ptr<DiskSpace> space_;
  EnginePort* engine_ = nullptr;

  mutable std::mutex mutex_;  // guards all below
  std::condition_variable stop_;
  Level level_ = Level::plenty;
  std::uint64_t free_ = 0;
  bool reserve_kept_ = false;
  bool told_ = false;  // the engine takes no new tasks
  bool stopping_ = false;
  std::atomic<bool> watch_commits_{false};  // too little is left to wait for the next look
  std::thread thread_;
};

}  // namespace quern::server
