// A live screen of the queues.
#include <unistd.h>

#include <CLI/App.hpp>
#include <condition_variable>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>

#include "commands/commands.h"
#include "commands/options.h"
#include "confirm.h"
#include "table.h"
#include "text.h"
#include "top/screen.h"

namespace quern::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct Row {
  Queue queue;
  double submitted_per_second = 0;
  double finished_per_second = 0;
};

struct Snapshot {
  std::vector<Row> rows;
  std::string trouble;  // why the last look failed; empty: it did not
  bool any = false;     // the server has answered once
};

std::uint64_t all(const QueueCounts& counts) {
  return counts.unfinished() + counts.dead + counts.succeeded + counts.cancelled;
}
std::uint64_t finished(const QueueCounts& counts) {
  return counts.dead + counts.succeeded + counts.cancelled;
}

double rate(std::uint64_t before, std::uint64_t now, double seconds) {
  return now > before ? static_cast<double>(now - before) / seconds : 0;
}

// Looks at the server in a thread of its own, so that keys work while it is slow.
class Watch {
 public:
  Watch(ClientOptions options, Duration interval)
      : client_(std::move(options)), interval_(interval) {}

  void run_until(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      look();
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, interval_, [] { return false; });
    }
  }
  Snapshot snapshot() {
    const std::lock_guard lock(mutex_);
    return snapshot_;
  }

 private:
  void look() {
    std::vector<Queue> queues;
    std::string trouble;
    try {
      PageOptions page{.limit = 1'000};
      do {
        auto answer = client_.queues(page);
        for (Queue& queue : answer.items) queues.push_back(std::move(queue));
        page.cursor = answer.next_cursor;
      } while (!page.cursor.empty());
    } catch (const ApiError& error) {
      trouble = error.detail();
    }
    const std::lock_guard lock(mutex_);
    snapshot_.trouble = trouble;
    if (trouble.empty()) take(std::move(queues));
  }

  void take(std::vector<Queue> queues) {
    const auto now = Clock::now();
    const double seconds = std::max(std::chrono::duration<double>(now - looked_at_).count(), 0.001);
    std::map<std::string, QueueCounts> counts;
    std::vector<Row> rows;
    for (Queue& queue : queues) {
      counts[queue.name] = queue.counts;
      Row row{.queue = std::move(queue)};
      if (const auto before = counts_.find(row.queue.name); before != counts_.end()) {
        row.submitted_per_second = rate(all(before->second), all(row.queue.counts), seconds);
        row.finished_per_second =
            rate(finished(before->second), finished(row.queue.counts), seconds);
      }
      rows.push_back(std::move(row));
    }
    looked_at_ = now;
    counts_ = std::move(counts);
    snapshot_.rows = std::move(rows);
    snapshot_.any = true;
  }

  Client client_;
  Duration interval_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  Snapshot snapshot_;
  Clock::time_point looked_at_;
  std::map<std::string, QueueCounts> counts_;
};

void sort_rows(std::vector<Row>& rows, char by) {
  const auto key = [by](const Row& row) -> std::uint64_t {
    if (by == 'r') return row.queue.counts.ready;
    if (by == 'u') return row.queue.counts.running;
    if (by == 'd') return row.queue.counts.dead;
    if (by == 'o') {
      return static_cast<std::uint64_t>(row.queue.oldest_ready_age.value_or(Duration{0}).count());
    }
    return 0;  // by name, as the server lists them
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const Row& one, const Row& other) { return key(one) > key(other); });
}

std::string rate_text(double rate) {
  std::ostringstream text;
  text.setf(std::ios::fixed);
  text.precision(rate < 10 && rate > 0 ? 1 : 0);
  text << rate;
  return text.str();
}

