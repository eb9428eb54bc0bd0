// Queues as text: one in full, many as a table.
#pragma once

#include <iosfwd>
#include <vector>

#include "quern/queue.h"

namespace quern::cli {

void print_queue(std::ostream& out, const Queue& queue);
void print_queues(std::ostream& out, const std::vector<Queue>& queues);

}  // namespace quern::cli
