// Messages that two readers could understand in two ways are refused, and the connection closes, so
// that nothing can be smuggled past whatever stands in front of the server. Hostile bytes on the
// socket.
#include <algorithm>
#include <string>
#include <vector>

#include "steps.h"

namespace quern::test {
namespace {

// A request that must never be taken for one: each would create this queue.
const std::string smuggled_queue = "smuggled";
const std::string smuggled_body = R"({"type":"work","queue":"smuggled"})";

std::string host() { return "Host: 127.0.0.1:" + std::to_string(server().port()) + "\r\n"; }

std::string smuggled_request() {
  return "POST /tasks HTTP/1.1\r\n" + host() +
         "Content-Type: application/json\r\nContent-Length: " +
         std::to_string(smuggled_body.size()) + "\r\n\r\n" + smuggled_body;
}

// A submit of `body` with these header lines instead of the ones that would frame it.
std::string post(const std::string& framing, const std::string& body,
                 const std::string& version = "1.1") {
  return "POST /tasks HTTP/" + version + "\r\n" + host() + "Content-Type: application/json\r\n" +
         framing + "\r\n" + body;
}

std::string chunked(const std::string& body) {
  std::string size;
  for (std::size_t rest = body.size(); rest != 0; rest /= 16)
    size.insert(0, 1, "0123456789abcdef"[rest % 16]);
  return size + "\r\n" + body + "\r\n0\r\n\r\n";
}

std::string get(const std::string& headers, const std::string& target = "/healthz") {
  return "GET " + target + " HTTP/1.1\r\n" + host() + headers + "\r\n";
}

struct Row {
  const char* name;
  std::string bytes;
  std::vector<int> statuses;
};

// One answer with one of the statuses, a well-formed problem, and then the end of the connection.
void check_refused_and_closed(const Row& row) {
  CAPTURE(std::string(row.name));
  const Exchange exchange = exchange_bytes(row.bytes);
  const std::string refused = refusal(exchange.response);
  CAPTURE(refused);
  CHECK(std::count(row.statuses.begin(), row.statuses.end(), exchange.response.status) == 1);
  CHECK(refused.find("malformed") == std::string::npos);
  CHECK(exchange.closed);
}

void check_nothing_smuggled() {
  CHECK(refusal(api().get("/queues/" + smuggled_queue)) == "404 queue_not_found");
}

TEST_CASE("a body that is framed in two ways, or in none that is known, is refused") {
  const std::string tail = smuggled_request();
  const std::string length = "Content-Length: " + std::to_string(smuggled_body.size()) + "\r\n";
  const std::string number = std::to_string(smuggled_body.size());
  const auto coded = [&](const std::string& coding) {
    return post("Transfer-Encoding: " + coding + "\r\n", smuggled_body + tail);
  };
  for (const Row& row : std::vector<Row>{
           {"chunked, then a length",
            post("Transfer-Encoding: chunked\r\n" + length, chunked(smuggled_body) + tail),
            {400}},
           {"a length, then chunked",
            post(length + "Transfer-Encoding: chunked\r\n", chunked(smuggled_body) + tail),
            {400}},
           {"gzip, then a length",
            post("Transfer-Encoding: gzip\r\n" + length, smuggled_body + tail),
            {400, 501}},
           {"gzip", coded("gzip"), {501}},
           {"xchunked", coded("xchunked"), {501}},
           {"identity", coded("identity"), {501}},
           {"an empty coding", coded(""), {400, 501}},
           {"chunked, gzip", coded("chunked, gzip"), {400}},
           {"gzip, chunked",
            post("Transfer-Encoding: gzip, chunked\r\n", chunked(smuggled_body) + tail),
            {400, 501}},
           {"chunked twice",
            post("Transfer-Encoding: chunked, chunked\r\n", chunked(smuggled_body) + tail),
            {400, 501}},
           {"two codings",
            post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                 chunked(smuggled_body) + tail),
            {400, 501}},
           {"identity, then chunked",
            post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                 chunked(smuggled_body) + tail),
            {400, 501}},
           {"HTTP/1.0, chunked",
            post("Transfer-Encoding: chunked\r\n", chunked(smuggled_body) + tail, "1.0"),
            {400}},
           {"two equal lengths", post(length + length, smuggled_body + tail), {400}},
           {"a list of equal lengths",
            post("Content-Length: " + number + ", " + number + "\r\n", smuggled_body + tail),
            {400}},
           {"two different lengths",
            post(length + "Content-Length: 5\r\n", smuggled_body + tail),
            {400}},
           {"a signed length",
            post("Content-Length: +" + number + "\r\n", smuggled_body + tail),
            {400}},
           {"a negative length", post("Content-Length: -5\r\n", smuggled_body + tail), {400}},
           {"a hexadecimal length", post("Content-Length: 0x22\r\n", smuggled_body + tail), {400}},
           {"a length that overflows",
            post("Content-Length: 18446744073709551650\r\n", smuggled_body + tail),
            {400, 413}},
           {"an empty length", post("Content-Length:\r\n", smuggled_body + tail), {400}},
           {"a length with a fraction",
            post("Content-Length: 34.0\r\n", smuggled_body + tail),
            {400}},
       }) {
    check_refused_and_closed(row);
  }
  check_nothing_smuggled();
}

