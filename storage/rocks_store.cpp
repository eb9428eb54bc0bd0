#include "quern/storage/rocks_store.h"

#include <rocksdb/iostats_context.h>
#include <rocksdb/perf_level.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "backup_source.h"
#include "data_directory.h"
#include "directory_lock.h"
#include "rocks_figures.h"
#include "rocks_open.h"
#include "store_error.h"

namespace quern::storage {
namespace {

// Guards every entry from the moment it enters a batch until it is in the memtable. The cost is in
// FORMAT.md.
constexpr std::size_t protection_bytes_per_key = 8;

// A batch keeps its memory for the next one up to this size: a large group of ordinary tasks.
constexpr std::size_t batch_bytes_kept_max = std::size_t{4} << 20;

// How much of what was answered last could be lost without being missed, if the log were lost too.
constexpr std::chrono::milliseconds mark_interval_default{100};

// Tells how long one write took. RocksDB's own clock of syncs runs meanwhile, on this thread only;
// it costs less than a microsecond a commit.
class CommitTimer {
 public:
  using Clock = std::chrono::steady_clock;

  CommitTimer() { rocksdb::SetPerfLevel(rocksdb::PerfLevel::kEnableTimeExceptForMutex); }
  CommitTimer(const CommitTimer&) = delete;
  CommitTimer& operator=(const CommitTimer&) = delete;
  ~CommitTimer() { rocksdb::SetPerfLevel(level_before_); }

  std::chrono::nanoseconds total() const { return Clock::now() - begin_; }
  std::chrono::nanoseconds sync() const {
    return std::chrono::nanoseconds(rocksdb::get_iostats_context()->fsync_nanos - synced_before_);
  }

 private:
  const rocksdb::PerfLevel level_before_ = rocksdb::GetPerfLevel();
  const std::uint64_t synced_before_ = rocksdb::get_iostats_context()->fsync_nanos;
  const Clock::time_point begin_ = Clock::now();
};

class RocksStore final : public Store {
 public:
  RocksStore(const RocksOptions& options, std::optional<DirectoryLock> lock, OpenedDatabase opened,
             std::unique_ptr<SyncedMark> mark, std::chrono::milliseconds mark_interval)
      : lock_(std::move(lock)),
        database_(std::move(opened.database)),
        fail_stop_(std::move(opened.fail_stop)),
        write_stalls_(std::move(opened.write_stalls)),
        path_(database_path(options)),
        on_commit_(options.on_commit),
        mark_(std::move(mark), opened.mark, mark_interval, *fail_stop_),
        write_options_(write_options(options)),
        backup_source_(options.backup_source) {
    if (backup_source_) backup_source_->attach(*database_, std::move(opened.store_id));
  }

  // With Durability::os a clean stop makes everything durable. Not after a failed write: a second
  // sync proves nothing.
  ~RocksStore() override {
    if (backup_source_) backup_source_->detach();
    if (write_options_.sync || fail_stop_->failed()) return;
    const rocksdb::Status status = database_->db().SyncWAL();
    if (status.ok()) mark_.note(database_->db().GetLatestSequenceNumber());
  }

  Result<bool> get(Table table, std::string_view key, std::string& value) const override {
    return get_at(*database_, rocksdb::ReadOptions(), table, key, value);
  }

  Result<void> scan(Table table, const Range& range, const Visitor& visit) const override {
    return scan_at(*database_, rocksdb::ReadOptions(), table, range, visit);
  }

  std::unique_ptr<Reader> snapshot() const override { return snapshot_of(*database_); }

  Result<void> commit(const Batch& batch) override {
    if (fail_stop_->failed()) {
      return unavailable("an earlier write failed (" + fail_stop_->reason() +
                         "); the store must be opened again");
    }
    if (batch.writes.empty()) return {};
    rocksdb::Status status = fill(batch);
    if (status.ok()) status = write();
    if (!status.ok()) {
      fail_stop_->fail(status.ToString());
      return to_error(status);
    }
    if (write_options_.sync) mark_.note(database_->db().GetLatestSequenceNumber());
    if (batch_.GetDataSize() > batch_bytes_kept_max) batch_ = empty_batch();
    return {};
  }

