#include "settings.h"

#include <algorithm>
#include <charconv>

#include "http/header_guard.h"
#include "quern/protocol/json_reader.h"

namespace quern::server {
namespace {

Error unfit(std::string what) {
  return Error{.code = ErrorCode::invalid_argument, .detail = std::move(what)};
}

template <typename Number>
Result<void> set_number(std::string_view text, std::uint64_t min, std::uint64_t max, Number& out) {
  std::uint64_t value = 0;
  const auto [stop, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = problem == std::errc{} && stop == text.data() + text.size() && !text.empty();
  if (!whole || value < min || value > max) {
    return unfit("must be " + std::to_string(min) + ".." + std::to_string(max) + ", not '" +
                 std::string(text) + "'");
  }
  out = Number(value);
  return {};
}

template <typename T>
Result<void> set_choice(std::optional<T> chosen, std::string_view choices, std::string_view text,
                        T& out) {
  if (!chosen)
    return unfit("must be " + std::string(choices) + ", not '" + std::string(text) + "'");
  out = *chosen;
  return {};
}

std::optional<bool> bool_from(std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<storage::Durability> durability_from(std::string_view text) {
  if (text == "fsync") return storage::Durability::fsync;
  if (text == "os") return storage::Durability::os;
  return std::nullopt;
}

// "a.example,b.example"
Result<void> set_hosts(std::string_view text, std::vector<std::string>& out) {
  out.clear();
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(','), text.size());
    const std::string_view name = text.substr(0, end);
    std::string host;
    const bool has_port = !name.starts_with('[') && name.find(':') != std::string_view::npos;
    if (has_port || !http::split_authority(name, host)) {
      return unfit("must be names or addresses separated by commas, without ports; '" +
                   std::string(name) + "' is neither");
    }
    out.push_back(std::move(host));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

constexpr std::uint64_t interval_ms_max = 31'536'000'000;  // a year
constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;

using Text = std::string_view;

// Where the server is and how it behaves.
std::vector<Setting> operation_settings() {
  return {
      {"listen", "HOST:PORT", "127.0.0.1:7480", "address to take requests on; port 0: any free one",
       [](Config& c, Text t) -> Result<void> { return c.listen = t, Ok(); }},
      {"data", "DIR", "", "directory that holds everything that is durable; made when absent",
       [](Config& c, Text t) -> Result<void> { return c.data = t, Ok(); }},
      {"durability", "fsync|os", "fsync",
       "what an answer to a write means: it survives a power cut, or only a crash of the server",
       [](Config& c, Text t) {
         return set_choice(durability_from(t), "fsync or os", t, c.durability);
       }},
      {"accept_data_loss", "", "false",
       "start once with what is intact, although writes that were answered are lost",
       [](Config& c, Text t) {
         return set_choice(bool_from(t), "true or false", t, c.accept_data_loss);
       }},
      {"tokens", "FILE", "", "who may do what: a token a line; `quernd token new` makes one",
       [](Config& c, Text t) -> Result<void> { return c.tokens = t, Ok(); }},
      {"tls_cert", "FILE", "", "certificate chain (PEM): speak https",
       [](Config& c, Text t) -> Result<void> { return c.tls.certificate = t, Ok(); }},
      {"tls_key", "FILE", "", "the certificate's key (PEM)",
       [](Config& c, Text t) -> Result<void> { return c.tls.key = t, Ok(); }},
      {"insecure", "", "false", "allow an address that other machines reach, without tokens",
       [](Config& c, Text t) { return set_choice(bool_from(t), "true or false", t, c.insecure); }},
      {"allowed_hosts", "NAME,...", "", "further names that requests may have in Host",
       [](Config& c, Text t) { return set_hosts(t, c.allowed_hosts); }},
      {"log_level", "LEVEL", "info", "debug, info, warn or error",
       [](Config& c, Text t) {
         return set_choice(log::level_from(t), "debug, info, warn or error", t, c.log_level);
       },
       /*live=*/true},
      {"log_format", "text|json", "text", "how log lines on standard error look",
       [](Config& c, Text t) {
         return set_choice(log::format_from(t), "text or json", t, c.log_format);
       }},
      {"io_threads", "N", "0", "threads that speak HTTP; 0: half the cores",
       [](Config& c, Text t) { return set_number(t, 0, 256, c.io_threads); }},
      {"drain_timeout_ms", "N", "10000", "how long requests in hand may take once SIGTERM came",
       [](Config& c, Text t) { return set_number(t, 0, 3'600'000, c.drain_timeout); },
       /*live=*/true},
      {"backup_directory", "DIR", "", "where backups are kept; not within the data directory",
       [](Config& c, Text t) -> Result<void> { return c.backup_directory = t, Ok(); }},
      {"backup_interval_ms", "N", "0", "make a backup so often; 0: only when asked to",
       [](Config& c, Text t) { return set_number(t, 0, interval_ms_max, c.backup_interval); },
       /*live=*/true},
      {"backup_keep", "N", "7", "after each backup, all but so many of the newest are removed",
       [](Config& c, Text t) { return set_number(t, 1, 100'000, c.backup_keep); }, /*live=*/true},
  };
}

std::vector<Setting> limit_settings() {
  const auto number = [](auto value) { return std::to_string(value); };
  return {
      {"connections_max", "N", "12000", "connections at a time",
       [](Config& c, Text t) { return set_number(t, 1, 1'000'000, c.connections_max); }},
      {"commands_max", "N", "16384", "requests that may wait for the storage before 503",
       [](Config& c, Text t) { return set_number(t, 1, 10'000'000, c.commands_max); }},
      {"failed_tries_per_minute_max", "N", "10", "wrong tokens of one address before 429",
       [](Config& c, Text t) {
         return set_number(t, 1, 1'000'000, c.failed_tries_per_minute_max);
       }},
      {"queues_max", "N", number(limits::queues_max), "queues",
       [](Config& c, Text t) { return set_number(t, 1, 10'000'000, c.queues_max); }},
      {"metrics_queues_max", "N", "100",
       "queues that /metrics shows by name; all others together are _other",
       [](Config& c, Text t) { return set_number(t, 0, 1'000, c.metrics_queues_max); }},
      {"body_memory_bytes_max", "N", number(gib), "memory for large request bodies under way",
       [](Config& c, Text t) { return set_number(t, mib, 1024 * gib, c.body_memory_bytes_max); }},
      {"space_low_bytes", "N", number(512 * mib),
       "free disk space below which no new tasks are taken",
       [](Config& c, Text t) { return set_number(t, mib, 1024 * gib, c.space_low_bytes); }},
      {"space_reserve_bytes", "N", number(64 * mib),
       "disk space kept in a file once it gets scarce, and given up when there is no other",
       [](Config& c, Text t) { return set_number(t, 0, 1024 * gib, c.space_reserve_bytes); }},
      {"answer_memory_bytes_max", "N", number(gib),
       "memory for large answers that clients have not taken yet",
       [](Config& c, Text t) { return set_number(t, mib, 1024 * gib, c.answer_memory_bytes_max); }},
      {"body_bytes_max", "N", number(limits::body_bytes_max), "one request body",
       [](Config& c, Text t) { return set_number(t, kib, gib, c.limits.body_bytes_max); }},
      {"payload_bytes_max", "N", number(limits::payload_bytes_max), "one payload or result",
       [](Config& c, Text t) { return set_number(t, 1, gib, c.limits.payload_bytes_max); }},
      {"json_depth_max", "N", number(limits::json_depth_max), "how deep JSON may nest",
       [](Config& c, Text t) {
         return set_number(t, 4, JsonReader::depth_limit, c.limits.json_depth_max);
       }},
      {"header_bytes_max", "N", number(limits::header_bytes_max), "the header of a request",
       [](Config& c, Text t) { return set_number(t, kib, mib, c.head.header_bytes_max); }},
      {"target_bytes_max", "N", number(limits::target_bytes_max), "the target of a request",
       [](Config& c, Text t) { return set_number(t, 256, mib, c.head.target_bytes_max); }},
      {"batch_tasks_max", "N", number(limits::batch_tasks_max), "tasks of one batch",
       [](Config& c, Text t) { return set_number(t, 1, 1'000'000, c.limits.batch_tasks_max); }},
      {"lease_tasks_max", "N", number(limits::lease_tasks_max), "tasks of one lease",
       [](Config& c, Text t) { return set_number(t, 1, 1'000'000, c.limits.lease_tasks_max); }},
      {"wait_ms_max", "N", number(limits::wait_max.count()), "longest long-poll",
       [](Config& c, Text t) { return set_number(t, 0, 3'600'000, c.limits.wait_max); }},
  };
}

}  // namespace

std::string Setting::flag() const {
  std::string flag = "--" + name;
  std::replace(flag.begin(), flag.end(), '_', '-');
  return flag;
}

std::string Setting::variable() const {
  std::string variable = "QUERN_" + name;
  std::transform(variable.begin(), variable.end(), variable.begin(), [](char c) {
    return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  });
  return variable;
}

std::span<const Setting> all_settings() {
  static const std::vector<Setting> settings = [] {
    std::vector<Setting> all = operation_settings();
    for (Setting& limit : limit_settings()) all.push_back(std::move(limit));
    return all;
  }();
  return settings;
}

}  // namespace quern::server
