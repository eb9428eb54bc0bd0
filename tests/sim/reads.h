// What GET answers, straight from the store, against the model.
#pragma once

#include "model.h"
#include "plan.h"
#include "quern/storage/store.h"

namespace quern::sim {

// One question of each kind. Errors: Violation.
void check_reads(const storage::Store& store, const Model& model, Dice& dice);
// Every list there is, page by page.
void check_all_reads(const storage::Store& store, const Model& model);

}  // namespace quern::sim
