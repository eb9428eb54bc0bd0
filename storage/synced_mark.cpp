#include "synced_mark.h"

#include <pthread.h>

#include <array>
#include <utility>

#include "big_endian.h"
#include "checksum.h"
#include "store_error.h"

namespace quern::storage {
namespace {

const rocksdb::IOOptions no_options;

// On disk: never change. Two slots, in pages of their own, so that no torn write harms both.
constexpr std::string_view magic = "QUERNSYN";
constexpr std::size_t slot_distance = 4096;
constexpr std::size_t slot_bytes = 40;

struct Slot {
  std::uint64_t generation = 0;  // the higher one is the newer
  SyncedMark::State state;
};

// magic 8, generation u64, sequence u64, first log u64, durability u32 (0 fsync, 1 os), CRC-32C of
// all before it.
std::string encode(const Slot& slot) {
  std::string bytes(magic);
  append_big_endian(bytes, slot.generation);
  append_big_endian(bytes, slot.state.sequence);
  append_big_endian(bytes, slot.state.first_log);
  append_big_endian(bytes, std::uint32_t{slot.state.durability == Durability::os ? 1U : 0U});
  append_big_endian(bytes, crc32c(bytes));
  return bytes;
}

std::optional<Slot> decode(std::string_view bytes) {
  if (bytes.size() < slot_bytes || !bytes.starts_with(magic)) return std::nullopt;
  const std::string_view guarded = bytes.substr(0, slot_bytes - 4);
  if (read_big_endian<std::uint32_t>(bytes.substr(slot_bytes - 4)) != crc32c(guarded)) {
    return std::nullopt;
  }
  const auto durability = read_big_endian<std::uint32_t>(bytes.substr(32));
  return Slot{
      .generation = read_big_endian<std::uint64_t>(bytes.substr(8)),
      .state = {.sequence = read_big_endian<std::uint64_t>(bytes.substr(16)),
                .first_log = read_big_endian<std::uint64_t>(bytes.substr(24)),
                .durability = durability == 0 ? Durability::fsync : Durability::os},
  };
}

std::string path_in(const std::string& directory) {
  return directory + "/" + SyncedMark::file_name;
}

}  // namespace

Result<std::optional<SyncedMark::State>> SyncedMark::read(const Files& files,
                                                          const std::string& directory) {
  const std::string path = path_in(directory);
  const Result<bool> exists = file_exists(files, path);
  if (!exists) return exists.error();
  if (!*exists) return std::optional<State>();
  const Result<std::string> bytes = read_file(files, path);
  if (!bytes) return bytes.error();
  std::optional<Slot> newest;
  for (const std::size_t offset : {std::size_t{0}, slot_distance}) {
    if (bytes->size() < offset) continue;
    const std::optional<Slot> slot = decode(std::string_view(*bytes).substr(offset));
    if (slot && (!newest || slot->generation > newest->generation)) newest = slot;
  }
  if (!newest) return corrupt("the file " + path + " is damaged");
  return std::optional<State>(newest->state);
}

Result<void> SyncedMark::replace(const Files& files, const std::string& directory, State state) {
  std::string bytes = encode({.generation = 1, .state = state});
  bytes.resize(slot_distance);
  bytes += encode({.generation = 2, .state = state});
  bytes.resize(2 * slot_distance);
  const std::string path = path_in(directory);
  const std::string unfinished = path + ".new";
  if (Result<void> written = write_file(files, unfinished, bytes); !written) return written;
  const rocksdb::IOStatus status = files.system->RenameFile(unfinished, path, no_options, nullptr);
  if (!status.ok()) return unavailable("cannot rename " + unfinished + ": " + status.ToString());
  return sync_folder(files, directory);
}

Result<std::unique_ptr<SyncedMark>> SyncedMark::open(const Files& files,
                                                     const std::string& directory) {
  const std::string path = path_in(directory);
  std::unique_ptr<rocksdb::FSRandomRWFile> file;
  const rocksdb::IOStatus status =
      files.system->NewRandomRWFile(path, rocksdb::FileOptions(), &file, nullptr);
  if (!status.ok()) return unavailable("cannot open " + path + ": " + status.ToString());
  std::unique_ptr<SyncedMark> mark(new SyncedMark(std::move(file)));
  mark->generation_ = 2;  // as replace() left it
  return mark;
}

rocksdb::IOStatus SyncedMark::write(State state) {
  const std::string bytes = encode({.generation = ++generation_, .state = state});
  const std::uint64_t offset = generation_ % 2 == 0 ? slot_distance : 0;
  rocksdb::IOStatus status = file_->Write(offset, bytes, no_options, nullptr);
  if (status.ok()) status = file_->Sync(no_options, nullptr);
  return status;
}

MarkKeeper::MarkKeeper(std::unique_ptr<SyncedMark> mark, SyncedMark::State state,
                       std::chrono::milliseconds interval, FailStop& fail_stop)
    : mark_(std::move(mark)),
      state_(state),
      interval_(interval),
      fail_stop_(fail_stop),
      synced_(state.sequence),
      thread_([this] { run(); }) {}

MarkKeeper::~MarkKeeper() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_one();
  }
  thread_.join();
  if (!fail_stop_.failed()) write(synced_);
}

void MarkKeeper::note(std::uint64_t sequence) {
  synced_ = sequence;
  if (!idle_) return;
  const std::lock_guard lock(mutex_);
  changed_.notify_one();
}

void MarkKeeper::run() {
  pthread_setname_np(pthread_self(), "synced mark");
  std::unique_lock lock(mutex_);
  for (;;) {
    idle_ = true;
    changed_.wait(lock, [this] { return stopping_ || synced_ != state_.sequence; });
    idle_ = false;
    changed_.wait_for(lock, interval_, [this] { return stopping_; });
    if (stopping_) return;
    lock.unlock();
    write(synced_);
    lock.lock();
  }
}

void MarkKeeper::write(std::uint64_t sequence) {
  if (sequence == state_.sequence) return;
  // After a failed write the thread would try for ever: it is not asked again for this one.
  state_.sequence = sequence;
  const rocksdb::IOStatus status = mark_->write(state_);
  if (!status.ok()) fail_stop_.fail("the mark of what is synced: " + status.ToString());
}

}  // namespace quern::storage
