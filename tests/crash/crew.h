// Clients by the handful, and what they went through together.
//
// Threads  a Crew belongs to one thread; its clients run in theirs.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <list>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "history.h"
#include "workload.h"

namespace quern::crash {

// The number in an environment variable, else `fallback`.
std::uint64_t number_from(const char* variable, std::uint64_t fallback);

// Clients of one kind, until told to stop. Journals are files in `folder`.
class Crew {
 public:
  using Run = void (*)(const Surroundings&, Journal&);
  static constexpr std::size_t size = 4;

  // `first`: the number of the first client.
  Crew(Run run, std::uint16_t port, const std::filesystem::path& folder, int first,
       std::mt19937_64& random);
  ~Crew() { stop(); }

  void stop() {
    stop_ = true;
    threads_.clear();
  }

  // Of a crew that has stopped.
  const std::list<Journal>& journals() const { return journals_; }

 private:
  std::atomic<bool> stop_ = false;
  std::list<Journal> journals_;
  std::vector<std::jthread> threads_;
};

// Of crews that have stopped.
std::vector<Call> all_calls(const Crew& producers, const Crew& workers);

struct Totals {
  std::size_t calls = 0;
  std::size_t done = 0;
  std::size_t refused = 0;
  std::size_t submits_acknowledged = 0;
  std::size_t leases = 0;
  std::size_t tasks_found = 0;

  void add(const std::vector<Call>& history, const Found& found);
  // "10 calls: 8 done, …"
  std::string text() const;
};

}  // namespace quern::crash
