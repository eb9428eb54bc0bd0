// A store's files damaged in every way that disks and people damage them: flipped bits, zeroed
// pages, cut ends, deleted, emptied and swapped files. Then it is opened and all of it is read. It
// may show everything, or refuse, or fail a read with an error; showing less or other than what was
// synced, as if nothing had happened, is what must never be.
//
// QUERN_DAMAGED_IMAGES=2000 tries more than the usual number, from a new seed; QUERN_SEED=n replays
// what is drawn.

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "child_process.h"
#include "committed_history.h"
#include "faulty_disk.h"
#include "store_on_disk.h"
#include "stores.h"

namespace quern::storage::test {
namespace {

// A store after a clean stop, with table files, a log that holds something, and a history.
struct Sound {
  std::string image;
  std::uint64_t commits = 0;
  RocksOptions options;
  bool manifest_replaced = false;  // while it was open the last time
};

CommittedHistory history_of(std::uint64_t seed, std::uint64_t commits) {
  CommittedHistory history;
  std::mt19937_64 random(seed);
  for (std::uint64_t i = 0; i < commits; ++i) {
    history.begin(history.next(random));
    history.acknowledge_next();
  }
  return history;
}

Sound make_sound(std::uint64_t seed, std::uint64_t commits,
                 const RocksOptions& options = small_buffers()) {
  const SharedFile image;
  const SharedFile manifests;
  const ChildEnd end = run_in_child([&] {
    const std::shared_ptr<FaultyDisk> disk = new_disk();
    std::mt19937_64 random(seed);
    CommittedHistory history;
    // In two runs, so that there are table files and a log, or a log alone.
    for (const std::uint64_t share : {seed % 3, std::uint64_t{3}}) {
      auto store = open_on(disk, options);
      if (!store) return store.error().detail;
      manifests.write(disk->read("/data/db/CURRENT"));
      while (history.begun() < commits * share / 3) {
        const Batch batch = history.next(random);
        history.begin(batch);
        if (Result<void> done = (*store)->commit(batch); !done) return done.error().detail;
      }
    }
    image.write(disk->image());
    return std::string();
  });
  REQUIRE_MESSAGE(end.well, end.how);
  const std::string last = FaultyDisk::from_image(image.read())->read("/data/db/CURRENT");
  return {image.read(), commits, options, manifests.read() != last};
}

Sound make_sound(std::uint64_t seed) { return make_sound(seed, 20 + seed % 60); }

std::string kind_of(const std::string& path) {
  const std::string name = path.substr(path.rfind('/') + 1);
  if (name.ends_with(".log")) return "log";
  if (name.ends_with(".sst")) return "table";
  return name.substr(0, name.find('-'));
}

// One of the files, each kind as often as another.
std::string choose_file(const FaultyDisk& disk, std::mt19937_64& random) {
  std::map<std::string, std::vector<std::string>> by_kind;
  for (std::string& file : disk.files()) by_kind[kind_of(file)].push_back(std::move(file));
  auto kind = by_kind.begin();
  std::advance(kind, static_cast<std::ptrdiff_t>(below(random, by_kind.size())));
  return kind->second[below(random, kind->second.size())];
}

// Does it, and says what it did.
std::string damage(FaultyDisk& disk, std::mt19937_64& random) {
  const std::string path = choose_file(disk, random);
  std::string bytes = disk.read(path);
  const std::uint64_t kind = bytes.empty() ? 4 : below(random, 7);
  const std::size_t at = bytes.empty() ? 0 : below(random, bytes.size());
  switch (kind) {
    case 0:
    case 1: {
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(random, 8)));
      disk.write(path, std::move(bytes));
      return "a bit flipped at " + std::to_string(at) + " of " + path;
    }
    case 2: {
      const std::size_t begin = at / 4096 * 4096;
      const std::size_t count = std::min<std::size_t>(4096, bytes.size() - begin);
      bytes.replace(begin, count, count, '\0');
      disk.write(path, std::move(bytes));
      return "a page zeroed at " + std::to_string(begin) + " of " + path;
    }
    case 3:
      bytes.resize(at);
      disk.write(path, std::move(bytes));
      return "cut to " + std::to_string(at) + " bytes: " + path;
    case 4:
      disk.remove(path);
      return "deleted " + path;
    case 5:
      disk.write(path, std::string());
      return "emptied " + path;
    default: {
      const std::string other = choose_file(disk, random);
      std::string others = disk.read(other);
      disk.write(other, std::move(bytes));
      disk.write(path, std::move(others));
      return "swapped " + path + " and " + other;
    }
  }
}

enum class Outcome : std::uint8_t { unaffected, refused, read_failed, silent };

struct Verdict {
  Outcome outcome = Outcome::silent;
  std::string text;
};

// Every entry there is; the first error, if there is one.
Result<void> read_all(const Reader& reader) {
  for (const Table table :
       {Table::tasks, Table::status, Table::running, Table::ready, Table::blobs, Table::counters}) {
    std::vector<std::string> keys;
    Result<void> scanned = reader.scan(table, {}, [&](std::string_view key, std::string_view) {
      keys.emplace_back(key);
      return true;
    });
    if (!scanned) return scanned;
    std::string value;
    for (const std::string& key : keys) {
      if (Result<bool> found = reader.get(table, key, value); !found) return found.error();
    }
  }
  return {};
}

