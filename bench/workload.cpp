#include "workload.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <random>

namespace quern::bench {
namespace {

// API limit of one lease.
constexpr std::uint32_t lease_queues_max = 100;

// A worker would wait too. In a life cycle every lease follows a submit of the same connection, so
// that there always is a task for it.
constexpr std::string_view lease_wait = R"(,"wait_ms":1000)";

// Of a payload that says when it was due. As many as any 64-bit number has.
constexpr std::size_t due_digits = 20;
static_assert(deliver_payload_bytes_min == due_digits + 2);

std::vector<Step> steps_of(const Options& options) {
  switch (options.mode) {
    case Mode::ping:
      return {Step::ping};
    case Mode::submit:
      return {Step::submit};
    case Mode::batch:
    case Mode::preload:
      return {Step::submit_batch};
    case Mode::lifecycle:
      return {Step::submit, Step::lease, Step::complete};
    case Mode::deliver:
      return {Step::submit, Step::complete};
    case Mode::lease:
      return {Step::lease, options.batch > 1 ? Step::settle : Step::complete};
  }
  return {};
}

std::vector<std::string> queue_names(const Options& options) {
  if (options.queues == 1) return {options.queue};
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < options.queues; ++i) {
    names.push_back(options.queue + "-" + std::to_string(i));
  }
  return names;
}

// Text that no compression shrinks much and JSON needs no escapes for. A payload is a slice of it.
std::string random_text(std::size_t size) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::mt19937 generator{7480};  // the same text in every run
  std::string text(size, '\0');
  for (char& c : text) c = alphabet[generator() % alphabet.size()];
  return text;
}

constexpr std::string_view complete_opening = R"({"op":"complete","id":)";
constexpr std::string_view fail_opening =
    R"({"op":"fail","error":{"type":"Bench","message":"as it was asked to"},"retryable":false,"id":)";

// When the one task of a lease was due.
std::optional<std::uint64_t> parse_due(std::string_view body) {
  constexpr std::string_view opening = R"("payload":")";
  const std::size_t found = body.find(opening);
  if (found == std::string_view::npos) return std::nullopt;
  const std::string_view digits = body.substr(found + opening.size(), due_digits);
  std::uint64_t due = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), due);
  if (error != std::errc{} || end != digits.data() + due_digits) return std::nullopt;
  return due;
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  out += text;
  out += '"';
}

}  // namespace

const char* name_of(Step step) {
  switch (step) {
    case Step::ping:
      return "ping";
    case Step::submit:
      return "submit";
    case Step::submit_batch:
      return "submit_batch";
    case Step::lease:
      return "lease";
    case Step::complete:
      return "complete";
    case Step::settle:
      return "settle";
  }
  return "";
}

Workload::Workload(const Options& options, const std::string& authority)
    : options_(options),
      steps_(steps_of(options)),
      get_head_(" HTTP/1.1\r\nHost: " + authority + "\r\n\r\n"),
      post_head_(" HTTP/1.1\r\nHost: " + authority +
                 "\r\nContent-Type: application/json\r\nContent-Length: "),
      queues_(queue_names(options)),
      payload_text_(
          random_text(std::max<std::size_t>(1 << 20, std::size_t{2} * options.payload_bytes))) {}

std::uint32_t Workload::tasks_per_cycle() const {
  return options_.mode == Mode::ping ? 0 : options_.batch;
}

void Workload::begin(Cycle& cycle, std::uint32_t tasks) {
  cycle.step = steps_.front();
  cycle.queue = queue_next_;
  cycle.tasks = tasks;
  cycle.leased.clear();
  cycle.completed = 0;
  cycle.empty_answers = 0;
  queue_next_ = (queue_next_ + 1) % static_cast<std::uint32_t>(queues_.size());
}

void Workload::begin_work(Cycle& cycle) {
  cycle.step = Step::lease;
  cycle.tasks = 1;
  cycle.leased.clear();
  cycle.completed = 0;
  cycle.empty_answers = 0;
}

void Workload::write_request(const Cycle& cycle, std::string& out) {
  body_.clear();
  switch (cycle.step) {
    case Step::ping:
      out += "GET /healthz";
      out += get_head_;
      return;
    case Step::submit:
      if (options_.wire != Wire::quern) {
        append_payload(cycle, body_);
        return append_submit(options_.wire, options_.queue, body_, out);
      }
      write_task(cycle, body_);
      return post("/tasks", body_, out);
    case Step::submit_batch:
      body_ += R"({"tasks":[)";
      for (std::uint32_t i = 0; i < cycle.tasks; ++i) {
        if (i > 0) body_ += ',';
        write_task(cycle, body_);
      }
      body_ += "]}";
      return post("/tasks/batch", body_, out);
    case Step::lease:
      write_lease(cycle, body_);
      return post("/leases", body_, out);
    case Step::complete: {
      const LeasedTask& task = cycle.leased[cycle.completed];
      body_ += R"({"lease_token":)";
      append_quoted(body_, task.token);
      body_ += '}';
      return post("/tasks/" + task.id + "/complete", body_, out);
    }
    case Step::settle:
      write_settle(cycle, body_);
      return post("/leases/settle", body_, out);
  }
}

