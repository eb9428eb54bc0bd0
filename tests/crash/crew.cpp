#include "crew.h"

#include <cstdlib>

namespace quern::crash {

std::uint64_t number_from(const char* variable, std::uint64_t fallback) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? fallback : std::stoull(text);
}

Crew::Crew(Run run, std::uint16_t port, const std::filesystem::path& folder, int first,
           std::mt19937_64& random) {
  for (std::size_t i = 0; i < size; ++i) {
    const int client = first + static_cast<int>(i);
    // The seed ends in the client's number, since names of things are made of it.
    const Surroundings around{
        port, random() / 1'000'000 * 1'000'000 + static_cast<std::uint64_t>(client), &stop_};
    Journal& journal =
        journals_.emplace_back(folder / ("client-" + std::to_string(client) + ".ndjson"), client);
    threads_.emplace_back([=, &journal] { run(around, journal); });
  }
}

std::vector<Call> all_calls(const Crew& producers, const Crew& workers) {
  std::vector<Call> calls;
  for (const Crew* crew : {&producers, &workers}) {
    for (const Journal& journal : crew->journals()) {
      calls.insert(calls.end(), journal.calls().begin(), journal.calls().end());
    }
  }
  return calls;
}

void Totals::add(const std::vector<Call>& history, const Found& found) {
  calls += history.size();
  for (const Call& call : history) {
    done += call.verdict == Verdict::done ? 1 : 0;
    refused += call.verdict == Verdict::refused ? 1 : 0;
    submits_acknowledged += call.ids.size();
    leases += call.given.size();
  }
  tasks_found += found.tasks.size();
}

std::string Totals::text() const {
  return std::to_string(calls) + " calls: " + std::to_string(done) + " done, " +
         std::to_string(refused) + " refused, " + std::to_string(calls - done - refused) +
         " unknown; " + std::to_string(submits_acknowledged) + " submits acknowledged, " +
         std::to_string(leases) + " leases; " + std::to_string(tasks_found) + " tasks found";
}

}  // namespace quern::crash
