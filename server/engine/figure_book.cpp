#include "engine/figure_book.h"

#include <algorithm>
#include <cassert>
#include <numeric>
#include <utility>

#include "engine/queue.h"

namespace quern::engine {

FigureBook::FigureBook(FiguresBoard* board)
    : board_(board), rows_(board == nullptr ? 1 : board->queues_max() + 1) {
  if (board_ == nullptr) return;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    Row& row = rows_[i];
    row.shown = &board_->row(i);
    const FiguresBoard::Row::Name name = row.shown->name.load();
    row.queue.assign(name.text.data(), name.size);
    row.figures = row.shown->figures.load();
  }
  // What has happened is still true; what is there is for the next engine to say.
  rows_.back().figures.counts = {};
  rows_.back().figures.oldest_ready_at = QueueFigures::nothing_ready;
}

FigureBook::Row& FigureBook::row_for(const std::string& name) {
  const auto own_end = std::prev(rows_.end());
  if (name == other_queues) return rows_.back();
  const auto same =
      std::find_if(rows_.begin(), own_end, [&](const Row& row) { return row.queue == name; });
  if (same != own_end) return *same;
  const auto free =
      std::find_if(rows_.begin(), own_end, [](const Row& row) { return row.queue.empty(); });
  return free != own_end ? *free : rows_.back();
}

void FigureBook::take(Row& row, const std::string& name) {
  row.claimed = true;
  if (!row.queue.empty() || row.shown == nullptr) return;
  row.queue = name;
  row.figures = {.owner = row.figures.owner + 1};
  FiguresBoard::Row::Name shown{.owner = row.figures.owner, .size = name.size()};
  assert(name.size() <= shown.text.size());
  std::copy(name.begin(), name.end(), shown.text.begin());
  row.shown->name.store(shown);
  row.shown->figures.store(row.figures);
}

void FigureBook::release(Row& row) {
  row.queue.clear();
  row.claimed = row.due = false;
  row.shown->name.store({.owner = row.figures.owner});
}

void FigureBook::open(Queue& queue) {
  Row& row = row_for(*queue.name());
  take(row, is_shared(row) ? std::string(other_queues) : *queue.name());
  queue.account.row = &row;
  if (queue.count(TaskState::ready) > 0)
    queue.account.oldest_ready_at = QueueFigures::not_known_yet;
  note(queue);
}

void FigureBook::release_unclaimed() {
  if (board_ == nullptr) return;
  for (Row& row : rows_) {
    if (!row.queue.empty() && !row.claimed && !is_shared(row)) release(row);
  }
  rows_.back().due = true;
}

void FigureBook::close(Queue& queue) {
  if (queue.account.row != nullptr) leave_row(queue, *queue.account.row);
  forget(queue);
  queue.account = {.row = &nobody_};
}

void FigureBook::leave_row(Queue& queue, Row& row) {
  if (is_shared(row)) {
    add_to_shared(queue);
    QueueFigures& figures = row.figures;
    figures.tally.revoked += queue.count(TaskState::running);
    for (std::size_t state = 0; state < task_state_count; ++state) {
      figures.tally.removed[static_cast<std::size_t>(Removal::queue_deleted)] +=
          queue.account.counts[state];
      figures.counts[state] -= queue.account.counts[state];
    }
    if (queue.account.oldest_shown >= 0) {
      others_oldest_.erase(others_oldest_.find(queue.account.oldest_shown));
    }
    row.due = true;
  } else {
    release(row);
  }
}

void FigureBook::forget(const Queue& queue) {
  std::erase(changed_, &queue);
  std::erase(heads_due_, &queue);
}

void FigureBook::note(Queue& queue) {
  if (queue.account.row == &nobody_) return;
  note_found(queue);
  head_still_due(queue);
}

void FigureBook::note_found(Queue& queue) {
  if (!std::exchange(queue.account.changed, true)) changed_.push_back(&queue);
}

std::vector<Queue*> FigureBook::take_heads_due() {
  for (Queue* queue : heads_due_) queue->account.head_due = false;
  return std::exchange(heads_due_, {});
}

void FigureBook::head_still_due(Queue& queue) {
  if (!publishes() || std::exchange(queue.account.head_due, true)) return;
  heads_due_.push_back(&queue);
}

// Its part of the row that it shares, as it is now.
void FigureBook::add_to_shared(Queue& queue) {
  Account& account = queue.account;
  for (const TaskState state : task_states) {
    const auto i = static_cast<std::size_t>(state);
    account.row->figures.counts[i] += queue.count(state) - account.counts[i];
    account.counts[i] = queue.count(state);
  }
  if (account.oldest_ready_at == account.oldest_shown) return;
  if (account.oldest_shown >= 0) others_oldest_.erase(others_oldest_.find(account.oldest_shown));
  if (account.oldest_ready_at >= 0) others_oldest_.insert(account.oldest_ready_at);
  account.oldest_shown = account.oldest_ready_at;
}

void FigureBook::publish(const EngineFigures& engine) {
  if (board_ != nullptr) board_->publish(engine);
  for (Queue* queue : changed_) {
    Account& account = queue->account;
    account.changed = false;
    if (board_ == nullptr) continue;
    Row& row = *account.row;
    if (is_shared(row)) {
      add_to_shared(*queue);
      row.due = true;
      continue;
    }
    for (const TaskState state : task_states) {
      row.figures.counts[static_cast<std::size_t>(state)] = queue->count(state);
    }
    row.figures.oldest_ready_at = account.oldest_ready_at;
    row.shown->figures.store(row.figures);
  }
  changed_.clear();
  Row& others = rows_.back();
  if (board_ == nullptr || !std::exchange(others.due, false)) return;
  others.figures.oldest_ready_at =
      others_oldest_.empty() ? QueueFigures::nothing_ready : *others_oldest_.begin();
  others.shown->figures.store(others.figures);
}

}  // namespace quern::engine
