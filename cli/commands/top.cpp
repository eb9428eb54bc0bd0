#include <CLI/App.hpp>
#include "commands/commands.h"
namespace quern::cli {
void add_top(CLI::App&, Session&) {}
}
