// All commands and options of qctl. The parser, --help, the manual page and the completions are
// made from this one tree.
#pragma once

#include <CLI/App.hpp>
#include <memory>

#include "session.h"

namespace quern::cli {

// `session` must outlive the tree.
std::unique_ptr<CLI::App> make_command_tree(Session& session);

}  // namespace quern::cli
