#include <CLI/App.hpp>
#include <iostream>
#include <memory>

#include "commands/commands.h"
#include "commands/dead_filter.h"
#include "commands/options.h"
#include "commands/pages.h"
#include "commands/task_text.h"
#include "text.h"

namespace quern::cli {
namespace {

constexpr std::uint64_t shown_default = 100;
constexpr std::uint32_t page_max = 1'000;

struct DeadList {
  std::string queue;
  DeadFlags filter;
  bool all = false;
  std::string cursor;
};

Table dead_table() {
  return Table({{.title = "ID"},
                {.title = "TYPE", .rank = 2, .width_min = 12},
                {.title = "REASON", .rank = 4, .width_narrow = 3},
                {.title = "ATTEMPTS", .rank = 5},
                {.title = "DIED", .rank = 3},
                {.title = "LAST ERROR", .rank = 1, .width_min = 20}});
}

void add_dead_row(Table& table, const Task& task) {
  table.add({printable(task.id),
             printable(task.type),
             {std::string(to_string(task.dead_reason)), Colour::red},
             attempts_text(task),
             task.finished_at ? relative_text(*task.finished_at, wall_clock_now()) : "-",
             // Says why also where there is no room for REASON.
             task.last_error
                 ? error_text(*task.last_error)
                 : Table::Cell("(" + std::string(to_string(task.dead_reason)) + ")", Colour::dim)});
}

// The server lists without filters, so what does not match is dropped here. With a filter whole
// pages are read, and no cursor can say where the last task shown was; without one a page is as
// large as what is still to be shown, so that the cursor skips none.
ExitCode list_dead(Session& session, DeadList& options) {
  const std::uint64_t wanted =
      options.all ? UINT64_MAX : options.filter.limit().value_or(shown_default);
  const bool filtered = options.filter.selects();
  Listing listing(session, dead_table());
  std::uint64_t shown = 0;
  bool more = false;
  PageOptions page{.cursor = options.cursor};
  do {
    page.limit =
        filtered ? page_max
                 : static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted - shown, page_max));
    const auto answer =
        session.ask([&](Client& client) { return client.dead_list(options.queue, page); });
    for (const Task& task : answer.items) {
      if (!options.filter.matches(task)) continue;
      more = shown == wanted;
      if (more) break;
      listing.add(task, add_dead_row);
      ++shown;
    }
    page.cursor = answer.next_cursor;
  } while (!page.cursor.empty() && !more && (filtered || shown < wanted));
  listing.finish(filtered ? "No dead tasks match." : "No dead tasks.");
  if (filtered && more) {
    std::cerr << (session.json ? "{\"more\":true}\n"
                               : "There is more: a higher --limit, or --all\n");
  } else if (!page.cursor.empty()) {
    say_more(session, page.cursor);
  }
  return exit_ok;
}

}  // namespace

void add_dead_list(CLI::App& dead, Session& session) {
  auto options = std::make_shared<DeadList>();
  CLI::App* command = dead.add_subcommand(
      "list", "List a queue's dead-letter queue: the last to die first, with the reason");
  command->add_option("queue", options->queue, "The queue's name")->required();
  options->filter.add_to(*command, "At most so many (default: 100)");
  command->add_option("--cursor", options->cursor, "Go on where an earlier page ended")
      ->type_name("CURSOR");
  command->add_flag("--all", options->all, "All that match");
  add_examples(*command,
               "  qctl dead list emails --error-type SmtpTimeout\n"
               "  qctl dead list emails --all --json | jq -r .last_error.type | sort | uniq -c\n");
  command->callback([&session, options] {
    session.action = [&session, options] {
      if (options->filter.limit() == std::uint64_t{0})
        throw UsageError("--limit must be at least 1");
      return list_dead(session, *options);
    };
  });
}

}  // namespace quern::cli
