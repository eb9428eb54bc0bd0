#include <algorithm>

#include "metrics/families.h"
#include "metrics/family.h"

namespace quern::server {
namespace {

// "/tasks/{}/fail" as people write it: "/tasks/{id}/fail".
std::string shown(std::string_view path) {
  std::string text(path);
  const std::size_t place = text.find("{}");
  if (place != std::string::npos)
    text.replace(place, 2, text.starts_with("/tasks") ? "{id}" : "{name}");
  return text;
}

// Routes and statuses that did not come up are left out: most of them never do.
Family request_durations(const http::HttpFigures& http) {
  Family family =
      histogram("quern_http_request_duration_seconds",
                "How long requests took from their header to the end of the answer, the "
                "wait of a long-poll included.");
  const auto routes = http::all_routes();
  for (std::size_t row = 0; row < http.routes.size(); ++row) {
    const bool known = row < routes.size();
    for (std::size_t c = 0; c < http::status_class_count; ++c) {
      const http::HttpFigures::Times& times = http.routes[row][c];
      const bool any = std::any_of(times.counts.begin(), times.counts.end(),
                                   [](std::uint64_t count) { return count > 0; });
      if (!any) continue;
      family.add_histogram({{"method", known ? std::string(to_string(routes[row].method)) : "none"},
                            {"route", known ? shown(routes[row].path) : "none"},
                            {"status", std::to_string(c + 1) + "xx"}},
                           times, micros_per_second);
    }
  }
  return family;
}

Family rejected(const http::HttpFigures& http) {
  Family family = counter("quern_http_requests_rejected_total",
                          "Requests that were answered with a problem, by its code.");
  for (std::size_t i = 0; i < http.refused.size(); ++i) {
    family.add({{"reason", std::string(to_string(static_cast<ErrorCode>(i)))}},
               static_cast<double>(http.refused[i]));
  }
  return family;
}

}  // namespace

void add_http_families(const http::HttpFigures& http, Families& families) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  families.push_back(request_durations(http).take());
  families.push_back(rejected(http).take());
  families.push_back(single(gauge("quern_http_connections", "Connections that are open."),
                            number(http.connections)));
  families.push_back(
      single(counter("quern_http_connections_accepted_total", "Connections that were accepted."),
             number(http.connections_accepted)));
  families.push_back(
      single(counter("quern_http_connections_turned_away_total",
                     "Connections that were closed at once because there were too many."),
             number(http.connections_turned_away)));
  families.push_back(single(
      gauge("quern_http_body_memory_bytes", "Memory that large request bodies under way take up."),
      number(http.body_bytes)));
  families.push_back(
      single(gauge("quern_http_answer_memory_bytes",
                   "Memory that large answers which clients have not taken yet take up."),
             number(http.answer_bytes)));
}

}  // namespace quern::server
