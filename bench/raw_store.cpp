// quern_raw_store: the limits that Quern's figures are held against, on the same disk, with the
// same RocksDB.
//
//   puts       what the least imaginable server would write: two puts a task (its record with
//   payload,
//              and its place among the ready ones), in synced batches, by one thread
//   fdatasync  4 KiB at a time, each synced: what one answer costs at the least. Half the time the
//              file grows, as a log does, which syncs its size too; half the time it is
//              overwritten.
//
// Settings of RocksDB are its defaults, as 64 MiB memtables suffice for a run of seconds.
#include <fcntl.h>
#include <rocksdb/db.h>
#include <rocksdb/version.h>
#include <rocksdb/write_batch.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>

#include "histogram.h"
#include "report.h"

namespace {

using quern::bench::Histogram;
using quern::bench::latency_json;
using Clock = std::chrono::steady_clock;

struct Options {
  std::string data;
  double seconds = 5;
  std::uint32_t batch = 256;
  std::uint32_t payload_bytes = 200;
};

// As a task queue's would be: the record's key starts with queue and lane, the ready one's with
// queue, priority and time; both end in an id that grows.
constexpr std::size_t record_key_bytes = 21;
constexpr std::size_t ready_key_bytes = 29;
constexpr std::size_t record_bytes_besides_payload = 60;

void append_big_endian(std::string& out, std::uint64_t value) {
  for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

std::string key(std::size_t size, char table, std::uint64_t number) {
  std::string key(size - sizeof number, table);
  append_big_endian(key, number);
  return key;
}

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error(status.ToString());
}

// Calls `work` until the time is up, and records how long each call took. Returns the time in all.
template <class Work>
double repeat(double seconds, Histogram& latency, const Work& work) {
  const Clock::time_point start = Clock::now();
  const auto end =
      start + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  Clock::time_point now = start;
  while (now < end) {
    work();
    const Clock::time_point after = Clock::now();
    latency.record(static_cast<std::uint64_t>(std::chrono::nanoseconds(after - now).count()));
    now = after;
  }
  return std::chrono::duration<double>(now - start).count();
}

nlohmann::json run_puts(const Options& options) {
  rocksdb::Options settings;
  settings.create_if_missing = true;
  settings.error_if_exists = true;
  rocksdb::DB* opened = nullptr;
  check(rocksdb::DB::Open(settings, options.data, &opened));
  const std::unique_ptr<rocksdb::DB> db(opened);

  std::mt19937 generator{7480};
  std::string record(options.payload_bytes + record_bytes_besides_payload, '\0');
  for (char& c : record) c = static_cast<char>('!' + generator() % 90);
  rocksdb::WriteOptions synced;
  synced.sync = true;

  Histogram latency;
  std::uint64_t tasks = 0;
  const double seconds = repeat(options.seconds, latency, [&] {
    rocksdb::WriteBatch batch;
    for (std::uint32_t i = 0; i < options.batch; ++i, ++tasks) {
      check(batch.Put(key(record_key_bytes, 't', tasks), record));
      check(batch.Put(key(ready_key_bytes, 'r', tasks), {}));
    }
    check(db->Write(synced, &batch));
  });
  return {{"rocksdb", ROCKSDB_NAMESPACE::GetRocksVersionAsString()},
          {"batch", options.batch},
          {"payload_bytes", options.payload_bytes},
          {"seconds", seconds},
          {"tasks", tasks},
          {"tasks_per_second", static_cast<double>(tasks) / seconds},
          {"latency_us", latency_json(latency)}};
}

constexpr off_t block_bytes = 4096;

void write_block(int file, off_t offset) {
  static constexpr std::array<char, block_bytes> block{};
  if (pwrite(file, block.data(), block.size(), offset) != block_bytes) {
    throw std::system_error(errno, std::generic_category());
  }
}

nlohmann::json run_fdatasync(const Options& options) {
  const int file = open(options.data.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) throw std::system_error(errno, std::generic_category());
  const auto sync = [file] {
    if (fdatasync(file) != 0) throw std::system_error(errno, std::generic_category());
  };

  off_t size = 0;
  Histogram appending;
  repeat(options.seconds / 2, appending, [&] {
    write_block(file, size);
    sync();
    size += block_bytes;
  });
  off_t offset = 0;
  Histogram overwriting;
  repeat(options.seconds / 2, overwriting, [&] {
    write_block(file, offset);
    sync();
    offset = (offset + block_bytes) % size;
  });
  close(file);
  return {{"appending", {{"latency_us", latency_json(appending)}}},
          {"overwriting", {{"latency_us", latency_json(overwriting)}}}};
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app{"Measures what the disk and RocksDB can do at most. Prints one JSON object."};
  app.require_subcommand(1);
  CLI::App* puts = app.add_subcommand("puts", "two puts a task, in synced batches");
  CLI::App* fdatasync = app.add_subcommand("fdatasync", "4 KiB at a time, each synced");
  puts->add_option("--batch", options.batch, "tasks in a batch")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  puts->add_option("--payload-bytes", options.payload_bytes)->capture_default_str();
  puts->add_option("--data", options.data, "a directory to be made")->required();
  fdatasync->add_option("--data", options.data, "a file to be made")->required();
  for (CLI::App* mode : {puts, fdatasync}) {
    mode->add_option("--seconds", options.seconds)
        ->check(CLI::Range(0.01, 1e6))
        ->capture_default_str();
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  const nlohmann::json result = *puts ? run_puts(options) : run_fdatasync(options);
  std::puts(result.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quern_raw_store: %s\n", error.what());
    return 1;
  }
}