std::vector<std::string> table_lines(const std::vector<Row>& rows, const Look& look) {
  constexpr auto right = Table::Align::right;
  Table table({{"QUEUE"},
               {"READY", right},
               {"OLDEST", right},
               {"RUNNING", right},
               {"RETRYING", right},
               {"SCHEDULED", right},
               {"DEAD", right},
               {"IN/s", right},
               {"OUT/s", right},
               {""}});
  for (const Row& row : rows) {
    const QueueCounts& counts = row.queue.counts;
    table.add({shortened(row.queue.name, 32),
               grouped(counts.ready),
               row.queue.oldest_ready_age ? duration_text(*row.queue.oldest_ready_age) : "-",
               {grouped(counts.running), counts.running != 0 ? Colour::cyan : Colour::plain},
               grouped(counts.retrying),
               grouped(counts.scheduled),
               {grouped(counts.dead), counts.dead != 0 ? Colour::red : Colour::plain},
               rate_text(row.submitted_per_second),
               rate_text(row.finished_per_second),
               {row.queue.settings.paused ? "paused" : "", Colour::yellow}});
  }
  std::ostringstream out;
  table.print(out, {.coloured = look.coloured});
  std::vector<std::string> lines;
  std::istringstream in(out.str());
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// A line that holds colours, at most `width` columns of it.
std::string cut(const std::string& line, std::size_t width) {
  std::string out;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      const std::size_t end = std::min(line.find('m', i), line.size() - 1);
      out += line.substr(i, end - i + 1);
      i = end;
    } else {
      if ((static_cast<unsigned char>(line[i]) & 0xC0) != 0x80 && ++taken > width) continue;
      if (taken <= width) out += line[i];
    }
  }
  return out;
}

std::vector<std::string> frame(const Snapshot& seen, char by, const std::string& server,
                               const Look& look, TerminalSize size) {
  std::vector<Row> rows = seen.rows;
  sort_rows(rows, by);
  std::vector<std::string> lines;
  lines.push_back(look.paint(Colour::bold, "Quern") + "  " + printable(server) + "  " +
                  grouped(rows.size()) + " queues");
  if (!seen.trouble.empty()) {
    lines.push_back(look.paint(Colour::red, "No answer, trying again: " + printable(seen.trouble)));
  } else {
    lines.push_back(seen.any ? "" : "Waiting for the server");
  }
  for (std::string& line : table_lines(rows, look)) lines.push_back(std::move(line));
  if (lines.size() >= size.rows) {
    lines.resize(size.rows - 1);  // the last row is for the keys
  }
  lines.push_back(
      look.paint(Colour::dim, "q quit   sort: n name  r ready  u running  d dead  o oldest"));
  for (std::string& line : lines) line = cut(line, size.columns);
  return lines;
}

ExitCode top(Session& session, Duration interval) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    throw UsageError("top needs a terminal; for scripts there is qctl queues --json");
  }
  session.client();  // refuses an address that is none
  ClientOptions options = session.client_options();
  options.retry_for = Duration{0};
  Watch watch(options, interval);
  const Look look = session.look();
  {
    Screen screen;
    std::jthread looking([&](const std::stop_token& stop) { watch.run_until(stop); });
    char by = 'n';
    for (char key = Screen::nothing; key != Screen::quit;) {
      screen.draw(frame(watch.snapshot(), by, session.connection().server, look, screen.size()));
      // Often enough that a first answer is shown at once.
      key = screen.read_key(std::chrono::milliseconds{200});
      if (std::string_view("nrudo").find(key) != std::string_view::npos && key != '\0') by = key;
    }
    looking.request_stop();
    looking.detach();  // it may hang in a call to a server that does not answer
  }
  // The detached thread uses what would be destroyed.
  std::cout.flush();
  ::_exit(exit_ok);
}

}  // namespace

void add_top(CLI::App& app, Session& session) {
  auto interval = std::make_shared<Duration>(1'000);
  CLI::App* command =
      app.add_subcommand("top", "Watch the queues live: counts, oldest age, rates, dead");
  add_duration(*command, "--interval", *interval, "Between two looks (default: 1s)");
  add_examples(*command,
               "  qctl top\n"
               "\nKeys: q quits; n r u d o sort by name, ready, running, dead, oldest.\n"
               "Rates are changes of the counts; tasks that retention removes lower them.\n");
  command->callback([&session, interval] {
    session.action = [&session, interval] { return top(session, *interval); };
  });
}

}  // namespace quern::cli
