// Whether what was printed got where it should.
//
// Source   as in the GNU core utilities: a full disk must not look like an empty list, and a reader
//          that has seen enough, as in `qctl list | head`, is no failure to talk about.
#pragma once

namespace quern::cli {

// Before anything else: a closed pipe ends the process quietly, and standard files that were closed
// do not become sockets.
void prepare_output();

// Flushes standard output; false when something could not be written.
bool finish_output();

}  // namespace quern::cli