  StoreFigures figures() const override { return figures_of(*database_, path_, *write_stalls_); }

 private:
  static rocksdb::WriteBatch empty_batch() {
    return rocksdb::WriteBatch(0, 0, protection_bytes_per_key, 0);
  }

  rocksdb::Status write() {
    if (!on_commit_) return database_->db().Write(write_options_, &batch_);
    const CommitTimer timer;
    rocksdb::Status status = database_->db().Write(write_options_, &batch_);
    on_commit_(timer.total(), timer.sync());
    return status;
  }

  // The table's byte and the key are joined by RocksDB as it writes them into the batch, so no byte
  // is copied twice.
  rocksdb::Status fill(const Batch& batch) {
    batch_.Clear();
    for (const Batch::Write& write : batch.writes) {
      const char table = static_cast<char>(write.table);
      const std::array<rocksdb::Slice, 2> parts{rocksdb::Slice(&table, 1), write.key};
      const rocksdb::SliceParts key(parts.data(), static_cast<int>(parts.size()));
      rocksdb::ColumnFamilyHandle* family = database_->family(write.table);
      rocksdb::Status status;
      if (write.value) {
        const rocksdb::Slice value(*write.value);
        status = batch_.Put(family, key, rocksdb::SliceParts(&value, 1));
      } else {
        status = batch_.Delete(family, key);
      }
      if (!status.ok()) return status;
    }
    return {};
  }

  std::optional<DirectoryLock> lock_;  // outlives the database
  std::unique_ptr<Database> database_;
  std::shared_ptr<FailStop> fail_stop_;
  std::shared_ptr<WriteStalls> write_stalls_;
  const std::string path_;
  const std::function<void(std::chrono::nanoseconds, std::chrono::nanoseconds)> on_commit_;
  MarkKeeper mark_;
  rocksdb::WriteOptions write_options_;
  std::shared_ptr<BackupSource> backup_source_;
  rocksdb::WriteBatch batch_ = empty_batch();  // reused: its memory is what a commit allocates
};

Result<std::unique_ptr<Store>> open_with(const Files& files, const RocksOptions& options,
                                         std::optional<DirectoryLock> lock,
                                         std::chrono::milliseconds mark_interval) {
  const auto in_directory = [&options](Error error) {
    error.detail = "data directory " + options.directory.string() + ": " + error.detail;
    return error;
  };
  Result<OpenedDatabase> opened = open_or_create(files, options);
  if (!opened) return in_directory(std::move(opened).error());
  Result<std::unique_ptr<SyncedMark>> mark = SyncedMark::open(files, options.directory.string());
  if (!mark) return in_directory(std::move(mark).error());
  return std::unique_ptr<Store>(std::make_unique<RocksStore>(
      options, std::move(lock), *std::move(opened), *std::move(mark), mark_interval));
}

}  // namespace

Result<std::unique_ptr<Store>> open_rocks_store(const RocksOptions& options) {
  if (Result<void> ready = prepare_directory(options.directory); !ready) return ready.error();
  Result<DirectoryLock> lock = DirectoryLock::take(options.directory);
  if (!lock) return lock.error();
  return open_with(Files::of_machine(), options, *std::move(lock), mark_interval_default);
}

Result<std::unique_ptr<Store>> open_rocks_store_on(const Files& files, const RocksOptions& options,
                                                   std::chrono::milliseconds mark_interval) {
  return open_with(files, options, std::nullopt, mark_interval);
}

std::string rocks_version() {
#ifdef QUERN_ROCKSDB_STATIC
  constexpr const char* build = " (release build)";
#else
  constexpr const char* build = " (packaged)";
#endif
  return "RocksDB " + rocksdb::GetRocksVersionAsString() + build;
}

}  // namespace quern::storage
