#include "table.h"

#include <doctest/doctest.h>

#include <sstream>

using namespace quern::cli;

namespace {

constexpr auto right = Table::Align::right;

std::string printed(Table& table, std::size_t width) {
  std::ostringstream out;
  table.print(out, {.width = width});
  return out.str();
}

Table names_and_errors() {
  Table table({{.title = "ID"},
               {.title = "COUNT", .align = right, .rank = 2},
               {.title = "STATE", .rank = 3, .width_narrow = 3},
               {.title = "ERROR", .rank = 1, .width_min = 10}});
  table.add({"0123456789", "7", "running", "the server did not answer in time, so it was retried"});
  return table;
}

}  // namespace

TEST_CASE("columns are aligned by characters, without trailing blanks") {
  Table table({{"NAME"}, {"COUNT", right}, {""}});
  table.add({"ü", "5", ""});
  table.add({"東京", "5", ""});
  table.add({"queue", "1234567", "paused"});
  CHECK(printed(table, 0) ==
        "NAME     COUNT\n"
        "ü            5\n"
        "東京         5\n"
        "queue  1234567  paused\n");
}

TEST_CASE("what is not a terminal gets everything whole") {
  Table table = names_and_errors();
  CHECK(printed(table, 0) ==
        "ID          COUNT  STATE    ERROR\n"
        "0123456789      7  running  the server did not answer in time, so it was retried\n");
}

TEST_CASE("a terminal that is too narrow gets the important columns, and all that fits of them") {
  struct Row {
    std::size_t width;
    std::string expected;
  };
  for (const Row& row : {Row{60,
                             "ID          COUNT  STATE    ERROR\n"
                             "0123456789      7  running  the server did not answer in ti…\n"},
                         Row{36,
                             "ID         COUNT STATE   ERROR\n"
                             "0123456789     7 running the server…\n"},
                         Row{31,
                             "ID         COUNT STA ERROR\n"
                             "0123456789     7 run the serve…\n"},
                         Row{27,
                             "ID         COUNT ERROR\n"
                             "0123456789     7 the serve…\n"},
                         Row{18,
                             "ID         COUNT\n"
                             "0123456789     7\n"},
                         Row{4,
                             "ID\n"
                             "0123456789\n"}}) {
    CAPTURE(row.width);
    Table table = names_and_errors();
    CHECK(printed(table, row.width) == row.expected);
  }
}

TEST_CASE("later rows keep to the columns of the first ones, below one line of titles") {
  Table table(
      {{.title = "ID"}, {.title = "TYPE", .width_min = 3}, {.title = "ERROR", .width_min = 3}});
  table.add({"1", "email", "x"});
  CHECK(printed(table, 20) ==
        "ID TYPE  ERROR\n"
        "1  email x\n");
  CHECK(table.size() == 0);
  table.add({"2", "thumbnail", "as much as fits"});
  CHECK(table.size() == 1);
  CHECK(printed(table, 20) == "2  thum… as much as…\n");
}
