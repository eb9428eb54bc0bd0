// Every subcommand adds itself to the parser and, when it is named, becomes the session's action.
#pragma once

#include "session.h"

namespace CLI {
class App;
}

namespace quern::cli {

void add_submit(CLI::App& app, Session& session);
void add_get(CLI::App& app, Session& session);
void add_wait(CLI::App& app, Session& session);
void add_list(CLI::App& app, Session& session);
void add_cancel(CLI::App& app, Session& session);
void add_queues(CLI::App& app, Session& session);
void add_queue(CLI::App& app, Session& session);  // queue get|set|pause|resume
void add_dead_list(CLI::App& dead, Session& session);
void add_redrive(CLI::App& app, Session& session);  // also as `dead redrive`

}  // namespace quern::cli