TEST_CASE("a malformed chunked body is refused") {
  const auto coded = [](const std::string& body) {
    return post("Transfer-Encoding: chunked\r\n", body);
  };
  const std::string tail = smuggled_request();
  for (const Row& row : std::vector<Row>{
           {"no size", coded("zz\r\n" + smuggled_body + "\r\n0\r\n\r\n" + tail), {400}},
           {"a negative size", coded("-1\r\n" + tail), {400}},
           {"a size with 0x", coded("0x22\r\n" + smuggled_body + "\r\n0\r\n\r\n" + tail), {400}},
           {"a size that overflows", coded("ffffffffffffffff1\r\n" + smuggled_body), {400, 413}},
           {"a huge size", coded("7fffffffffffffff\r\n" + smuggled_body), {400, 413}},
           {"no end of the chunk", coded("5\r\n" + smuggled_body + "\r\n0\r\n\r\n" + tail), {400}},
           {"a bare LF after the size",
            coded("22\n" + smuggled_body + "\r\n0\r\n\r\n" + tail),
            {400}},
           {"a long extension",
            coded("22;x=" + std::string(20'000, 'e') + "\r\n" + smuggled_body + "\r\n0\r\n\r\n"),
            {400, 413, 431}},
           {"a long trailer",
            coded("22\r\n" + smuggled_body + "\r\n0\r\nX-T: " + std::string(20'000, 't') +
                  "\r\n\r\n"),
            {400, 413, 431}},
       }) {
    check_refused_and_closed(row);
  }
  check_nothing_smuggled();
}

TEST_CASE("a malformed header block is refused") {
  const std::string tail = smuggled_request();
  const std::string no_host = "GET /healthz HTTP/1.1\r\n";
  for (const Row& row : std::vector<Row>{
           {"no Host", no_host + "\r\n" + tail, {400}},
           {"two Hosts", get(host()) + tail, {400}},
           {"a folded header", get("X-A: b\r\n c\r\n") + tail, {400}},
           {"a folded first header", no_host + " X-A: b\r\n" + host() + "\r\n" + tail, {400}},
           {"a space before the colon", get("X-A : b\r\n") + tail, {400}},
           {"no colon", get("X-A\r\n") + tail, {400}},
           {"an empty name", get(": b\r\n") + tail, {400}},
           {"a space in a name", get("X A: b\r\n") + tail, {400}},
           {"a control byte in a name", get("X-\x01: b\r\n") + tail, {400}},
           {"a NUL in a value", get(std::string("X-A: b\0c\r\n", 10)) + tail, {400}},
           {"a bare CR in a value", get("X-A: b\rX-B: c\r\n") + tail, {400}},
           {"bare LFs", "GET /healthz HTTP/1.1\nHost: 127.0.0.1\n\n", {400}},
           {"HTTP/3.7", "GET /healthz HTTP/3.7\r\n" + host() + "\r\n" + tail, {400, 505}},
           {"HTTP/1.2", "GET /healthz HTTP/1.2\r\n" + host() + "\r\n" + tail, {400, 505}},
           {"no version", "GET /healthz\r\n\r\n", {400}},
           {"two spaces", "GET  /healthz HTTP/1.1\r\n" + host() + "\r\n", {400}},
           {"a space in the target", "GET /heal thz HTTP/1.1\r\n" + host() + "\r\n", {400}},
           {"raw bytes in the target", get("", "/tasks/caf\xc3\xa9"), {400}},
           {"a control byte in the target", get("", "/tasks/\x01"), {400}},
           {"a TLS hello",
            std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + "\r\n\r\n",
            {400}},
       }) {
    check_refused_and_closed(row);
  }
  check_nothing_smuggled();
}

TEST_CASE("a target that is no path of this server is refused") {
  const auto status = [](const std::string& bytes) {
    return exchange_bytes(bytes).response.status;
  };
  CHECK(status(get("", "healthz")) == 400);
  CHECK(status(get("", "/healthz#fragment")) == 400);
  CHECK(status("GET /healthz HTTP/1.1\r\nHost:\r\n\r\n") == 421);
  const int foreign = status(get("", "ftp://127.0.0.1/healthz"));
  CHECK((foreign == 400 || foreign == 421));
}

TEST_CASE("trailers are never taken for headers") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  std::string coded = chunked(body);
  coded.insert(coded.size() - 2,
               "Idempotency-Key: from-a-trailer\r\nX-Correlation-ID: from-a-trailer\r\n");
  const Response response =
      exchange_bytes(post("Transfer-Encoding: chunked\r\nTrailer: Idempotency-Key\r\n", coded))
          .response;
  if (response.status == 202) {
    CHECK_FALSE(response.json().contains("idempotency_key"));
    CHECK(response.json()["correlation_id"] == response.json()["id"]);
  } else {
    CHECK(response.status == 400);
    CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
  }
}

TEST_CASE("a chunked body is a body like any other") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  CHECK(exchange_bytes(post("Transfer-Encoding: chunked\r\n", chunked(body))).response.status ==
        202);
  CHECK(exchange_bytes(post("transfer-encoding: Chunked\r\n", chunked(body))).response.status ==
        202);
  std::string pieces;
  for (const char c : body) pieces += std::string("1;ext=x\r\n") + c + "\r\n";
  CHECK(exchange_bytes(post("Transfer-Encoding: chunked\r\n", pieces + "0\r\n\r\n"))
            .response.status == 202);
  CHECK(counts(queue) == Json{{"ready", 3}});
}

TEST_CASE("headers that must be single are refused when they are not") {
  const std::string length = "Content-Length: " + std::to_string(smuggled_body.size()) + "\r\n";
  for (const char* pair : {"Content-Type: application/json\r\n",
                           "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
                           "Idempotency-Key: a\r\nIdempotency-Key: a\r\n",
                           "X-Correlation-ID: a\r\nX-Correlation-ID: b\r\n"}) {
    CAPTURE(pair);
    CHECK(exchange_bytes(post(length + pair, smuggled_body)).response.status == 400);
  }
  check_nothing_smuggled();
}

TEST_CASE("a body on a GET is refused, or read and dropped, and never the next request") {
  const std::string tail = smuggled_request();
  const std::string with_body =
      get("Content-Type: application/json\r\nContent-Length: " + std::to_string(tail.size()) +
          "\r\n") +
      tail;
  const Response response = exchange_bytes(with_body).response;
  CHECK((response.status == 200 || response.status == 400));
  check_nothing_smuggled();
}

TEST_CASE("paths are decoded once, segment by segment, and bad escapes are refused") {
  const std::string queue = fresh_queue();
  put_queue(queue);
  const auto status = [](const std::string& target) {
    return exchange_bytes(get("", target)).response.status;
  };
  CHECK(status("/%71ueues/" + queue) == 200);
  CHECK(status("/queues/%" + std::string(queue[0] == 'q' ? "71" : "00") + queue.substr(1)) == 200);
  for (const char* target : {"/healthz%00", "/queues/a%00", "/healthz%", "/healthz%2",
                             "/healthz%zz", "/tasks?queue=%zz", "/tasks?queue=%00"}) {
    CAPTURE(target);
    CHECK(status(target) == 400);
  }
  // None of these is another way to write a path that exists.
  for (const std::string& target :
       {"/queues%2F" + queue, "/queues/x%2F..%2F" + queue, "//queues/" + queue, "/queues//" + queue,
        "/x/../queues/" + queue, std::string("/queues/%2e%2e/healthz"),
        "/queues/%25" + std::string("71") + queue.substr(1)}) {
    CAPTURE(target);
    const int seen = status(target);
    CHECK((seen == 404 || seen == 400));
  }
}

TEST_CASE("an unknown method is 501") {
  for (const char* method : {"BREW", "PROPFIND", "GETS", "X"}) {
    CAPTURE(method);
    const Response response =
        exchange_bytes(std::string(method) + " /healthz HTTP/1.1\r\n" + host() + "\r\n").response;
    CHECK(refusal(response) == "501 not_implemented");
  }
  const Response connect =
      exchange_bytes("CONNECT evil.example:80 HTTP/1.1\r\n" + host() + "\r\n").response;
  CHECK(connect.status >= 400);
}

TEST_CASE("an expectation other than 100-continue is 417") {
  CHECK(refusal(exchange_bytes(post("Expect: 200-ok\r\nContent-Length: 2\r\n", "{}")).response) ==
        "417 expectation_failed");
}

TEST_CASE("a client that expects 100-continue is told to go on, or refused at once") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  const std::string expecting = "Expect: 100-continue\r\nContent-Length: ";
  Connection connection(server().port());
  connection.send(post(expecting + std::to_string(body.size()) + "\r\n", ""));
  CHECK(connection.receive().status == 100);
  connection.send(body);
  CHECK(connection.receive().status == 202);

  CHECK(exchange_bytes(post(expecting + "100000000\r\n", "")).response.status == 413);
}

