// The clients of a crash test: producers that submit and cancel, workers that lease and settle.
// Each runs in its own thread with its own connections, and writes down all it does.
//
// Shape    what a client does is drawn from its seed; when, is up to the machine.
// Threads  run_producer and run_worker each block until `stop`.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "history.h"

namespace quern::crash {

// Several, so that leases go over more than one.
inline const std::vector<std::string> queue_names = {"alpha", "beta", "gamma"};

struct Surroundings {
  std::uint16_t port = 0;
  std::uint64_t seed = 0;
  const std::atomic<bool>* stop = nullptr;
};

// Retries that are due at once, so that little time goes into waiting.
void configure_queues(std::uint16_t port);

void run_producer(const Surroundings& around, Journal& journal);
void run_worker(const Surroundings& around, Journal& journal);

// How many tasks are neither terminal nor dead.
std::int64_t count_unfinished(std::uint16_t port);
// Everything that the server can be asked about.
Found read_everything(std::uint16_t port);

}  // namespace quern::crash