Verdict open_and_read(const std::shared_ptr<FaultyDisk>& disk, std::uint64_t seed,
                      const Sound& sound) {
  const auto store = open_on(disk, sound.options);
  if (!store) return {Outcome::refused, store.error().detail};
  if (Result<void> read = read_all(**store); !read) {
    return {Outcome::read_failed, read.error().detail};
  }
  CommittedHistory history = history_of(seed, sound.commits);
  std::string problem = history.compare(**store, sound.commits);
  return {problem.empty() ? Outcome::unaffected : Outcome::silent, std::move(problem)};
}

void try_images(std::uint64_t seed, std::uint64_t count) {
  MESSAGE("QUERN_SEED=", seed);
  std::map<Outcome, std::uint64_t> totals;
  std::uint64_t aborted = 0;
  Sound sound;
  std::uint64_t sound_seed = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i % 20 == 0) {
      sound_seed = seed + i;
      sound = make_sound(sound_seed);
    }
    std::mt19937_64 random(seed * 1'000'003 + i);
    const std::shared_ptr<FaultyDisk> disk = FaultyDisk::from_image(sound.image);
    const std::string what = damage(*disk, random);
    INFO("image ", i, " (store ", sound_seed, "): ", what);
    const SharedFile said;
    const ChildEnd end = run_in_child([&] {
      const Verdict verdict = open_and_read(disk, sound_seed, sound);
      said.write(std::to_string(static_cast<int>(verdict.outcome)) + verdict.text);
      ::_exit(0);
      return std::string();
    });
    if (!end.well) {
      // An assertion of the packaged RocksDB: the server would end, and say where.
      CHECK_MESSAGE(end.how == "signal 6", end.how);
      ++aborted;
      continue;
    }
    const std::string verdict = said.read();
    const auto outcome = static_cast<Outcome>(verdict.at(0) - '0');
    CHECK_MESSAGE(outcome != Outcome::silent, verdict);
    CHECK_MESSAGE((outcome == Outcome::unaffected || verdict.size() > 20), verdict);
    ++totals[outcome];
  }
  MESSAGE("damaged images ", count, ": unaffected ", totals[Outcome::unaffected], ", refused ",
          totals[Outcome::refused], ", a read failed ", totals[Outcome::read_failed],
          ", RocksDB aborted ", aborted, ", silent ", totals[Outcome::silent]);
  CHECK(totals[Outcome::refused] > 0);
}

TEST_CASE("no damage to any file is ever silent") {
  const bool chosen = std::getenv("QUERN_SEED") != nullptr;
  const char* images = std::getenv("QUERN_DAMAGED_IMAGES");
  const std::uint64_t count = images == nullptr ? 120 : std::strtoull(images, nullptr, 10);
  // The usual run is the same every time; a long one draws.
  try_images(chosen || images != nullptr ? choose_seed() : 20261125, count);
}

TEST_CASE("no damage is silent: what an opening made of the logs, cut off its MANIFEST") {
  try_images(1737366959, 120);
}

std::string path_of_manifest(const FaultyDisk& disk) {
  const std::string current = disk.read("/data/db/CURRENT");
  return "/data/db/" + current.substr(0, current.find('\n'));
}

// The store of `seed`, its MANIFEST cut after so many bytes, then after `step` more, and so on.
void cut_manifest(std::uint64_t seed, const Sound& sound, std::size_t step) {
  const std::string path = path_of_manifest(*FaultyDisk::from_image(sound.image));
  const std::size_t size = FaultyDisk::from_image(sound.image)->read(path).size();
  for (std::size_t at = 1 + seed % 7; at < size; at += step) {
    const std::shared_ptr<FaultyDisk> disk = FaultyDisk::from_image(sound.image);
    disk->write(path, disk->read(path).substr(0, at));
    INFO("store ", seed, ": cut to ", at, " of ", size, " bytes: ", path);
    const SharedFile said;
    const ChildEnd end = run_in_child([&] {
      const Verdict verdict = open_and_read(disk, seed, sound);
      said.write(std::to_string(static_cast<int>(verdict.outcome)) + verdict.text);
      ::_exit(0);
      return std::string();
    });
    CHECK_MESSAGE((end.well || end.how == "signal 6"), end.how);
    if (!end.well) continue;
    const std::string verdict = said.read();
    CHECK_MESSAGE(verdict.at(0) - '0' != static_cast<int>(Outcome::silent), verdict);
  }
}

// When tables are made is up to RocksDB's threads, so not every store has the MANIFEST that the
// images above were found with. Each has some end that matters.
TEST_CASE("a MANIFEST cut anywhere is never silent") {
  for (const std::uint64_t seed : {1737367039U, 1U, 2U, 3U, 4U, 5U}) {
    cut_manifest(seed, make_sound(seed), 11);
  }
}

// One that has grown too large is followed by another, which begins with a copy of the state and
// has nothing of what an opening made of the logs.
TEST_CASE("a MANIFEST that took another's place, cut anywhere, is never silent") {
  RocksOptions options = small_buffers();
  options.manifest_bytes_max = std::size_t{3} << 10;
  for (const std::uint64_t seed : {11U, 12U}) {
    const Sound sound = make_sound(seed, 900, options);
    CHECK(sound.manifest_replaced);
    cut_manifest(seed, sound, 41);
  }
}

}  // namespace
}  // namespace quern::storage::test
