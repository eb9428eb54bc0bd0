// The steps that black-box tests are told in: one server for the whole program, a queue of its own
// for every test case, and the calls of the contract with what they always answer already checked.
//
// Threads  api() belongs to the main thread; other threads make their own Client{server().port()}.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "support/eventually.h"
#include "support/http_client.h"
#include "support/raw_json.h"
#include "support/server.h"

namespace quern::test {

// The server counts in whole milliseconds: what it calls N ms may be this much less to us.
inline constexpr std::chrono::milliseconds clock_tick{2};

// Started at the first call, stopped when the program ends.
Server& server();
// A keep-alive client of server().
Client& api();

// Starts this program's server with further flags; to be called before anything else.
void server_flags(std::vector<std::string> flags);

// A queue name that nothing else uses.
std::string fresh_queue();

// What a refusal says: "409 lease_lost", with validation problems the pointers too:
// "400 invalid_argument /priority /type". Anything else, or a problem document that is not as the
// contract has it, comes back as text that equals no expectation and says what is wrong.
std::string refusal(const Response& response);
// The same without the code, "400 /priority", where the contract leaves the code open.
std::string refused_field(const Response& response);

// Sends these bytes on a connection of their own and reads one answer.
struct Exchange {
  Response response;
  bool closed = false;  // the server then closed, without another byte
};
Exchange exchange_bytes(const std::string& bytes);

// --- The calls of a task's life. Each demands the 2xx that the contract gives it.

Json submit(const std::string& queue, Json fields = Json::object());
std::vector<Json> submit_batch(const std::vector<Json>& tasks);
Response post_task(const Json& body, Headers headers = {});  // whatever the answer
Json task(const std::string& id);
bool is_gone(const std::string& id);
void await_gone(const std::string& id);

Response lease(const Json& body);
// The tasks of one call without waiting.
std::vector<Json> lease_up_to(const std::string& queue, int count, Json fields = Json::object());
// One task, which must be there.
Json lease_one(const std::string& queue, Json fields = Json::object());
std::string token(const Json& leased);

// A task that was submitted and leased, alone in its queue.
Json lease_new(const std::string& queue, Json fields = Json::object());
// Waits for the task to leave `running`, as it does when its lease or its time runs out.
Json wait_until_lost(const Json& leased);

Response settle_call(const std::string& verb, const Json& leased, Json fields = Json::object());
Json complete(const Json& leased, Json result = nullptr);
Json fail(const Json& leased, Json fields = Json::object());
Json release(const Json& leased);
Json cancel(const std::string& id);

// A task that has died in `queue` for the given reason: max_attempts or not_retryable.
Json dead_task(const std::string& queue, Json fields = Json::object(),
               const std::string& reason = "not_retryable",
               const std::string& error_type = "broken");

// --- Queues

Json put_queue(const std::string& queue, const Json& settings = Json::object());
Json patch_queue(const std::string& queue, const Json& settings);
Json queue(const std::string& name);
// Over as many pages of `limit` as there are; the last to die first.
std::vector<std::string> dead_ids(const std::string& queue, std::size_t limit = 1000);
// The counts that are not zero: {"ready": 2}.
Json counts(const std::string& queue);

// --- Small things

std::vector<std::string> ids_of(const Json& tasks);
// Milliseconds since the epoch; fails the test unless `time` is as the contract writes times.
std::int64_t millis(const Json& time);
std::string as_time(std::int64_t millis);
std::int64_t now_millis();
bool is_uuid7(const std::string& text);
std::string percent_encoded(std::string_view text);

}  // namespace quern::test
