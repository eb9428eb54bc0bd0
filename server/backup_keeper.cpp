#include "backup_keeper.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "backup_check.h"
#include "log.h"

namespace quern::server {
namespace {

// A directory that is full or away is tried again so often, unless the schedule has it sooner.
constexpr Duration retry_after{60'000};

Error stopping() {
  return Error{.code = ErrorCode::draining,
               .detail = "the server is stopping and begins no backup",
               .retry_after_seconds = 5};
}

}  // namespace

std::optional<Timestamp> BackupSchedule::next(std::optional<Timestamp> newest,
                                              std::optional<Timestamp> failed_at,
                                              Timestamp now) const {
  if (interval <= Duration{0}) return std::nullopt;
  // A clock that was set back must not put off the next one for as long.
  const bool usable = newest && *newest <= now;
  Timestamp due = usable ? *newest + interval : now;
  if (failed_at && *failed_at <= now) {
    due = std::max(due, *failed_at + std::min(interval, retry_after));
  }
  return due;
}

Result<std::unique_ptr<BackupKeeper>> BackupKeeper::open(
    const Options& options, std::shared_ptr<storage::BackupSource> source) {
  Result<std::unique_ptr<storage::BackupWriter>> writer =
      storage::BackupWriter::open(options.writer);
  if (!writer) return std::move(writer).error();
  return std::unique_ptr<BackupKeeper>(
      new BackupKeeper(options, std::move(source), *std::move(writer)));
}

BackupKeeper::BackupKeeper(const Options& options, std::shared_ptr<storage::BackupSource> source,
                           std::unique_ptr<storage::BackupWriter> writer)
    : options_(options),
      source_(std::move(source)),
      writer_(std::move(writer)),
      schedule_(options.schedule),
      keep_(options.keep) {}

BackupKeeper::~BackupKeeper() { stop(); }

void BackupKeeper::start(EnginePort& engine, ReplySink& sink) {
  engine_ = &engine;
  sink_ = &sink;
  read_list();
  thread_ = std::thread([this] { run(); });
}

void BackupKeeper::end_soon() {
  stop_.request_stop();
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

void BackupKeeper::use(const BackupSchedule& schedule, std::size_t keep) {
  const std::lock_guard lock(mutex_);
  schedule_ = schedule;
  keep_ = keep;
  changed_.notify_all();
}

void BackupKeeper::stop() {
  end_soon();
  if (thread_.joinable()) thread_.join();
}

// --- what io threads call -----------------------------------------------------------------------

Result<void> BackupKeeper::submit(engine::Ticket ticket, engine::Command&& command) {
  if (const auto* call = std::get_if<engine::BackupCall>(&command)) {
    return submit_call(ticket, *call);
  }
  return engine_->submit(ticket, std::move(command));
}

Result<void> BackupKeeper::submit_call(engine::Ticket ticket, const engine::BackupCall& call) {
  std::unique_lock lock(mutex_);
  if (call.verb == engine::BackupCall::Verb::list) {
    engine::BackupAnswer answer = page(call);
    lock.unlock();
    reply(ticket, std::move(answer));
    return {};
  }
  if (stop_.stop_requested()) return stopping();
  if (busy_ || waiting_) {
    return Error{.code = ErrorCode::backup_running,
                 .detail = "a backup or the check of one is under way: wait until it is done"};
  }
  waiting_ = Job{.ticket = ticket, .call = call};
  changed_.notify_all();
  return {};
}

engine::BackupAnswer BackupKeeper::page(const engine::BackupCall& call) const {
  engine::BackupAnswer answer;
  for (const storage::Backup& backup : backups_) {
    if (call.id != 0 && backup.id >= call.id) continue;
    answer.more = answer.backups.size() == call.limit;
    if (answer.more) break;
    answer.backups.push_back(backup);
  }
  return answer;
}

void BackupKeeper::tell(engine::Command&& command) { engine_->tell(std::move(command)); }
std::shared_ptr<const storage::Store> BackupKeeper::store() const { return engine_->store(); }
Health BackupKeeper::health() const { return engine_->health(); }

// --- the thread ---------------------------------------------------------------------------------

void BackupKeeper::run() {
  pthread_setname_np(pthread_self(), "backups");
  while (const std::optional<Job> job = await_job()) {
    engine::Outcome outcome = run_job(job->call);
    {
      // Who gets the answer may ask for the next one at once.
      const std::lock_guard lock(mutex_);
      busy_ = false;
    }
    reply(job->ticket, std::move(outcome));
  }
  const std::lock_guard lock(mutex_);
  if (waiting_) reply(waiting_->ticket, stopping());
}

// nullopt: stop.
std::optional<BackupKeeper::Job> BackupKeeper::await_job() {
  std::unique_lock lock(mutex_);
  const auto called = [this] { return waiting_ || stop_.stop_requested(); };
  for (;;) {
    if (stop_.stop_requested()) return std::nullopt;
    if (waiting_ || is_due()) {
      busy_ = true;
      return std::exchange(waiting_, std::nullopt)
          .value_or(Job{.ticket = 0, .call = {.verb = engine::BackupCall::Verb::create}});
    }
    if (schedule_.interval > Duration{0}) {
      changed_.wait_for(lock, options_.look_every, called);
    } else {
      // A schedule may come, too: then this is woken, and looks again.
      changed_.wait(lock);
    }
  }
}

BackupKeeper::Status BackupKeeper::status() const {
  const std::lock_guard lock(mutex_);
  return {.newest = newest(), .failed_at = failed_at_};
}

std::size_t BackupKeeper::keep() const {
  const std::lock_guard lock(mutex_);
  return keep_;
}

std::optional<Timestamp> BackupKeeper::newest() const {
  const auto whole = std::ranges::find_if(backups_, std::logical_not(), &storage::Backup::damaged);
  return whole == backups_.end() ? std::nullopt : std::optional(whole->created_at);
}

bool BackupKeeper::is_due() const {
  if (schedule_.interval <= Duration{0}) return false;
  const Timestamp now = options_.now();
  const std::optional<Timestamp> next = schedule_.next(newest(), failed_at_, now);
  return next && *next <= now;
}

engine::Outcome BackupKeeper::run_job(const engine::BackupCall& call) {
  Result<engine::BackupAnswer> answer =
      call.verb == engine::BackupCall::Verb::create ? create() : check(call.id);
  if (!answer) return std::move(answer).error();
  return *std::move(answer);
}

Result<engine::BackupAnswer> BackupKeeper::create() {
  const auto began = std::chrono::steady_clock::now();
  Result<storage::Backup> backup = writer_->create(*source_, options_.now(), stop_.get_token());
  if (!backup) {
    log::error("a backup failed", {{"code", std::string(to_string(backup.error().code))},
                                   {"detail", backup.error().detail}});
    read_list();
    const std::lock_guard lock(mutex_);
    failed_at_ = options_.now();
    return std::move(backup).error();
  }
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - began);
  log::info("a backup was made", {{"id", std::to_string(backup->id)},
                                  {"bytes", std::to_string(backup->bytes)},
                                  {"own_bytes", std::to_string(backup->own_bytes)},
                                  {"duration_ms", std::to_string(took.count())}});
  // Not before there is a new one that opens.
  if (const Result<std::size_t> removed = writer_->prune(keep()); !removed) {
    log::error("old backups could not be removed", {{"detail", removed.error().detail}});
  }
  read_list();
  const std::lock_guard lock(mutex_);
  failed_at_.reset();
  return engine::BackupAnswer{.backups = {*backup}, .more = false, .findings = {}};
}

Result<engine::BackupAnswer> BackupKeeper::check(std::uint32_t id) {
  Result<std::vector<std::string>> findings =
      check_backup(options_.writer.directory, id, stop_.get_token());
  if (!findings) return std::move(findings).error();
  for (const std::string& finding : *findings) {
    log::error("a backup is damaged", {{"id", std::to_string(id)}, {"finding", finding}});
  }
  storage::Backup checked;
  checked.id = id;
  return engine::BackupAnswer{
      .backups = {std::move(checked)}, .more = false, .findings = *std::move(findings)};
}

void BackupKeeper::read_list() {
  Result<std::vector<storage::Backup>> backups = writer_->list();
  if (!backups) {
    log::error("the backups cannot be listed", {{"detail", backups.error().detail}});
    return;
  }
  const std::lock_guard lock(mutex_);
  backups_ = *std::move(backups);
}

void BackupKeeper::reply(engine::Ticket ticket, engine::Outcome outcome) {
  if (ticket == 0) return;
  std::vector<engine::Reply> replies;
  replies.push_back({ticket, std::move(outcome)});
  sink_->deliver(std::move(replies));
}

}  // namespace quern::server
