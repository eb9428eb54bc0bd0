// Says what is wrong with a history, given what was found at its end.
//
// The rules, by the word that a violation starts with:
//   lost        an acknowledged submit is not there, or not as it was sent
//   invented    something is there that nobody sent, or a result that nobody gave
//   4xx         a call that was refused had an effect
//   torn        a batch is there in part
//   duplicated  one id, key or call names two tasks
//   undone      an acknowledged complete, cancel or death did not last
//   terminal    a task was acknowledged to have ended in two ways
//   attempts    more attempts than allowed, or dead of them without having had them
//   dead        dead without a reason, or a dead-letter queue that lists others than the dead
//   counts      a queue's counts are not what a listing of it says
//   overlap     a task was given to a second worker while the first held it
//   stale       a token was accepted after the task had been given to another
//   token       one token was given twice
//   early       a task was given before its time
//   time        created, started and finished are out of order
//   unfinished  a task is not finished although nothing stood in its way
#pragma once

#include <string>
#include <vector>

#include "history.h"

namespace quern::crash {

// One line for each violation; nothing when the history is as it should be. Expects that nothing
// was purged, redriven or past its retention.
std::vector<std::string> violations(const std::vector<Call>& calls, const Found& found);

}  // namespace quern::crash
