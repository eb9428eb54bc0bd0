#include "commands/waiting.h"

#include <algorithm>
#include <iomanip>
#include <iostream>
#include <random>
#include <sstream>
#include <thread>
#include <utility>

#include "advice.h"
#include "commands/task_text.h"
#include "quern/protocol/limits.h"
#include "text.h"

namespace quern::cli {
namespace {

// One long poll: well below what proxies allow.
constexpr Duration slice_max{20'000};
// A server that drains answers long polls at once. It is not asked more often than this.
constexpr Duration ask_pause{500};

using Clock = Patience::Clock;

// For a task without a key of its own, so that a repeat finds what an answer that was lost had
// made.
std::string random_key() {
  std::random_device random;
  std::ostringstream key;
  key << "qctl:" << std::hex << std::setfill('0');
  for (int i = 0; i < 4; ++i) key << std::setw(8) << random();
  return key.str();
}

}  // namespace

Waiter::Waiter(Session& session, const Waiting& waiting)
    : session_(session),
      client_((session.client(),  // an address that is none is a usage error
               session.patient_client_options(waiting.patience))),
      until_(Clock::now() +
             std::min(waiting.timeout.value_or(limits::ten_years), limits::ten_years)),
      patience_(waiting.patience, until_,
                notice_on_stderr(session.json, std::min(waiting.patience, waiting.timeout.value_or(
                                                                              waiting.patience)))) {
}

// Not a long poll: so a silence is the server's.
template <typename Call>
auto Waiter::first_ask(const Call& call) {
  std::string text = session_.json ? "" : session_.slow_text();
  return patience_.ask([&] {
    const SlowNotice notice(std::exchange(text, ""));
    return call();
  });
}

Task Waiter::submit(NewTask task) {
  const bool own_key = task.idempotency_key.empty();
  if (own_key) task.idempotency_key = random_key();
  Task submitted = first_ask([&] { return client_.submit(task); });
  if (own_key) submitted.replayed = false;  // of our own repeat
  return submitted;
}

Task Waiter::wait_for(const std::string& id) {
  Task task = first_ask([&] { return client_.get(id); });
  while (!is_terminal(task.state)) {
    const Clock::time_point asked = Clock::now();
    const auto left = std::chrono::duration_cast<Duration>(until_ - asked);
    if (left <= Duration{0}) break;
    task = patience_.ask([&] { return client_.wait(id, std::min(left, slice_max)); });
    if (!is_terminal(task.state) && Clock::now() - asked < ask_pause) {
      std::this_thread::sleep_until(std::min(asked + ask_pause, until_));
    }
  }
  return task;
}

ExitCode show_waited(Session& session, const Task& task, const Waiting& waiting) {
  if (session.json) {
    std::cout << one_line(to_json(task)) << std::endl;
  } else {
    print_task(std::cout, task, session.look());
    std::cout.flush();  // before what is said of it
  }
  if (is_terminal(task.state)) {
    return task.state == TaskState::succeeded ? exit_ok : exit_refused;
  }
  print_failure(session.json, not_in_time_code,
                "task " + task.id + " is not finished after " +
                    exact_text(waiting.timeout.value_or(Duration{0})) + ": it is " +
                    std::string(to_string(task.state)) + ", with " + attempts_text(task) +
                    " attempts begun");
  return exit_not_in_time;
}

}  // namespace quern::cli
