#include "http/target.h"

#include <doctest/doctest.h>

using namespace quern;
using namespace quern::http;

namespace {

// Segments and parameters as one text: "queues|a b ? x=1 & y=2".
std::string shown(std::string_view text) {
  Target target;
  if (const Result<void> parsed = parse_target(text, target); !parsed) {
    return std::string(to_string(parsed.error().code));
  }
  std::string out = target.authority.empty() ? "" : "[" + std::string(target.authority) + "]";
  for (const std::string& segment : target.segments) out += "|" + segment;
  for (const Parameter& parameter : target.query)
    out += "?" + parameter.name + "=" + parameter.value;
  return out;
}

}  // namespace

TEST_CASE("a target is taken apart and decoded once") {
  struct Row {
    std::string_view target;
    std::string_view expected;
  };
  for (const Row& row : {
           Row{"/", ""},
           Row{"/tasks", "|tasks"},
           Row{"/tasks/a%20b/%2F%2e", "|tasks|a b|/."},
           Row{"/tasks/%2541", "|tasks|%41"},
           Row{"/a+b", "|a+b"},
           Row{"/tasks/", "|tasks|"},
           Row{"//tasks", "||tasks"},
           Row{"/a?x=1&y=b%3Dc&z", "|a?x=1?y=b=c?z="},
           Row{"/a?x=a+b%2B", "|a?x=a b+"},
           Row{"/a?&&x=1&", "|a?x=1"},
           Row{"/a?x=/b?c", "|a?x=/b?c"},
           Row{"/a?", "|a"},
           Row{"http://h:1/a?x=1", "[h:1]|a?x=1"},
           Row{"http://h?x=1", "[h]?x=1"},
           Row{"http://h", "[h]"},
           Row{"ftp://h/a", "misdirected_request"},
           Row{"a", "bad_request"},
           Row{"", "bad_request"},
           Row{"/%", "bad_request"},
           Row{"/%4", "bad_request"},
           Row{"/%g0", "bad_request"},
           Row{"/%00", "bad_request"},
           Row{"/a?x=%00", "bad_request"},
           Row{"/a?%", "bad_request"},
           Row{"/a#b", "bad_request"},
       }) {
    CAPTURE(row.target);
    CHECK(shown(row.target) == row.expected);
  }
}
