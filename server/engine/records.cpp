#include "engine/records.h"

#include "engine/task_record.h"

namespace quern::engine {

namespace keys = storage::keys;
using storage::Range;
using storage::Table;

namespace {
constexpr std::size_t at_hand_bytes_max = std::size_t{4} << 20;
}  // namespace

bool Records::get(Table table, std::string_view key, std::string& value) const {
  return must(staged_.get(table, key, value));
}

void Records::put(Table table, std::string key, const google::protobuf::MessageLite& record) {
  staged_.put(table, std::move(key), record.SerializeAsString());
}

void Records::erase(Table table, std::string key) {
  if (table == Table::tasks) take_at_hand(keys::task_id_of(key));
  staged_.erase(table, std::move(key));
}

void Records::put_body(const TaskId& id, const std::shared_ptr<const record::TaskBody>& body) {
  std::string bytes = body->SerializeAsString();
  // Once they come to much, workers are behind, and it will be long before this one is asked for.
  if (at_hand_bytes_ <= at_hand_bytes_max) keep_at_hand(id, body, bytes.size());
  staged_.put(Table::tasks, keys::task(id), std::move(bytes));
}

std::shared_ptr<const record::TaskBody> Records::body(const TaskId& id) const {
  if (auto at_hand = take_at_hand(id)) return at_hand;
  return must(load_body(staged_, id));
}

void Records::keep_at_hand(const TaskId& id, std::shared_ptr<const record::TaskBody> body,
                           std::size_t bytes) const {
  if (at_hand_.try_emplace(id, std::move(body), bytes).second) at_hand_bytes_ += bytes;
}

std::shared_ptr<const record::TaskBody> Records::take_at_hand(const TaskId& id) const {
  const auto found = at_hand_.find(id);
  if (found == at_hand_.end()) return nullptr;
  at_hand_bytes_ -= found->second.bytes;
  auto body = std::move(found->second.body);
  at_hand_.erase(found);
  return body;
}

std::optional<record::TaskStatus> Records::settled_status(const TaskId& id) const {
  return must(load_settled_status(staged_, id));
}

void Records::scan(Table table, const Range& range, const storage::Reader::Visitor& visit) const {
  must(staged_.scan(table, range, visit));
}

std::vector<std::string> Records::scan_keys(Table table, const Range& range,
                                            std::size_t count_max) const {
  std::vector<std::string> found;
  if (count_max == 0) return found;
  scan(table, range, [&](std::string_view key, std::string_view) {
    found.emplace_back(key);
    return found.size() < count_max;
  });
  return found;
}

std::size_t Records::scan_fresh(std::uint32_t queue, std::uint32_t lane,
                                const std::optional<TaskId>& after, std::size_t count_max,
                                const std::function<void(const TaskId&, bool fresh)>& visit) const {
  const std::string prefix = keys::lane_prefix(queue, static_cast<std::uint8_t>(lane));
  const Range range{after ? key_after(keys::task(*after)) : prefix, storage::prefix_end(prefix)};
  std::string value;
  // What lies at hand from earlier scans is forgotten when it comes to much.
  if (at_hand_bytes_ > at_hand_bytes_max) {
    at_hand_.clear();
    at_hand_bytes_ = 0;
  }
  std::vector<TaskId> found;
  scan(Table::tasks, range, [&](std::string_view key, std::string_view bytes) {
    found.push_back(keys::task_id_of(key));
    auto body = std::make_shared<record::TaskBody>();
    // One that is damaged is found to be when it is asked for.
    if (body->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      keep_at_hand(found.back(), std::move(body), bytes.size());
    }
    return found.size() < count_max;
  });
  for (const TaskId& id : found) visit(id, !get(Table::status, keys::id(id), value));
  return found.size();
}

void Records::scan_ready(std::uint32_t queue, std::uint32_t priority, const ReadyEntry& from,
                         const std::optional<ReadyEntry>& after, std::size_t count_max,
                         std::vector<ReadyEntry>& out) const {
  const auto key_of = [&](const ReadyEntry& entry) {
    return keys::ready(queue, priority, {entry.ready_at, entry.id});
  };
  const Range range{after ? key_after(key_of(*after)) : key_of(from),
                    storage::prefix_end(keys::ready_prefix(queue, priority))};
  for (const std::string& key : scan_keys(Table::ready, range, count_max)) {
    const keys::Ready entry = keys::parse_ready(key);
    out.push_back({entry.ready_at, entry.id});
  }
}

void Records::scan_timers(const keys::Timer& from, const std::optional<keys::Timer>& after,
                          std::size_t count_max, std::vector<keys::Timer>& out) const {
  const Range range{after ? key_after(keys::timer(*after)) : keys::timer(from), ""};
  for (const std::string& key : scan_keys(Table::timers, range, count_max))
    out.push_back(keys::parse_timer(key));
}

}  // namespace quern::engine
