#include "figures_check.h"

#include <bit>
#include <numeric>

#include "quern/storage/keys.h"
#include "quern/storage/records.pb.h"

namespace quern::engine::testing {
namespace {

using storage::Table;

template <typename Numbers>
std::uint64_t total(const Numbers& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), std::uint64_t{0});
}

// What was counted in between.
QueueTally difference(const QueueTally& now, const QueueTally& before) {
  using Numbers = std::array<std::uint64_t, sizeof(QueueTally) / sizeof(std::uint64_t)>;
  auto numbers = std::bit_cast<Numbers>(now);
  const auto subtracted = std::bit_cast<Numbers>(before);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] -= subtracted[i];
  return std::bit_cast<QueueTally>(numbers);
}

// What the store counts, by name of the row that should show it.
std::map<std::string, std::array<std::uint64_t, task_state_count>> stored_counts(
    const storage::Reader& reader, const FiguresBoard& board) {
  std::map<std::string, std::array<std::uint64_t, task_state_count>> counts;
  for (const FiguresBoard::Entry& entry : board.queues()) counts[entry.queue] = {};
  const Result<void> scanned =
      reader.scan(Table::queues, {}, [&](std::string_view key, std::string_view value) {
        record::QueueRecord queue;
        record::QueueCounters counters;
        std::string bytes;
        queue.ParseFromArray(value.data(), static_cast<int>(value.size()));
        const Result<bool> found = reader.get(Table::counters, key, bytes);
        if (queue.deleting() || !found || !*found || !counters.ParseFromString(bytes)) return true;
        const bool named = counts.contains(queue.name());
        auto& row = counts[named ? queue.name() : std::string(other_queues)];
        for (int i = 0; i < counters.by_state_size(); ++i) {
          row[static_cast<std::size_t>(i)] += counters.by_state(i);
        }
        return true;
      });
  if (!scanned) counts.clear();
  return counts;
}

class Complaints {
 public:
  explicit Complaints(std::string& out, std::string subject)
      : out_(out), subject_(std::move(subject)) {}

  void demand(std::string_view what, std::uint64_t left, std::uint64_t right) {
    if (left == right) return;
    out_ += "figures of " + subject_ + ": " + std::string(what) + ": " + std::to_string(left) +
            " is not " + std::to_string(right) + "\n";
  }

 private:
  std::string& out_;
  std::string subject_;
};

}  // namespace

std::uint64_t task_count(const QueueFigures& figures) { return total(figures.counts); }

void FiguresCheck::begin(const FiguresBoard& board) {
  before_.clear();
  for (const FiguresBoard::Entry& entry : board.queues()) {
    before_[{entry.queue, entry.figures.owner}] = entry.figures;
  }
}

std::string FiguresCheck::violations(const FiguresBoard& board,
                                     const storage::Reader& reader) const {
  std::string wrong;
  const auto stored = stored_counts(reader, board);
  for (const auto& [queue, figures] : board.queues()) {
    Complaints complaints(wrong, queue);
    const auto known = before_.find({queue, figures.owner});
    const QueueFigures before = known == before_.end() ? QueueFigures{} : known->second;
    const QueueTally tally = difference(figures.tally, before.tally);
    const auto running = static_cast<std::size_t>(TaskState::running);

    const auto counted = stored.find(queue);
    for (std::size_t i = 0; i < task_state_count; ++i) {
      complaints.demand("tasks that are " + std::string(to_string(static_cast<TaskState>(i))),
                        figures.counts[i], counted == stored.end() ? 0 : counted->second[i]);
    }
    complaints.demand("tasks that came and those that are there or went",
                      total(before.counts) + tally.submitted + tally.moved_in,
                      total(figures.counts) + tally.moved_out + total(tally.removed));
    complaints.demand(
        "leases given and those that ended or run", before.counts[running] + tally.leased,
        tally.completed + tally.failed + tally.released + tally.revoked + figures.counts[running]);
    complaints.demand("waits measured", total(tally.wait.counts), tally.leased);
    complaints.demand("runs measured", total(tally.run.counts), tally.completed + tally.failed);
    const std::uint64_t died = total(tally.dead);
    complaints.demand("attempts that failed and were neither retried nor their task's last",
                      tally.failed > tally.retried + died, 0);
    complaints.demand("more expired and timed out than failed",
                      tally.lease_expired + tally.timed_out > tally.failed, 0);
    complaints.demand("more undelivered than released", tally.undelivered > tally.released, 0);
  }
  return wrong;
}

}  // namespace quern::engine::testing
