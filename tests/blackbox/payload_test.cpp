// Payloads and results are opaque: they come back as the bytes that were sent.
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

const std::vector<std::string>& opaque_texts() {
  static const std::vector<std::string> texts = {
      "null",
      "true",
      "0",
      "-0",
      "-0.0",
      "1e400",
      "1E+2",
      "0.1e-7000",
      "123456789012345678901234567890",
      "-9223372036854775809",
      "1.0000000000000000000000000000000001",
      std::string(5000, '7'),
      R"("")",
      R"("plain")",
      R"("\u0041\u00e9\u0000\u001f\/\b\f\n\r\t\"\\")",
      R"("\ud83d\ude00")",
      R"("\ud800")",
      R"("\udc00\ud800 swapped")",
      "\"caf\xc3\xa9 \xf0\x9f\x98\x80 \xe2\x80\xa8\x7f\"",
      R"({"b":1,"a":2})",
      R"({"a":1,"a":2,"a":{"a":3}})",
      R"({"":{"":[]}})",
      R"({"lease_token":"x","type":5,"payload":null})",
      "[1,2 ,\t3,\n4,\r\n5]",
      "{ \"a\" :\n\t[ ] ,  \"b\" : { } }",
      R"(["]","}","\"","\\"])",
      "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]"
      "]]]]]]]]",
      "\"" + std::string(3000, 'x') + "\"",
      "\"" + std::string(4096 - 2, 'y') + "\"",
      "\"" + std::string(4097 - 2, 'z') + "\"",
      "\"" + std::string(200'000, 'w') + "\"",
  };
  return texts;
}

std::string submit_raw(const std::string& queue, const std::string& payload) {
  const Response response = api().post_text(
      "/tasks", R"({"queue":")" + queue + R"(","type":"work","payload":)" + payload + "}");
  REQUIRE(response.status == 202);
  return response.json()["id"];
}

std::string member(const std::string& text, const char* name) {
  const auto value = raw_member(text, name);
  return value ? std::string(*value) : "(absent)";
}

// The raw text of the only task in a lease's answer.
std::string lease_raw(const std::string& queue) {
  const Response response = lease({{"queues", {queue}}});
  REQUIRE(response.status == 200);
  const auto tasks = raw_member(response.body, "tasks");
  REQUIRE(tasks.has_value());
  const auto first = raw_element(*tasks, 0);
  REQUIRE(first.has_value());
  return std::string(*first);
}

std::string unquoted(const std::string& text) { return text.substr(1, text.size() - 2); }

TEST_CASE("a payload comes back byte for byte when asked for and when leased") {
  for (const std::string& text : opaque_texts()) {
    CAPTURE(text.substr(0, 200));
    const std::string queue = fresh_queue();
    const std::string id = submit_raw(queue, text);
    CHECK(member(api().get("/tasks/" + id).body, "payload") == text);
    CHECK(member(lease_raw(queue), "payload") == text);
    CHECK(member(api().get("/tasks/" + id).body, "payload") == text);
  }
}

TEST_CASE("a result comes back byte for byte") {
  for (const std::string& text : opaque_texts()) {
    CAPTURE(text.substr(0, 200));
    const std::string queue = fresh_queue();
    const std::string id = submit_raw(queue, "null");
    const std::string leased = lease_raw(queue);
    const std::string token = unquoted(member(member(leased, "lease"), "token"));
    const std::string body = R"({"lease_token":")" + token + R"(","result":)" + text + "}";
    const Response completed = api().post_text("/tasks/" + id + "/complete", body);
    REQUIRE(completed.status == 200);
    CHECK(member(completed.body, "result") == text);
    CHECK(member(api().get("/tasks/" + id).body, "result") == text);
  }
}

TEST_CASE("payloads and results of batches come back byte for byte") {
  const std::string queue = fresh_queue();
  std::string tasks;
  for (const std::string& text : opaque_texts()) {
    tasks += (tasks.empty() ? "" : ",") +
             (R"({"type":"work","queue":")" + queue + R"(","payload":)" + text + "}");
  }
  const Response submitted = api().post_text("/tasks/batch", R"({"tasks":[)" + tasks + "]}");
  REQUIRE(submitted.status == 202);

  const Response leased = lease({{"queues", {queue}}, {"max_tasks", 1000}});
  REQUIRE(leased.status == 200);
  const std::string list = member(leased.body, "tasks");
  std::string items;
  for (std::size_t i = 0; i < opaque_texts().size(); ++i) {
    const auto task = raw_element(list, i);
    REQUIRE(task.has_value());
    CHECK(member(std::string(*task), "payload") == opaque_texts()[i]);
    const std::string lease_text = member(std::string(*task), "lease");
    items +=
        (items.empty() ? "" : ",") +
        (R"({"op":"complete","id":)" + member(std::string(*task), "id") + R"(,"lease_token":)" +
         member(lease_text, "token") + R"(,"result":)" + opaque_texts()[i] + "}");
  }
  REQUIRE(api().post_text("/leases/settle", R"({"settle":[)" + items + "]}").status == 200);
  const std::vector<std::string> ids = ids_of(submitted.json()["tasks"]);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    CHECK(member(api().get("/tasks/" + ids[i]).body, "result") == opaque_texts()[i]);
  }
}

