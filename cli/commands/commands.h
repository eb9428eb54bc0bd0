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
void add_trace(CLI::App& app, Session& session);
void add_queues(CLI::App& app, Session& session);
void add_queue(CLI::App& app, Session& session);        // queue get|set|pause|resume|purge|delete
void add_queue_set(CLI::App& queue, Session& session);  // of those, the one
void add_queue_removal(CLI::App& queue, Session& session);  // of those, purge and delete
void add_top(CLI::App& app, Session& session);
void add_dead(CLI::App& app, Session& session);  // dead list|show|redrive|discard
void add_dead_list(CLI::App& dead, Session& session);
void add_dead_show(CLI::App& dead, Session& session);
void add_redrive(CLI::App& app, Session& session);  // also as `dead redrive`
void add_dead_discard(CLI::App& dead, Session& session);
void add_work(CLI::App& app, Session& session);
void add_backup(CLI::App& app, Session& session);  // backup create|list|verify|restore
void add_drain(CLI::App& app, Session& session);
void add_doctor(CLI::App& app, Session& session);
void add_info(CLI::App& app, Session& session);
void add_completions(CLI::App& app, Session& session);
void add_man(CLI::App& app, Session& session);

}  // namespace quern::cli
