#include "http/response.h"

#include <fmt/format.h>

#include <chrono>

namespace quern::http {
namespace {

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    default:
      return "Internal Server Error";
  }
}

void append_line(std::string& out, std::string_view name, std::string_view value) {
  out += name;
  out += ": ";
  out += value;
  out += "\r\n";
}

}  // namespace

void Response::add_field(std::string_view name, std::string_view value) {
  append_line(fields, name, value);
}

void Response::clear() {
  // A large answer's memory is not kept for the small ones that follow.
  constexpr std::size_t kept_bytes_max = std::size_t{64} << 10;
  if (body.capacity() > kept_bytes_max) std::string().swap(body);
  status = 200;
  content_type = "application/json";
  fields.clear();
  body.clear();
}

void write_head(const Response& response, const HeadContext& context, std::string& out) {
  out.clear();
  out += "HTTP/1.1 ";
  out += fmt::format_int(response.status).c_str();
  out += ' ';
  out += reason_phrase(response.status);
  out += "\r\n";
  append_line(out, "Date", context.date);
  // RFC 9110 section 8.6: a 204 has neither content nor its length.
  if (response.status != 204) {
    append_line(out, "Content-Type", response.content_type);
    append_line(out, "Content-Length", fmt::format_int(response.body.size()).c_str());
  }
  append_line(out, "X-Request-ID", context.request_id);
  if (!context.keep_alive) {
    append_line(out, "Connection", "close");
  } else if (context.http_1_0) {
    append_line(out, "Connection", "keep-alive");
  }
  out += response.fields;
  out += "\r\n";
}

std::string http_date(std::int64_t unix_seconds) {
  using namespace std::chrono;
  constexpr std::string_view weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::string_view months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const sys_seconds time{seconds{unix_seconds}};
  const sys_days day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     weekdays[weekday{day}.c_encoding()], static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

}  // namespace quern::http
