// A live screen of the queues.
#include <unistd.h>

#include <CLI/App.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <thread>

#include "commands/commands.h"
#include "commands/options.h"
#include "top/frame.h"
#include "top/screen.h"
#include "top/watch.h"

namespace quern::cli {
namespace {

void apply(Key key, View& view, std::size_t rows_visible) {
  const std::size_t page = std::max<std::size_t>(rows_visible, 2) - 1;
  switch (key.kind) {
    case Key::character:
      if (sort_keys.find(key.character_typed) != std::string_view::npos) {
        view = {.sort = key.character_typed};
      }
      break;
    case Key::up:
      view.first -= std::min<std::size_t>(view.first, 1);
      break;
    case Key::down:
      ++view.first;
      break;
    case Key::page_up:
      view.first -= std::min(view.first, page);
      break;
    case Key::page_down:
      view.first += page;
      break;
    case Key::none:
    case Key::quit:
      break;
  }
}

ExitCode top(Session& session, Duration interval) {
  if (::isatty(STDIN_FILENO) != 1 || ::isatty(STDOUT_FILENO) != 1) {
    throw UsageError("top needs a terminal; for scripts there is qctl queues --json");
  }
  if (terminal_is_dumb()) {
    throw UsageError(
        "top draws a screen, and by TERM this terminal is dumb; qctl queues prints what there is");
  }
  session.client();  // refuses an address that is none
  ClientOptions options = session.client_options();
  options.retry_for = Duration{0};
  Watch watch(options, interval);
  const Look look = session.look();
  int ended_by = 0;
  std::optional<ApiError> error;
  {
    Screen screen;
    std::jthread looking([&](const std::stop_token& stop) { watch.run_until(stop); });
    View view;
    for (Key key; key.kind != Key::quit && !watch.error(); ended_by = key.signal) {
      const TerminalSize size = screen.size();
      apply(key, view, rows_visible(size.rows));
      screen.draw(draw_frame(watch.snapshot(), view, session.connection().server, look, size));
      // Often enough that a first answer is shown at once.
      key = screen.read_key(std::chrono::milliseconds{200});
    }
    looking.request_stop();
    error = watch.error();
    // Without an error it may hang in a call to a server that does not answer.
    if (!error) looking.detach();
  }
  if (error) throw ApiError(*error);
  // The detached thread uses what would be destroyed.
  std::cout.flush();
  ::_exit(ended_by == 0 ? exit_ok : exit_signal_base + ended_by);
}

}  // namespace

void add_top(CLI::App& app, Session& session) {
  auto interval = std::make_shared<Duration>(1'000);
  CLI::App* command =
      app.add_subcommand("top", "Watch the queues live: counts, oldest age, rates, dead");
  add_duration(*command, "--interval", *interval, "Between two looks (default: 1s)");
  add_examples(*command,
               "  qctl top\n"
               "  qctl top --interval 5s\n"
               "\nOn top is the queue whose oldest ready task has waited longest. Keys: q quits;\n"
               "o n r u d sort by oldest, name, ready, running, dead; the arrows and Page Up and\n"
               "Down scroll when there are more queues than rows.\n"
               "Rates are changes of the counts; tasks that retention removes lower them.\n");
  command->callback([&session, interval] {
    session.action = [&session, interval] { return top(session, *interval); };
  });
}

}  // namespace quern::cli