TEST_CASE("pipelined requests are answered in order") {
  const std::string queue = fresh_queue();
  const std::vector<std::string> ids =
      ids_of(Json(submit_batch(std::vector<Json>(100, Json{{"queue", queue}, {"type", "work"}}))));
  Connection connection(server().port());
  std::string requests;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    requests += get("X-Request-ID: " + std::to_string(i) + "\r\n", "/tasks/" + ids[i]);
  }
  connection.send(requests);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Response response = connection.receive();
    REQUIRE(response.status == 200);
    CHECK(response.header("X-Request-ID") == std::to_string(i));
    CHECK(response.json()["id"] == ids[i]);
  }
}

TEST_CASE("reads and writes that are pipelined see each other in order") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  const std::string submit_one =
      post("Content-Length: " + std::to_string(body.size()) + "\r\n", body);
  Connection connection(server().port());
  connection.send(submit_one + get("", "/queues/" + queue) + submit_one +
                  get("", "/queues/" + queue));
  CHECK(connection.receive().status == 202);
  CHECK(connection.receive().json()["counts"]["ready"] == 1);
  CHECK(connection.receive().status == 202);
  CHECK(connection.receive().json()["counts"]["ready"] == 2);
}

TEST_CASE("requests behind a long-poll are answered after it") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"queues":[")" + queue + R"("],"wait_ms":60000})";
  Connection connection(server().port());
  connection.send(
      "POST /leases HTTP/1.1\r\n" + host() + "Content-Type: application/json\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body + get("X-Request-ID: behind\r\n"));
  const std::string id = submit(queue)["id"];
  CHECK(ids_of(connection.receive().json()["tasks"]) == std::vector{id});
  const Response behind = connection.receive();
  CHECK(behind.status == 200);
  CHECK(behind.header("X-Request-ID") == "behind");
}

