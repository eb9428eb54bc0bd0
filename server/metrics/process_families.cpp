// The process, under the names that Prometheus' client libraries give it.
//
// Source   proc(5).
#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {
namespace {

struct ProcessFigures {
  double cpu_seconds = 0;
  double start_seconds = 0;  // since the epoch
  double virtual_bytes = 0;
  double resident_bytes = 0;
  double threads = 0;
};

// When the machine began, in seconds since the epoch.
double boot_seconds() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word && word != "btime") {
  }
  file >> seconds;
  return seconds;
}

ProcessFigures process_figures() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  // The name in parentheses may hold anything; what follows it are numbers, from the third field.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream rest(line.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) rest >> skipped;
  double user = 0;
  double system = 0;
  double threads = 0;
  double start = 0;
  double virtual_bytes = 0;
  double resident_pages = 0;
  rest >> user >> system;
  for (int field = 16; field < 20; ++field) rest >> skipped;
  rest >> threads >> skipped >> start >> virtual_bytes >> resident_pages;

  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  static const double booted_at = boot_seconds();
  return {.cpu_seconds = (user + system) / ticks,
          .start_seconds = booted_at + start / ticks,
          .virtual_bytes = virtual_bytes,
          .resident_bytes = resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)),
          .threads = threads};
}

double open_descriptors() {
  std::error_code ec;
  std::filesystem::directory_iterator descriptors("/proc/self/fd", ec);
  if (ec) return 0;
  // Without the one that the look itself has open.
  return static_cast<double>(std::distance(begin(descriptors), end(descriptors))) - 1;
}

double descriptors_max() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<double>(limit.rlim_cur) : 0;
}

}  // namespace

void add_process_families(Families& families) {
  const ProcessFigures process = process_figures();
  const auto add = [&](Family family, double value) {
    families.push_back(single(std::move(family), value));
  };
  add(counter("process_cpu_seconds_total", "Processor time in user and system mode."),
      process.cpu_seconds);
  add(gauge("process_resident_memory_bytes", "Memory that is resident."), process.resident_bytes);
  add(gauge("process_virtual_memory_bytes", "Addresses that are in use."), process.virtual_bytes);
  add(gauge("process_open_fds", "File descriptors that are open."), open_descriptors());
  add(gauge("process_max_fds", "File descriptors that may be open."), descriptors_max());
  add(gauge("process_threads", "Threads."), process.threads);
  add(gauge("process_start_time_seconds", "When the process began, since the Unix epoch."),
      process.start_seconds);
}

}  // namespace quern::server
