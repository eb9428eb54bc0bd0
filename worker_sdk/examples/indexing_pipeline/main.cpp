// Indexes real documents with three queues, and kills the server half-way to show that nothing is
// lost.
//
//   documents ──► parse ──► chunk ──► index ──► full-text search (SQLite FTS5)
//                   └─ broken ones: dead-letter queue, with the reason
//
// Each document is one task at a time: parse submits chunk, chunk submits index, all under the same
// correlation id. steps.cpp has the handlers and is what to read first; everything else here finds
// documents, runs the server and shows what happens.
#include <fmt/format.h>
#include <quern/quern.h>
#include <stdlib.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <atomic>
#include <filesystem>
#include <thread>

#include "documents.h"
#include "progress.h"
#include "quernd_process.h"
#include "report.h"
#include "search_index.h"
#include "steps.h"

namespace {

namespace fs = std::filesystem;
using namespace pipeline;
using namespace std::chrono_literals;

struct Options {
  std::string quernd;
  std::vector<std::string> docs;
  std::size_t limit = 2'000;
  std::uint32_t concurrency = 8;
  std::string search = "warranty of merchantability";
  bool keep = false;
};

// A new folder for all that the run leaves behind; gone at the end.
class WorkFolder {
 public:
  explicit WorkFolder(bool keep) : keep_(keep) {
    std::string name = (fs::temp_directory_path() / "quern-demo-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = name;
  }
  ~WorkFolder() {
    std::error_code ignored;
    if (!keep_) fs::remove_all(path_, ignored);
  }
  WorkFolder(const WorkFolder&) = delete;
  WorkFolder& operator=(const WorkFolder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  bool keep_;
  fs::path path_;
};

// A task that was being handed over at the moment of the kill is leased to nobody. Short leases and
// waits let it run again within the demo's few seconds; the defaults are for real life.
constexpr quern::Duration lease = 3s;

void set_up_queues(quern::Client& client) {
  quern::QueueSettings settings;
  settings.max_attempts = 5;
  settings.retry = {.strategy = quern::RetryStrategy::fixed, .base = 200ms};
  for (const char* queue : {parse_queue, chunk_queue, index_queue}) {
    client.queue_set(queue, settings);
  }
}

void submit_all(quern::Client& client, const std::vector<Document>& documents) {
  constexpr std::size_t batch_max = 500;
  std::vector<quern::NewTask> batch;
  for (const Document& document : documents) {
    batch.push_back(parse_task(document));
    if (batch.size() == batch_max || &document == &documents.back()) {
      client.submit_batch(std::exchange(batch, {}));
    }
  }
}

// Until every task is finished; half-way the server is killed and started again.
void watch(QuerndProcess& quernd, ProgressLine& progress, std::size_t document_count) {
  quern::Client client({.server = quernd.url(), .timeout = 2s, .retry_for = 0s});
  for (bool killed = false;;) {
    const auto standing = look(client);
    progress.show(standing);
    if (standing && standing->finished()) return;
    if (!killed && standing && 2 * standing->documents_done >= document_count) {
      killed = true;
      quernd.kill();
      progress.note(fmt::format("*** server killed with SIGKILL after {} documents ***",
                                standing->documents_done));
      quernd.start();
      progress.note("*** server started again on the same data ***");
    }
    std::this_thread::sleep_for(20ms);
  }
}

std::vector<Document> find(const Options& options, const fs::path& samples) {
  const std::vector<fs::path> folders(options.docs.begin(), options.docs.end());
  std::vector<Document> documents =
      find_documents(folders.empty() ? default_folders() : folders, options.limit);
  fmt::print("{} documents", documents.size());
  if (options.limit != 0 && documents.size() == options.limit) fmt::print(" (--limit 0 for all)");
  fmt::print(", and two broken samples of our own: a truncated gzip file and a binary one\n");
  add_broken_samples(samples, documents);
  return documents;
}

// Whether nothing was lost.
bool print_report(quern::Client& client, SearchIndex& index, const std::vector<Document>& documents,
                  double seconds, std::size_t repeats, const quern::WorkerStats& stats,
                  const Options& options) {
  const Outcome outcome = ask_outcome(client);
  const auto chunks = index.chunks_by_document();
  std::size_t chunk_count = 0;
  for (const auto& [document, count] : chunks) chunk_count += count;

  fmt::print("\nDocuments  {}: {} indexed, {} in dead-letter queues\n", documents.size(),
             chunks.size(), outcome.dead.size());
  fmt::print("Chunks     {}\n", chunk_count);
  fmt::print("Tasks      {} in {:.1f} s: {:.0f} tasks/s, the server's death included\n",
             outcome.tasks, seconds, static_cast<double>(outcome.tasks) / seconds);
  fmt::print("Retries    {}, of which {} found their effect already there\n", outcome.retries,
             repeats);
  fmt::print(
      "Worker     reconnected {} time(s), and reported then what it could not report before\n",
      stats.reconnects);
  print_dead_letters(outcome);
  print_history(client, documents.front());
  print_hits(index, documents, options.search);

  const std::vector<std::string> lost = find_lost(documents, outcome, chunks);
  if (lost.empty()) {
    fmt::print(
        "\nNothing was lost: each of {} documents is indexed exactly once or a dead letter.\n",
        documents.size());
  }
  for (const std::string& document : lost) fmt::print("NOT RIGHT: {}\n", document);
  return lost.empty();
}

int run(const Options& options) {
  const WorkFolder folder(options.keep);
  QuerndProcess quernd(options.quernd, folder.path() / "data", folder.path() / "quernd.log");
  fmt::print("quernd runs at {}, data in {}\n", quernd.url(), folder.path().string());
  const std::vector<Document> documents = find(options, folder.path());

  quern::Client client({.server = quernd.url()});
  set_up_queues(client);
  SearchIndex index(folder.path() / "index.sqlite");
  std::atomic<std::size_t> repeats = 0;
  quern::Worker worker(client, {.queues = {parse_queue, chunk_queue, index_queue},
                                .concurrency = options.concurrency,
                                .lease = lease,
                                .log = [](quern::LogLevel, std::string_view) {}});
  add_steps(worker, index, repeats);

  ProgressLine progress(documents.size());
  submit_all(client, documents);
  std::jthread working([&](std::stop_token stop) { worker.run(stop); });
  watch(quernd, progress, documents.size());
  const double seconds = progress.seconds();
  working.request_stop();
  working.join();
  if (options.keep) fmt::print("Everything is kept in {}\n", folder.path().string());
  return print_report(client, index, documents, seconds, repeats, worker.stats(), options) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Indexes documents through the queues parse, chunk and index.");
  app.add_option("--quernd", options.quernd, "The server to start")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--docs", options.docs,
                 "Folders with documents (default: docs, /usr/share/common-licenses, "
                 "/usr/share/doc)")
      ->check(CLI::ExistingDirectory);
  app.add_option("--limit", options.limit, "At most so many documents; 0: all")
      ->capture_default_str();
  app.add_option("--concurrency", options.concurrency, "Handlers at once")->capture_default_str();
  app.add_option("--search", options.search, "What to look for at the end")->capture_default_str();
  app.add_flag("--keep", options.keep, "Keep data, log and index");
  CLI11_PARSE(app, argc, argv);
  try {
    return run(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "indexing_pipeline: {}\n", error.what());
    return 1;
  }
}
