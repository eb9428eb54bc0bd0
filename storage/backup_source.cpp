#include "backup_source.h"

namespace quern::storage {

std::shared_ptr<BackupSource> make_backup_source() { return std::make_shared<BackupSource>(); }

void BackupSource::attach(const Database& database, std::string store_id) {
  const std::lock_guard lock(mutex_);
  database_ = &database;
  store_id_ = std::move(store_id);
}

void BackupSource::detach() {
  std::unique_lock lock(mutex_);
  database_ = nullptr;
  if (held_) end_soon_();
  released_.wait(lock, [this] { return !held_; });
}

Result<BackupSource::Hold> BackupSource::hold(std::function<void()> end_soon) {
  const std::lock_guard lock(mutex_);
  if (database_ == nullptr) {
    return Error{.code = ErrorCode::recovering,
                 .detail = "the store is not open at the moment; repeat in a moment",
                 .retry_after_seconds = 1};
  }
  if (held_) {
    return Error{.code = ErrorCode::backup_running, .detail = "another backup is under way"};
  }
  held_ = true;
  end_soon_ = std::move(end_soon);
  return Hold(*this, *database_, store_id_);
}

void BackupSource::release() {
  const std::lock_guard lock(mutex_);
  held_ = false;
  end_soon_ = nullptr;
  released_.notify_all();
}

}  // namespace quern::storage