Next Workload::read_answer(Cycle& cycle, std::string_view body) const {
  switch (cycle.step) {
    case Step::submit:
      if (options_.mode != Mode::lifecycle) return Next::done;
      cycle.step = Step::lease;
      return Next::step;
    case Step::lease:
      return read_lease(cycle, body);
    case Step::complete:
      ++cycle.completed;
      return cycle.completed == cycle.leased.size() ? Next::done : Next::step;
    case Step::settle:
      // Each item stands alone: the answer succeeds even if one of them did not.
      return body.find(R"("problem":)") == std::string_view::npos ? Next::done : Next::confused;
    case Step::ping:
    case Step::submit_batch:
      return Next::done;
  }
  return Next::done;
}

Next Workload::read_lease(Cycle& cycle, std::string_view body) const {
  auto leased = parse_leases(body);
  if (!leased || leased->size() > cycle.tasks) return Next::confused;
  cycle.leased = std::move(*leased);
  if (!cycle.leased.empty()) {
    cycle.empty_answers = 0;
    cycle.step = steps_.back();
    if (options_.mode == Mode::deliver) {
      cycle.delivered_due_ns = parse_due(body);
      if (!cycle.delivered_due_ns) return Next::confused;
    }
    return Next::step;
  }
  if (options_.mode == Mode::lifecycle) return Next::step;  // the lease again
  if (options_.mode == Mode::deliver) return Next::done;
  ++cycle.empty_answers;
  cycle.queue = (cycle.queue + lease_queues_max) % static_cast<std::uint32_t>(queues_.size());
  const bool all_seen = cycle.empty_answers * std::size_t{lease_queues_max} >= queues_.size();
  return all_seen ? Next::exhausted : Next::step;
}

void Workload::write_task(const Cycle& cycle, std::string& out) {
  out += R"({"queue":)";
  append_quoted(out, queues_[cycle.queue]);
  out += R"(,"type":"bench",)";
  if (!options_.run_at.empty()) {
    out += R"("run_at":)";
    append_quoted(out, options_.run_at);
    out += ',';
  }
  out += R"("payload":)";
  append_payload(cycle, out);
  out += '}';
}

void Workload::write_lease(const Cycle& cycle, std::string& out) const {
  // A life cycle takes from the queue that it submitted to; a drain from as many as a lease may
  // name.
  const bool waits = options_.mode == Mode::lifecycle || options_.mode == Mode::deliver;
  const std::size_t names = options_.mode == Mode::lifecycle
                                ? 1
                                : std::min<std::size_t>(queues_.size(), lease_queues_max);
  out += R"({"queues":[)";
  for (std::size_t i = 0; i < names; ++i) {
    if (i > 0) out += ',';
    append_quoted(out, queues_[(cycle.queue + i) % queues_.size()]);
  }
  out += R"(],"max_tasks":)";
  out += std::to_string(cycle.tasks);
  if (waits) out += lease_wait;
  out += R"(,"worker_id":"bench"})";
}

void Workload::write_settle(const Cycle& cycle, std::string& out) const {
  out += R"({"settle":[)";
  for (const LeasedTask& task : cycle.leased) {
    if (&task != &cycle.leased.front()) out += ',';
    out += options_.fails ? fail_opening : complete_opening;
    append_quoted(out, task.id);
    out += R"(,"lease_token":)";
    append_quoted(out, task.token);
    out += '}';
  }
  out += "]}";
}

void Workload::post(std::string_view target, std::string_view body, std::string& out) const {
  out += "POST ";
  out += target;
  out += post_head_;
  out += std::to_string(body.size());
  out += "\r\n\r\n";
  out += body;
}

// The two quotes count as well. The stride is prime, so that slices differ for long.
void Workload::append_payload(const Cycle& cycle, std::string& out) {
  assert(options_.payload_bytes >= 2);
  std::size_t size = options_.payload_bytes - 2;
  out += '"';
  if (options_.mode == Mode::deliver) {
    const std::string due = std::to_string(cycle.due_ns);
    out.append(due_digits - due.size(), '0');
    out += due;
    size -= due_digits;
  }
  payload_next_ = (payload_next_ + 7919) % (payload_text_.size() - size);
  out += std::string_view(payload_text_).substr(payload_next_, size);
  out += '"';
}

}  // namespace quern::bench
