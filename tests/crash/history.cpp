#include "history.h"

#include <chrono>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace quern::crash {
namespace {

using Json = nlohmann::json;

Json intent_of(const Call& call) {
  Json line = {{"intent", name(call.op)}, {"at", call.invoked_at}};
  for (const TaskSent& sent : call.sent) {
    line["sent"].push_back(
        {{"queue", sent.queue}, {"payload", sent.payload.substr(0, 60)}, {"key", sent.key}});
  }
  if (!call.id.empty()) line["id"] = call.id;
  if (!call.token.empty()) line["token"] = call.token;
  if (!call.result.empty()) line["result"] = call.result;
  return line;
}

Json outcome_of(const Call& call) {
  Json line = {{"outcome", name(call.verdict)}, {"status", call.status}, {"at", call.answered_at}};
  if (!call.ids.empty()) line["ids"] = call.ids;
  for (const TaskGiven& given : call.given) {
    line["given"].push_back({{"id", given.id},
                             {"token", given.token},
                             {"attempts", given.attempts},
                             {"expires_at", given.expires_at}});
  }
  if (!call.state.empty()) line["state"] = call.state;
  return line;
}

}  // namespace

Journal::Journal(const std::filesystem::path& path, int client) : client_(client), file_(path) {
  if (!file_) throw std::runtime_error("cannot write " + path.string());
}

std::size_t Journal::intend(Call call) {
  call.client = client_;
  call.invoked_at = now_micros();
  const std::size_t place = calls_.size();
  Json line = intent_of(call);
  line["call"] = place;
  file_ << line.dump() << std::endl;
  calls_.push_back(std::move(call));
  return place;
}

void Journal::conclude(std::size_t place) {
  Json line = outcome_of(calls_[place]);
  line["call"] = place;
  file_ << line.dump() << std::endl;
}

std::int64_t now_micros() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

const char* name(Op op) {
  switch (op) {
    case Op::submit:
      return "submit";
    case Op::batch:
      return "batch";
    case Op::lease:
      return "lease";
    case Op::complete:
      return "complete";
    case Op::fail:
      return "fail";
    case Op::heartbeat:
      return "heartbeat";
    case Op::release:
      return "release";
    case Op::cancel:
      return "cancel";
  }
  return "";
}

const char* name(Verdict verdict) {
  switch (verdict) {
    case Verdict::done:
      return "done";
    case Verdict::refused:
      return "refused";
    case Verdict::unknown:
      return "unknown";
  }
  return "";
}

}  // namespace quern::crash
