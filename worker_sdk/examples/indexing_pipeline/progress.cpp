#include "progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "steps.h"

namespace pipeline {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds terminal_interval{100};
constexpr std::chrono::seconds plain_interval{2};

std::uint64_t done(const quern::QueueCounts& counts) { return counts.succeeded + counts.dead; }

}  // namespace

std::optional<Standing> look(quern::Client& client) {
  try {
    // In the order of the way: once parse is empty nothing can come into chunk any more, and so on.
    // So three zeros mean the end, although the three counts are not of one instant.
    const quern::QueueCounts parse = client.queue(parse_queue).counts;
    const quern::QueueCounts chunk = client.queue(chunk_queue).counts;
    const quern::QueueCounts index = client.queue(index_queue).counts;
    return Standing{.parse = parse.unfinished(),
                    .chunk = chunk.unfinished(),
                    .index = index.unfinished(),
                    .tasks_done = done(parse) + done(chunk) + done(index),
                    .documents_done = parse.dead + chunk.dead + done(index)};
  } catch (const quern::ApiError& error) {
    if (error.code() != quern::ErrorCode::unreachable) throw;
    return std::nullopt;
  }
}

ProgressLine::ProgressLine(std::size_t documents)
    : terminal_(::isatty(STDOUT_FILENO) == 1),
      documents_(documents),
      started_(steady_clock::now()) {}

double ProgressLine::seconds() const {
  return std::chrono::duration<double>(steady_clock::now() - started_).count();
}

void ProgressLine::show(const std::optional<Standing>& standing) {
  const bool finished = standing && standing->finished();
  const auto now = steady_clock::now();
  if (!finished && now - shown_ < (terminal_ ? steady_clock::duration(terminal_interval)
                                             : steady_clock::duration(plain_interval))) {
    return;
  }
  shown_ = now;
  std::string line = fmt::format("{:6.1f} s  ", seconds());
  if (standing) {
    line += fmt::format(
        "{} of {} documents done; waiting: parse {}, chunk {}, index {}; {:.0f} tasks/s",
        standing->documents_done, documents_, standing->parse, standing->chunk, standing->index,
        static_cast<double>(standing->tasks_done) / seconds());
  } else {
    line += "the server does not answer; worker and clients wait for it";
  }
  // \033[K clears what a longer line left behind.
  std::fputs(terminal_ ? ("\r" + line + "\033[K").c_str() : (line + "\n").c_str(), stdout);
  if (terminal_ && finished) std::fputs("\n", stdout);
  std::fflush(stdout);
}

void ProgressLine::note(const std::string& text) {
  std::fputs(fmt::format("{}{:6.1f} s  {}{}\n", terminal_ ? "\r" : "", seconds(), text,
                         terminal_ ? "\033[K" : "")
                 .c_str(),
             stdout);
  std::fflush(stdout);
}

}  // namespace pipeline
