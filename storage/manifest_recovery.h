// A MANIFEST whose last changes a power cut tore: RocksDB refuses it, although nothing that it
// speaks of can have happened yet.
//
// RocksDB removes files only after it synced the change that lets them go. So a MANIFEST may be
// read up to its damage if all files that it then asks for are still there; if one is missing, the
// changes behind the damage were in force, and what they said is lost. Tables it names one by one.
// Of logs it names the first that is needed, and that one must be there.
//
// A MANIFEST begins with a copy of the state and with what its opening made of the logs. Both are
// synced before CURRENT names it, so no power cut can have torn those.
//
// Threads  none: whoever opens the store.
// Errors   store_unavailable, store_corrupt; the MANIFEST is as it was then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "files.h"
#include "quern/storage/rocks_store.h"
#include "synced_mark.h"

namespace quern::storage {

class ManifestCut {
 public:
  // Cuts the MANIFEST of `database` at its damage, if it has any. Nothing is done about a CURRENT
  // that names none: RocksDB refuses that.
  static Result<ManifestCut> at_damage(const Files& files, const std::string& database);

  bool done() const { return original_.has_value(); }
  const std::string& text() const { return text_; }  // for people: what is wrong, if something is

  // Are all files there that RocksDB needs now? store_corrupt if not. To be asked without a cut,
  // too: the MANIFEST may end early between two changes.
  Result<void> check(const RocksOptions& options, const std::string& database,
                     const SyncedMark::State& mark) const;
  // As if nothing had been cut.
  Result<void> undo() const;

 private:
  explicit ManifestCut(const Files& files) : files_(files) {}

  Files files_;
  std::string path_;
  std::string text_;
  std::uint64_t log_edit_count_ = 0;  // before the cut
  std::optional<std::string> original_;
};

}  // namespace quern::storage
