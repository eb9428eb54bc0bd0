// Writes down what the tests exchange with the server, so that tests/openapi/check.py can hold it
// against docs/openapi.yaml.
//
// Shape    one JSON object a line: {method, target, request_headers, request_body, status,
//          response_headers, response_body}; headers are lists of [name, value]. A body is null
//          when there is none, {"omitted": bytes} when it is too long to be worth checking, and
//          {"invalid_utf8": bytes} when it is not text. The file starts empty with every run.
// Threads  any.
#pragma once

namespace quern::test {

struct Request;
struct Response;

// To the file that QUERN_HTTP_LOG names, or else to one named after the program in the build's
// folder for such logs.
void log_exchange(const Request& request, const Response& response);

}  // namespace quern::test
