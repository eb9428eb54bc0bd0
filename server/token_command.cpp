#include "token_command.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <optional>

#include "access/new_token.h"
#include "access/private_file.h"
#include "access/token_file.h"

namespace quern::server {
namespace {

constexpr int usage_status = 2;

struct Asked {
  std::string name;
  std::string role;
  std::string queues;
  std::string expires;
  std::string append_to;
  std::string token_file;
};

CommandOutput refused(const std::string& why, int status = usage_status) {
  return {.status = status, .output = {}, .errors = "quernd: " + why + "\n"};
}

// "90d", or a time.
std::optional<Timestamp> expiry_from(std::string_view text, Timestamp now) {
  constexpr Duration day{86'400'000};
  constexpr int days_max = 36'500;
  if (!text.ends_with('d')) return parse_rfc3339(text);
  int days = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto [stop, problem] = std::from_chars(text.data(), end, days);
  if (problem != std::errc{} || stop != end || days < 1 || days > days_max) return std::nullopt;
  return now + days * day;
}

// As its line in the file, so that the file's rules are all there is.
std::string line_of(const Asked& asked, const access::Digest& digest,
                    const std::optional<Timestamp>& expires_at) {
  std::string line = asked.name + ' ' + asked.role + " sha256:" + access::to_hex(digest);
  if (!asked.queues.empty()) line += " queues=" + asked.queues;
  if (expires_at) line += " expires=" + to_rfc3339(*expires_at);
  return line;
}

CommandOutput make_token(const Asked& asked, Timestamp now) {
  std::optional<Timestamp> expires_at;
  if (!asked.expires.empty()) {
    expires_at = expiry_from(asked.expires, now);
    if (!expires_at) {
      return refused("--expires must be days as in 90d, or a time as in 2027-01-31T12:00:00Z");
    }
    if (*expires_at <= now) return refused("--expires is in the past");
  }
  Result<std::string> secret = access::random_token();
  if (!secret) return refused(secret.error().detail, EXIT_FAILURE);
  const std::string line = line_of(asked, access::sha256(*secret), expires_at);
  if (Result<void> fit = access::check_token_line(line); !fit) return refused(fit.error().detail);

  CommandOutput result;
  // The secret first: a line without its token would be of no use to anybody.
  if (!asked.token_file.empty()) {
    Result<void> written = access::create_private_file(asked.token_file, *secret + "\n");
    if (!written) return refused(written.error().detail, EXIT_FAILURE);
    result.errors += "The token is in " + asked.token_file + ", for its client alone.\n";
  } else {
    result.output = *secret + "\n";
    result.errors += "The token above is shown only now.\n";
  }
  if (!asked.append_to.empty()) {
    Result<void> added = access::append_token_line(asked.append_to, line);
    if (!added) {
      if (!asked.token_file.empty()) std::filesystem::remove(asked.token_file);
      return refused(added.error().detail, EXIT_FAILURE);
    }
    result.errors +=
        "Its line was added to " + asked.append_to + "; SIGHUP makes a running server read it.\n";
  } else {
    result.errors += "Its line for the token file:\n" + line + "\n";
  }
  return result;
}

}  // namespace

CommandOutput run_token_command(const std::vector<std::string>& arguments, Timestamp now) {
  Asked asked;
  CLI::App app("Tokens for the file that --tokens names", "quernd token");
  app.require_subcommand(1);
  CLI::App* const make = app.add_subcommand("new", "make a token");
  make->get_formatter()->column_width(30);
  make->add_option("--name", asked.name, "whose it is, in logs")->required()->type_name("NAME");
  make->add_option("--role", asked.role, "producer, worker, reader or admin")
      ->required()
      ->type_name("ROLE");
  make->add_option("--queues", asked.queues, "the queues it is for, * for anything: mail.*,billing")
      ->type_name("PATTERN,...");
  make->add_option("--expires", asked.expires, "days from now, as 90d, or a time")
      ->type_name("WHEN");
  make->add_option("--append", asked.append_to, "add its line to this token file")
      ->type_name("FILE");
  make->add_option("--token-file", asked.token_file, "write the token here instead of showing it")
      ->type_name("FILE");
  try {
    // CLI11 takes them from the back.
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return {.status = EXIT_SUCCESS,
            .output = make->parsed() ? make->help("quernd token") : app.help(),
            .errors = {}};
  } catch (const CLI::ParseError& error) {
    return refused(std::string(error.what()) + "\nquernd: `quernd token new --help` says more");
  }
  return make_token(asked, now);
}

}  // namespace quern::server
