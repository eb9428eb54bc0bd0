#include "space_guard.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <utility>

#include "log.h"

namespace quern::server {
namespace {

constexpr std::uint64_t exhausted_share = 8;  // of `low`
constexpr std::uint64_t tight_factor = 4;     // times `low`: from here on each commit looks

class RealDiskSpace final : public DiskSpace {
 public:
  explicit RealDiskSpace(const std::filesystem::path& directory)
      : directory_(directory.string()), reserve_((directory / "reserve").string()) {}

  std::optional<std::uint64_t> free_bytes() override {
    struct statvfs status {};
    if (::statvfs(directory_.c_str(), &status) != 0) return std::nullopt;
    return std::uint64_t{status.f_bavail} * status.f_frsize;
  }

  bool keep_reserve(std::uint64_t bytes) override {
    const int fd = ::open(reserve_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    const bool kept = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes)) == 0;
    ::close(fd);
    if (!kept) give_up_reserve();
    return kept;
  }

  void give_up_reserve() override { ::unlink(reserve_.c_str()); }

 private:
  const std::string directory_;
  const std::string reserve_;
};

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

std::unique_ptr<DiskSpace> disk_space_of(const std::filesystem::path& directory) {
  return std::make_unique<RealDiskSpace>(directory);
}

// Reads go straight through; a commit is not tried without room for it.
class SpaceGuard::GuardedStore final : public storage::Store {
 public:
  GuardedStore(SpaceGuard& guard, std::unique_ptr<storage::Store> store)
      : guard_(guard), store_(std::move(store)) {}

  Result<bool> get(storage::Table table, std::string_view key, std::string& value) const override {
    return store_->get(table, key, value);
  }
  Result<void> scan(storage::Table table, const storage::Range& range,
                    const Visitor& visit) const override {
    return store_->scan(table, range, visit);
  }
  std::unique_ptr<storage::Reader> snapshot() const override { return store_->snapshot(); }
  Result<void> commit(const storage::Batch& batch) override {
    if (Result<void> room = guard_.before_commit(); !room) return room;
    return store_->commit(batch);
  }
  storage::StoreFigures figures() const override { return store_->figures(); }

 private:
  SpaceGuard& guard_;
  const std::unique_ptr<storage::Store> store_;
};

SpaceGuard::SpaceGuard(const Options& options, std::unique_ptr<DiskSpace> space)
    : options_(options), space_(std::move(space)) {}

SpaceGuard::~SpaceGuard() { stop(); }

SpaceGuard::OpenStore SpaceGuard::guard(OpenStore open_store) {
  return [this, open = std::move(open_store)]() -> Result<std::unique_ptr<storage::Store>> {
    {
      const std::lock_guard lock(mutex_);
      measure();
      if (level_ == Level::exhausted) {
        return Error{.code = ErrorCode::store_unavailable, .detail = reason()};
      }
    }
    Result<std::unique_ptr<storage::Store>> store = open();
    if (!store) return store;
    return std::unique_ptr<storage::Store>(
        std::make_unique<GuardedStore>(*this, *std::move(store)));
  };
}

void SpaceGuard::start(EnginePort& engine) {
  engine_ = &engine;
  look();
  thread_ = std::thread([this] { run(); });
}

void SpaceGuard::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    stop_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void SpaceGuard::run() {
  pthread_setname_np(pthread_self(), "space guard");
  std::unique_lock lock(mutex_);
  while (!stop_.wait_for(lock, options_.interval, [this] { return stopping_; })) {
    lock.unlock();
    look();
    lock.lock();
  }
}

void SpaceGuard::look() {
  std::string why;
  bool was_told = false;
  {
    const std::lock_guard lock(mutex_);
    measure();
    was_told = std::exchange(told_, level_ >= Level::low);
    if (told_) why = reason();
  }
  // Said again each time: an engine that was opened anew does not know.
  if (!why.empty() || was_told) engine_->tell(engine::ReadOnly{why});
  if (!why.empty() && !was_told) log::warn("taking no new tasks", {{"reason", why}});
  if (why.empty() && was_told) log::info("taking new tasks again");
}

Result<void> SpaceGuard::before_commit() {
  if (!watch_commits_.load(std::memory_order_relaxed)) return {};
  const std::lock_guard lock(mutex_);
  measure();
  if (level_ != Level::exhausted) return {};
  return Error{.code = ErrorCode::store_unavailable, .detail = reason()};
}

void SpaceGuard::measure() {
  const std::optional<std::uint64_t> free = space_->free_bytes();
  if (!free) return;
  free_ = *free;
  use_reserve(free_);
  level_ = level_of(free_);
  watch_commits_ = level_ != Level::plenty;
}

// The reserve is only made when it may soon be needed: most disks never get there.
void SpaceGuard::use_reserve(std::uint64_t& free) {
  const bool needed = level_of(free) == Level::exhausted;
  if (needed && reserve_kept_) {
    log::warn("the disk is full: giving up the reserve");
    space_->give_up_reserve();
    reserve_kept_ = false;
    free = space_->free_bytes().value_or(free);
  } else if (!reserve_kept_ && free < tight_factor * options_.low_bytes &&
             free >= options_.low_bytes + options_.reserve_bytes && options_.reserve_bytes > 0) {
    reserve_kept_ = space_->keep_reserve(options_.reserve_bytes);
    free = space_->free_bytes().value_or(free);
  }
}

SpaceGuard::Level SpaceGuard::level_of(std::uint64_t free) const {
  if (free < options_.low_bytes / exhausted_share) return Level::exhausted;
  // Not back and forth at the border.
  const std::uint64_t low =
      level_ >= Level::low ? options_.low_bytes + options_.low_bytes / 4 : options_.low_bytes;
  if (free < low) return Level::low;
  return free < tight_factor * options_.low_bytes ? Level::tight : Level::plenty;
}

std::string SpaceGuard::reason() const {
  return "the disk is nearly full: " + mib(free_) + " are free, new tasks need " +
         mib(options_.low_bytes) +
         "; settling and deleting go on; free some space and it goes on by itself";
}

Result<void> SpaceGuard::submit(engine::Ticket ticket, engine::Command&& command) {
  return engine_->submit(ticket, std::move(command));
}

void SpaceGuard::tell(engine::Command&& command) { engine_->tell(std::move(command)); }

std::shared_ptr<const storage::Store> SpaceGuard::store() const { return engine_->store(); }

Health SpaceGuard::health() const {
  Health health = engine_->health();
  const std::lock_guard lock(mutex_);
  if (health.readiness == Readiness::ready && told_) {
    return {.readiness = Readiness::read_only, .reason = reason()};
  }
  return health;
}

std::uint64_t SpaceGuard::free_bytes() const {
  const std::lock_guard lock(mutex_);
  return free_;
}

}  // namespace quern::server
