#include "engine/figures.h"

namespace quern::engine {

FiguresBoard::FiguresBoard(std::size_t queues_max)
    : queues_max_(queues_max), rows_(std::make_unique<Row[]>(queues_max + 1)) {}

std::vector<FiguresBoard::Entry> FiguresBoard::queues() const {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i <= queues_max_; ++i) {
    const Row& row = rows_[i];
    const Row::Name name = row.name.load();
    if (name.size == 0) continue;
    const QueueFigures figures = row.figures.load();
    // The row went from one queue to another in between: the next look has it.
    if (figures.owner != name.owner) continue;
    entries.push_back({std::string(name.text.data(), name.size), figures});
  }
  return entries;
}

}  // namespace quern::engine
