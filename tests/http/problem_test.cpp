#include "http/problem.h"

#include <doctest/doctest.h>

using namespace quern;
using namespace quern::http;

TEST_CASE("every code has its status") {
  struct Row {
    ErrorCode code;
    unsigned status;
  };
  for (const Row& row : {
           Row{ErrorCode::invalid_argument, 400},
           Row{ErrorCode::invalid_json, 400},
           Row{ErrorCode::bad_request, 400},
           Row{ErrorCode::unauthorized, 401},
           Row{ErrorCode::forbidden, 403},
           Row{ErrorCode::not_found, 404},
           Row{ErrorCode::method_not_allowed, 405},
           Row{ErrorCode::request_timeout, 408},
           Row{ErrorCode::payload_too_large, 413},
           Row{ErrorCode::uri_too_long, 414},
           Row{ErrorCode::unsupported_media_type, 415},
           Row{ErrorCode::expectation_failed, 417},
           Row{ErrorCode::misdirected_request, 421},
           Row{ErrorCode::headers_too_large, 431},
           Row{ErrorCode::not_implemented, 501},
           Row{ErrorCode::task_not_found, 404},
           Row{ErrorCode::queue_not_found, 404},
           Row{ErrorCode::lease_lost, 409},
           Row{ErrorCode::task_finished, 409},
           Row{ErrorCode::not_dead, 409},
           Row{ErrorCode::queue_not_empty, 409},
           Row{ErrorCode::backup_not_found, 404},
           Row{ErrorCode::no_backup_directory, 409},
           Row{ErrorCode::backup_running, 409},
           Row{ErrorCode::idempotency_key_reused, 422},
           Row{ErrorCode::queue_full, 429},
           Row{ErrorCode::too_many_queues, 429},
           Row{ErrorCode::overloaded, 503},
           Row{ErrorCode::draining, 503},
           Row{ErrorCode::read_only, 503},
           Row{ErrorCode::recovering, 503},
           Row{ErrorCode::store_unavailable, 503},
           Row{ErrorCode::store_corrupt, 500},
           Row{ErrorCode::backup_failed, 500},
           Row{ErrorCode::internal, 500},
       }) {
    CAPTURE(to_string(row.code));
    CHECK(status_of(row.code) == row.status);
  }
}

TEST_CASE("a problem names its type, code, what is wrong and where") {
  Response response;
  answer_problem(Error{.code = ErrorCode::invalid_argument,
                       .detail = "/type is required",
                       .fields = {{"/type", "is required"}}},
                 "a<b", response);
  CHECK(response.status == 400);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.fields == "");
  CHECK(response.body ==
        R"({"type":"/problems/invalid-argument","title":"The request has invalid fields",)"
        R"("status":400,"detail":"/type is required","code":"invalid_argument",)"
        R"("instance":"a%3Cb","errors":[{"pointer":"/type","detail":"is required"}]})");
}

TEST_CASE("whoever is to come back later is told when") {
  Response response;
  answer_problem(Error{.code = ErrorCode::queue_full, .detail = "full"}, "r", response);
  CHECK(response.fields == "Retry-After: 1\r\n");
  answer_problem(Error{.code = ErrorCode::draining, .detail = "d", .retry_after_seconds = 30}, "r",
                 response);
  CHECK(response.fields == "Retry-After: 30\r\n");
}
