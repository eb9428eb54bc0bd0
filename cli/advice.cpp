#include "advice.h"

#include <iostream>
#include <utility>

#include "quern/protocol/json_writer.h"
#include "quern/version.h"
#include "text.h"

namespace quern::cli {
namespace {

void print_json(const ApiError& error) {
  std::string text;
  JsonWriter json(text);
  json.begin_object().key("code").string(to_string(error.code()));
  json.key("detail").string(error.detail());
  if (!error.fields().empty()) {
    json.key("errors").begin_array();
    for (const FieldError& field : error.fields()) {
      json.begin_object().key("pointer").string(field.pointer);
      json.key("detail").string(field.detail).end_object();
    }
    json.end_array();
  }
  json.end_object();
  std::cerr << one_line(text) << std::endl;
}

// The words of a server that does not know what we ask for, as one of another version would not.
bool may_be_another_version(const ApiError& error) {
  switch (error.code()) {
    case ErrorCode::invalid_argument:  // of a field that it does not know
      return error.detail().find("; known: ") != std::string::npos;
    case ErrorCode::bad_request:
    case ErrorCode::not_found:
    case ErrorCode::method_not_allowed:
    case ErrorCode::not_implemented:
    case ErrorCode::bad_response:
      return true;
    default:
      return false;
  }
}

std::string version_text(Session& session) {
  try {
    ClientOptions options = session.client_options();
    options.retry_for = Duration{0};
    const ServerInfo info = Client(options).info();
    if (info.version == version) return "";
    return "The server is Quern " + printable(info.version) + " and this is qctl " +
           std::string(version) + ": use the qctl of the server's version.";
  } catch (const ApiError&) {
    return "";  // whatever it is, it does not say so
  }
}

std::string advice(Session& session, ErrorCode code) {
  switch (code) {
    case ErrorCode::unreachable:
      return "Is quernd running there? The address is from " + session.connection().origin +
             "; another goes into --server, QUERN_SERVER or a profile.";
    case ErrorCode::bad_response:
      return "The address is from " + session.connection().origin + ".";
    case ErrorCode::unauthorized:
      return session.connection().token.empty()
                 ? "Give a token by --token-file, QUERN_TOKEN or a profile."
                 : "The server does not know this token.";
    case ErrorCode::forbidden:
      return "The token's role or its queues do not allow this.";
    case ErrorCode::queue_not_empty:
      return "With qctl: --force.";
    default:
      return "";
  }
}

void print_line(const std::string& text) {
  if (!text.empty()) std::cerr << text << '\n';
}

}  // namespace

std::string failure_line(bool json, std::string_view code, const std::string& detail) {
  if (!json) return "qctl: " + printable(detail) + "\n";
  std::string text;
  JsonWriter(text)
      .begin_object()
      .key("code")
      .string(code)
      .key("detail")
      .string(detail)
      .end_object();
  return one_line(std::move(text)) + "\n";
}

void print_failure(bool json, std::string_view code, const std::string& detail) {
  std::cerr << failure_line(json, code, detail) << std::flush;
}

void print_error(Session& session, const ApiError& error) {
  if (session.json) return print_json(error);
  std::cerr << "qctl: " << printable(error.detail()) << '\n';
  if (error.fields().size() > 1) {
    for (const FieldError& field : error.fields()) {
      std::cerr << "  " << printable(field.pointer) << ' ' << printable(field.detail) << '\n';
    }
  }
  print_line(advice(session, error.code()));
  if (may_be_another_version(error)) print_line(version_text(session));
}

}  // namespace quern::cli
