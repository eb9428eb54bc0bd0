#include "exchange_log.h"

#include <cerrno>  // program_invocation_short_name
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stdexcept>

#include "http_client.h"

namespace quern::test {
namespace {

// Ten thousand tasks in one answer say no more about its schema than a thousand do.
constexpr std::size_t body_bytes_max = 256 * 1024;

std::filesystem::path log_path() {
  if (const char* path = std::getenv("QUERN_HTTP_LOG")) return path;
  return std::filesystem::path(QUERN_HTTP_LOG_DIR) /
         (std::string(program_invocation_short_name) + ".ndjson");
}

std::ofstream open_log() {
  const std::filesystem::path path = log_path();
  std::filesystem::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::trunc);
  if (!file) throw std::runtime_error("cannot write " + path.string());
  return file;
}

Json body_entry(const std::string& body) {
  if (body.size() > body_bytes_max) return {{"omitted", body.size()}};
  try {
    static_cast<void>(Json(body).dump());
  } catch (const Json::type_error&) {
    return {{"invalid_utf8", body.size()}};
  }
  return body;
}

Json header_entries(const Headers& headers) {
  Json entries = Json::array();
  for (const Header& header : headers) entries.push_back({header.name, header.value});
  return entries;
}

}  // namespace

void log_exchange(const Request& request, const Response& response) {
  static std::mutex mutex;
  static std::ofstream file = open_log();

  Json entry;
  entry["method"] = request.method;
  entry["target"] = request.target;
  entry["request_headers"] = header_entries(request.headers);
  if (request.body && !request.content_type.empty()) {
    entry["request_headers"].push_back({"Content-Type", request.content_type});
  }
  entry["request_body"] = request.body ? body_entry(*request.body) : Json();
  entry["status"] = response.status;
  entry["response_headers"] = header_entries(response.headers);
  entry["response_body"] = response.body.empty() ? Json() : body_entry(response.body);
  const std::string line = entry.dump(-1, ' ', false, Json::error_handler_t::replace);

  const std::lock_guard lock(mutex);
  file << line << '\n' << std::flush;
}

}  // namespace quern::test
