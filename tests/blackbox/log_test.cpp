// Whatever clients send, each line of the log is one that the server wrote, and has nothing in it
// that a terminal would obey.
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "steps.h"
#include "support/temp_dir.h"

namespace quern::test {
namespace {

const std::string forged = "FORGED";

// Each would begin a line of its own, or take hold of a terminal.
const std::vector<std::string>& poisons() {
  static const std::vector<std::string> texts = {
      "\n2026-01-01T00:00:00.000Z error " + forged,
      "\r\n{\"level\":\"error\",\"message\":\"" + forged + "\"}",
      "\x1b[2J\x1b]0;" + forged + "\x07",
      "\xc2\x9b" + forged,      // the C1 control that is a CSI
      "\xff\xfe" + forged,      // no UTF-8
      "\xe2\x80\xa8" + forged,  // a line separator
      std::string("\0", 1) + forged,
      "\" level=error " + forged,
  };
  return texts;
}

std::string percent(std::string_view text) { return percent_encoded(text); }

// Sends `bytes`; whatever the server says to it.
void provoke(std::uint16_t port, const std::string& bytes) {
  Connection connection(port);
  try {
    connection.send(bytes);
    connection.finish_sending();
    connection.receive();
  } catch (const std::runtime_error&) {
  }
}

std::string head(const std::string& request_line, const std::string& fields) {
  return request_line + " HTTP/1.1\r\nHost: localhost\r\n" + fields + "\r\n";
}

std::string with_body(const std::string& target, const std::string& body) {
  return head("POST " + target, "Content-Type: application/json\r\nContent-Length: " +
                                    std::to_string(body.size()) + "\r\n") +
         body;
}

void poison_everything(std::uint16_t port) {
  for (const std::string& poison : poisons()) {
    provoke(port, head("GET /" + poison, ""));
    provoke(port, head("GET /tasks/" + percent(poison), ""));
    provoke(port, head("GET /queues/" + percent(poison) + "?" + percent(poison) + "=1", ""));
    provoke(port, head("GET /tasks?queue=" + percent(poison), ""));
    provoke(port, head(poison + " /healthz", ""));
    for (const char* field : {"X-Request-ID", "Authorization", "X-Correlation-ID",
                              "Idempotency-Key", "Origin", "User-Agent", "traceparent"}) {
      provoke(port, head("GET /info", std::string(field) + ": " + poison + "\r\n"));
      provoke(port, head("GET /info", std::string(field) + ": Bearer " + poison + "\r\n"));
    }
    provoke(port, "GET /info HTTP/1.1\r\nHost: " + poison + "\r\n\r\n");
    // As JSON has it, where it can.
    std::string text;
    try {
      text = Json(poison).dump();
    } catch (const Json::exception&) {
      text = "\"" + poison + "\"";
    }
    provoke(port, with_body("/tasks", R"({"type":)" + text + "}"));
    provoke(port, with_body("/tasks", R"({"type":"t","queue":"q","payload":)" + text +
                                          R"(,"metadata":{"k":)" + text + "}}"));
    provoke(port, with_body("/leases", R"({"queues":["q"],"worker_id":)" + text + "}"));
    provoke(port, with_body("/queues/q/purge", R"({"states":[)" + text + "]}"));
  }
  CHECK(Client(port).get("/healthz").status == 200);
}

std::vector<std::string> lines_of(const std::string& log) {
  std::vector<std::string> lines;
  std::istringstream stream(log);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

void check_no_control_bytes(const std::string& line) {
  for (const char c : line) {
    const auto byte = static_cast<unsigned char>(c);
    CHECK(byte >= 0x20);
    CHECK(byte != 0x7F);
    CHECK(byte < 0x80);  // nothing here is logged that is not ASCII
  }
}

TEST_CASE("no client writes a line of the log, as text") {
  const TempDir folder;
  Server poisoned({.data = folder.path() / "data",
                   .port = 0,
                   .flags = {"--log-level=debug"},
                   .environment = {}});
  poison_everything(poisoned.port());
  CHECK(poisoned.terminate() == 0);
  const std::vector<std::string> lines = lines_of(poisoned.log());
  CHECK(lines.size() > 100);
  const std::regex own(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (debug|info|warn|error) [a-z].*)");
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK(std::regex_match(line, own));
    CHECK(line.find("error " + forged) == std::string::npos);
    CHECK(line.find("level=error " + forged) == std::string::npos);
    check_no_control_bytes(line);
  }
}

TEST_CASE("no client writes a line of the log, as JSON") {
  const TempDir folder;
  Server poisoned({.data = folder.path() / "data",
                   .port = 0,
                   .flags = {"--log-level=debug", "--log-format=json"},
                   .environment = {}});
  poison_everything(poisoned.port());
  CHECK(poisoned.terminate() == 0);
  const std::vector<std::string> lines = lines_of(poisoned.log());
  CHECK(lines.size() > 100);
  for (const std::string& line : lines) {
    CAPTURE(line);
    const Json entry = Json::parse(line, nullptr, false);
    REQUIRE(entry.is_object());
    CHECK(entry["level"] != "error");
    CHECK(entry["message"] != forged);
    check_no_control_bytes(line);
  }
}

}  // namespace
}  // namespace quern::test