TEST_CASE("a client that has said all it will say is still answered") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  Connection connection(server().port());
  connection.send(post("Content-Length: " + std::to_string(body.size()) + "\r\n", body) + get(""));
  connection.finish_sending();
  CHECK(connection.receive().status == 202);
  CHECK(connection.receive().status == 200);
  CHECK(connection.closed_by_server());
}

TEST_CASE("a request may arrive a byte at a time") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  Connection connection(server().port());
  for (const char c : post("Content-Length: " + std::to_string(body.size()) + "\r\n", body)) {
    connection.send(std::string_view(&c, 1));
  }
  CHECK(connection.receive().status == 202);
}

TEST_CASE("a connection stays open for the next request unless told to close") {
  Connection connection(server().port());
  for (int i = 0; i < 50; ++i) {
    connection.send(get(""));
    CHECK(connection.receive().status == 200);
  }
  connection.send(get("Connection: close\r\n"));
  CHECK(connection.receive().header("Connection") == "close");
  CHECK(connection.closed_by_server());
}

TEST_CASE("a refused request leaves the connection usable where its framing was clear") {
  Connection connection(server().port());
  connection.send(post("Content-Length: 2\r\n", "{}"));
  CHECK(connection.receive().status == 400);
  connection.send(get(""));
  CHECK(connection.receive().status == 200);
}

TEST_CASE("a client that vanishes in the middle of a request changes nothing") {
  const std::string queue = fresh_queue();
  const std::string body = R"({"type":"work","queue":")" + queue + R"("})";
  const std::string whole = post("Content-Length: " + std::to_string(body.size()) + "\r\n", body);
  for (const std::size_t sent :
       {std::size_t{1}, std::size_t{30}, whole.size() - body.size(), whole.size() - 1}) {
    Connection orderly(server().port());
    orderly.send(whole.substr(0, sent));
    orderly.close();
    Connection abrupt(server().port());
    abrupt.send(whole.substr(0, sent));
    abrupt.abort();
  }
  CHECK(api().get("/healthz").status == 200);
  CHECK(refusal(api().get("/queues/" + queue)) == "404 queue_not_found");
}

}  // namespace
}  // namespace quern::test
