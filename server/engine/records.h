// The engine's view of the store: typed records over what is committed and what is staged.
//
// Threads  none: the engine's.
// Errors   a failed read leaves memory and disk out of step, so it ends the engine: StoreFailure is
// thrown here, caught
//          in Engine's public functions and in audit(), and never leaves them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#include "engine/lane.h"
#include "quern/protocol/result.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"
#include "quern/storage/staged.h"

namespace quern::engine {

struct StoreFailure {
  Error error;
};

// The value of a read, or the end of the engine.
template <typename T>
T must(Result<T> result) {
  if (!result) throw StoreFailure{std::move(result).error()};
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Values larger than this do not ride along in the record that changes with every transition.
inline constexpr std::size_t inline_payload_bytes_max = 4096;
inline constexpr std::size_t inline_progress_bytes_max = 1024;

class Records {
 public:
  explicit Records(const storage::Reader& committed) : staged_(committed) {}

  storage::Staged& staged() { return staged_; }
  const storage::Staged& staged() const { return staged_; }

  bool get(storage::Table table, std::string_view key, std::string& value) const;
  void put(storage::Table table, std::string key, const google::protobuf::MessageLite& record);
  void put(storage::Table table, std::string key, std::string value) {
    staged_.put(table, std::move(key), std::move(value));
  }
  void erase(storage::Table table, std::string key);

  // Null: there is no such task.
  std::shared_ptr<const record::TaskBody> body(const TaskId& id) const;
  // It must not be changed afterwards.
  void put_body(const TaskId& id, const std::shared_ptr<const record::TaskBody>& body);
  // Of a task that is not running; nullopt: it is as submitted.
  std::optional<record::TaskStatus> settled_status(const TaskId& id) const;

  // Up to `count_max` bodies of a lane, which are kept at hand, since they are about to be leased,
  // behind `after`; `fresh`: it has no status of its own. Returns how many there were.
  std::size_t scan_fresh(std::uint32_t queue, std::uint32_t lane,
                         const std::optional<TaskId>& after, std::size_t count_max,
                         const std::function<void(const TaskId&, bool fresh)>& visit) const;
  void scan_ready(std::uint32_t queue, std::uint32_t priority, const ReadyEntry& from,
                  const std::optional<ReadyEntry>& after, std::size_t count_max,
                  std::vector<ReadyEntry>& out) const;
  void scan_timers(const storage::keys::Timer& from,
                   const std::optional<storage::keys::Timer>& after, std::size_t count_max,
                   std::vector<storage::keys::Timer>& out) const;
  // The keys of a range, at most `count_max`.
  std::vector<std::string> scan_keys(storage::Table table, const storage::Range& range,
                                     std::size_t count_max) const;
  void scan(storage::Table table, const storage::Range& range,
            const storage::Reader::Visitor& visit) const;

 private:
  storage::Staged staged_;
  struct AtHand {
    std::shared_ptr<const record::TaskBody> body;
    std::size_t bytes;  // of its record
  };
  void keep_at_hand(const TaskId& id, std::shared_ptr<const record::TaskBody> body,
                    std::size_t bytes) const;
  std::shared_ptr<const record::TaskBody> take_at_hand(const TaskId& id) const;  // null: not there

  // Bodies that were submitted or passed by a scan and that nobody has asked for yet. They never
  // change; one that is erased leaves with its record.
  mutable std::unordered_map<TaskId, AtHand> at_hand_;
  mutable std::size_t at_hand_bytes_ = 0;
};

// The key right behind `key`: where a scan goes on after it.
inline std::string key_after(std::string key) {
  key.push_back('\0');
  return key;
}

}  // namespace quern::engine
