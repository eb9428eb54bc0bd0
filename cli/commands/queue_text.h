// Queues as text: one in full, many as a table.
#pragma once

#include <iosfwd>

#include "look.h"
#include "quern/queue.h"
#include "table.h"

namespace quern::cli {

void print_queue(std::ostream& out, const Queue& queue, const Look& look);

Table queues_table();
void add_queue_row(Table& table, const Queue& queue);

}  // namespace quern::cli
