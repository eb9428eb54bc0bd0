#include "engine/restored.h"

#include <string>

#include "engine/record_checks.h"
#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"

namespace quern::engine {

using storage::Table;

Result<void> begin_ids_after(storage::Store& store, Timestamp now) {
  std::string bytes;
  const Result<bool> found = store.get(Table::meta, storage::keys::last_commit, bytes);
  if (!found) return found.error();
  record::Commit commit;
  if (*found && (!commit.ParseFromString(bytes) || !is_sound(commit))) {
    return Error{.code = ErrorCode::store_corrupt,
                 .detail = "the record of the last commit is damaged"};
  }
  const auto now_ms = static_cast<std::uint64_t>(now.ms);
  if (commit.last_id_ms() >= now_ms) return {};
  commit.set_last_id_ms(now_ms);
  commit.set_last_id_sequence(TaskId::sequence_max);
  return store.commit({.writes = {{.table = Table::meta,
                                   .key = std::string(storage::keys::last_commit),
                                   .value = commit.SerializeAsString()}}});
}

}  // namespace quern::engine
