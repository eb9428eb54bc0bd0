#include "text.h"

#include <doctest/doctest.h>

#include "exit_code.h"

using namespace quern;
using namespace quern::cli;
using namespace std::chrono_literals;

TEST_CASE("a duration is shown in its largest unit") {
  struct Row {
    Duration duration;
    std::string expected;
  };
  for (const Row& row : {Row{0ms, "0 s"}, Row{850ms, "850 ms"}, Row{1999ms, "1 s"},
                         Row{59s, "59 s"}, Row{60s, "1 min"}, Row{90min, "1 h"}, Row{49h, "2 d"}}) {
    CHECK(duration_text(row.duration) == row.expected);
  }
}

TEST_CASE("a setting's duration is shown exactly, as it is typed") {
  for (const Duration duration : {0ms, 1500ms, Duration{90s}, Duration{25h}}) {
    CHECK(parse_duration(exact_text(duration)) == duration);
  }
  CHECK(exact_text(90s) == "1m30s");
}

TEST_CASE("a time is shown by its distance") {
  const Timestamp now{1'000'000'000};
  CHECK(relative_text(now, now) == "now");
  CHECK(relative_text(now - 12s, now) == "12 s ago");
  CHECK(relative_text(now + 3min, now) == "in 3 min");
}

TEST_CASE("a duration is typed with its units, and not without") {
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("90s") == 90s);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("2d") == 48h);
  CHECK(parse_duration("0s") == 0s);
  for (const char* text : {"", "5", "m", "-5s", "5 s", "5x", "1.5h", "99999999999999999999s",
                           "9223372036854775807d"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("text from tasks cannot drive the terminal") {
  CHECK(printable("a\x1b[31mb\nc\td\x7f") == "a?[31mb c d?");
  CHECK(printable("\xc2\x9b"
                  "31m") == "?31m");
  CHECK(printable("Grüße") == "Grüße");
  CHECK(printable("\x9b"
                  "31m") == "?31m");
  CHECK(printable("a\u202Efdp.exe") == "a?fdp.exe");
}

TEST_CASE("long text is cut between characters") {
  CHECK(shortened("Grüße", 5) == "Grüße");
  CHECK(shortened("Grüße", 4) == "Grü…");
  CHECK(columns("Grüße") == 5);
}

TEST_CASE("a wide character takes two columns, one that joins another none") {
  CHECK(columns("東京") == 4);
  CHECK(columns("📦") == 2);
  CHECK(columns("e\u0301") == 1);
  CHECK(shortened("東京都", 6) == "東京都");
  CHECK(shortened("東京都", 5) == "東京…");
  CHECK(shortened("東京都", 4) == "東…");
}

TEST_CASE("a line with colours is cut by what is seen of it") {
  CHECK(cut("\x1b[31m東京\x1b[0m!", 3) == "\x1b[31m東\x1b[0m");
  CHECK(cut("abc", 3) == "abc");
}

TEST_CASE("running text is broken between words, and a long word stays whole") {
  CHECK(wrapped("one two three", 7) == "one two\nthree");
  CHECK(wrapped("one two three", 80) == "one two three");
  CHECK(wrapped("a longest-word b", 4) == "a\nlongest-word\nb");
  CHECK(wrapped("Usage: qctl [OPTIONS]", 12, "\n  ") == "Usage: qctl\n  [OPTIONS]");
  CHECK(wrapped("", 4) == "");
}

TEST_CASE("the exit status tells refused, not found and unreachable apart") {
  CHECK(exit_code_for(ErrorCode::lease_lost) == 1);
  CHECK(exit_code_for(ErrorCode::invalid_argument) == 1);
  CHECK(exit_code_for(ErrorCode::task_not_found) == 3);
  CHECK(exit_code_for(ErrorCode::queue_not_found) == 3);
  CHECK(exit_code_for(ErrorCode::not_found) == 1);  // of a path: another version, or a proxy
  CHECK(exit_code_for(ErrorCode::unreachable) == 4);
  CHECK(exit_code_for(ErrorCode::bad_response) == 4);
}
