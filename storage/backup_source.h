// The open database, held for as long as a backup copies it.
//
// Threads  attach(), detach(): whoever opens and closes the store. hold(): any.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "quern/protocol/result.h"
#include "quern/storage/backups.h"
#include "rocks_database.h"

namespace quern::storage {

class BackupSource {
 public:
  // While there is one the database stays open.
  class Hold {
   public:
    Hold(BackupSource& source, const Database& database, std::string store_id)
        : source_(&source), database_(&database), store_id_(std::move(store_id)) {}
    Hold(Hold&& other) noexcept
        : source_(std::exchange(other.source_, nullptr)),
          database_(other.database_),
          store_id_(std::move(other.store_id_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold() {
      if (source_ != nullptr) source_->release();
    }

    const Database& database() const { return *database_; }
    const std::string& store_id() const { return store_id_; }

   private:
    BackupSource* source_;
    const Database* database_;
    std::string store_id_;
  };

  void attach(const Database& database, std::string store_id);
  // Calls what hold() was given, and returns when nobody holds the database.
  void detach();

  // `end_soon` must make the holder let go soon; it is called by another thread, at most once.
  //   recovering      no store is open
  //   backup_running  somebody else holds it
  Result<Hold> hold(std::function<void()> end_soon);

 private:
  void release();

  std::mutex mutex_;
  std::condition_variable released_;
  const Database* database_ = nullptr;
  std::string store_id_;
  std::function<void()> end_soon_;  // of the holder
  bool held_ = false;
};

}  // namespace quern::storage