TEST_CASE("white space around a payload is not part of it") {
  const std::string id = submit_raw(fresh_queue(), " \n\t[1, 2] \r\n");
  CHECK(member(api().get("/tasks/" + id).body, "payload") == "[1, 2]");
}

TEST_CASE("a payload and a result that were not sent are null") {
  const std::string queue = fresh_queue();
  const std::string id = submit(queue)["id"];
  CHECK(member(api().get("/tasks/" + id).body, "payload") == "null");
  CHECK(member(api().get("/tasks/" + id).body, "result") == "(absent)");
  const Json leased = lease_one(queue);
  CHECK(leased["payload"] == nullptr);
  REQUIRE(settle_call("complete", leased).status == 200);
  CHECK(member(api().get("/tasks/" + id).body, "result") == "null");
}

TEST_CASE("a payload or result that is not JSON is 400 and stores nothing") {
  const std::string queue = fresh_queue();
  submit(queue);
  const Json leased = lease_one(queue);
  const std::string id = leased["id"];
  for (const std::string& text : {std::string("01"),
                                  std::string("+1"),
                                  std::string(".5"),
                                  std::string("1."),
                                  std::string("1e"),
                                  std::string("NaN"),
                                  std::string("Infinity"),
                                  std::string("-"),
                                  std::string("tru"),
                                  std::string("True"),
                                  std::string("undefined"),
                                  std::string("[1,]"),
                                  std::string("[1 2]"),
                                  std::string("{\"a\"}"),
                                  std::string("{\"a\":1,}"),
                                  std::string("{1:2}"),
                                  std::string("'x'"),
                                  std::string("\"\\u12\""),
                                  std::string("\"\\x41\""),
                                  std::string("\"a\nb\""),
                                  std::string("\"\x01\""),
                                  std::string("\"a"),
                                  std::string("[}"),
                                  std::string("\xff"),
                                  std::string("\"\xff\""),
                                  std::string("\"\xc0\x80\""),
                                  std::string("\"\xed\xa0\x80\""),
                                  std::string("\"\xf4\x90\x80\x80\""),
                                  std::string("\"\xe2\x82\""),
                                  std::string("\"\0\"", 3)}) {
    CAPTURE(text);
    const Response submitted = api().post_text(
        "/tasks", R"({"queue":")" + queue + R"(","type":"work","payload":)" + text + "}");
    CHECK(refusal(submitted).starts_with("400 invalid_"));
    const Response completed =
        api().post_text("/tasks/" + id + "/complete",
                        R"({"lease_token":")" + token(leased) + R"(","result":)" + text + "}");
    CHECK(refusal(completed).starts_with("400 invalid_"));
  }
  CHECK(counts(queue) == Json{{"running", 1}});
}

TEST_CASE("one payload or result may have 1 MiB, and one byte more is 413") {
  const std::string queue = fresh_queue();
  const std::string fits = "\"" + std::string(1024 * 1024 - 2, 'a') + "\"";
  const std::string over = "\"" + std::string(1024 * 1024 - 1, 'a') + "\"";
  const std::string id = submit_raw(queue, fits);
  CHECK(member(api().get("/tasks/" + id).body, "payload") == fits);
  CHECK(refusal(api().post_text("/tasks", R"({"type":"work","payload":)" + over + "}")) ==
        "413 payload_too_large /payload");
  CHECK(refusal(api().post_text("/tasks/batch",
                                R"({"tasks":[{"type":"work","payload":)" + over + "}]}")) ==
        "413 payload_too_large /tasks/0/payload");

  const Json leased = lease_one(queue);
  const std::string start = R"({"lease_token":")" + token(leased) + R"(","result":)";
  CHECK(refusal(api().post_text("/tasks/" + id + "/complete", start + over + "}")) ==
        "413 payload_too_large /result");
  CHECK(task(id)["state"] == "running");
  REQUIRE(api().post_text("/tasks/" + id + "/complete", start + fits + "}").status == 200);
  CHECK(member(api().get("/tasks/" + id).body, "result") == fits);
}

}  // namespace
}  // namespace quern::test
