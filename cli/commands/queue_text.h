// Queues as text: one in full, many as a table.
#pragma once

#include <iosfwd>
#include <vector>

#include "look.h"
#include "quern/queue.h"

namespace quern::cli {

void print_queue(std::ostream& out, const Queue& queue, const Look& look);
void print_queues(std::ostream& out, const std::vector<Queue>& queues, const Look& look);

}  // namespace quern::cli
