// The line that shows how far the pipeline is, and when it is done.
#pragma once

#include <quern/client.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace pipeline {

// Counts over the three queues, as the server has them.
struct Standing {
  std::uint64_t parse = 0;  // unfinished
  std::uint64_t chunk = 0;
  std::uint64_t index = 0;
  std::uint64_t tasks_done = 0;      // succeeded or dead
  std::uint64_t documents_done = 0;  // indexed or dead

  bool finished() const { return parse == 0 && chunk == 0 && index == 0; }
};

// nullopt while the server does not answer.
std::optional<Standing> look(quern::Client& client);

// On a terminal one line that is rewritten; elsewhere a new line now and then.
class ProgressLine {
 public:
  explicit ProgressLine(std::size_t documents);

  void show(const std::optional<Standing>& standing);
  // Something worth a line of its own.
  void note(const std::string& text);
  double seconds() const;

 private:
  bool terminal_;
  std::size_t documents_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace pipeline
