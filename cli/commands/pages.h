// Shows what a call returns page by page.
#pragma once

#include <iostream>
#include <string_view>
#include <utility>

#include "commands/options.h"
#include "session.h"
#include "table.h"

namespace quern::cli {

// Shows items one after the other: with --json each as a line, else as the rows of one table, whose
// columns are as wide as the first rows_at_once need.
class Listing {
 public:
  Listing(const Session& session, Table table) : session_(session), table_(std::move(table)) {}
  // Also what came before a page that failed is shown.
  ~Listing() { flush(); }
  Listing(const Listing&) = delete;
  Listing& operator=(const Listing&) = delete;

  // `add_row(table, item)` makes one row of it.
  template <typename Item, typename AddRow>
  void add(const Item& item, const AddRow& add_row) {
    any_ = true;
    if (session_.json) {
      std::cout << one_line(to_json(item)) << '\n';
      return;
    }
    add_row(table_, item);
    if (table_.size() >= rows_at_once) flush();
  }

  // At the end; `nothing` is said to a person when there was none.
  void finish(std::string_view nothing) {
    flush();
    if (!any_ && !session_.json) std::cout << nothing << '\n';
  }

 private:
  static constexpr std::size_t rows_at_once = 1'000;

  void flush() {
    if (table_.size() != 0) table_.print(std::cout, session_.look());
  }

  const Session& session_;
  Table table_;
  bool any_ = false;
};

// That a page ended before the list did, on standard error: so that the list alone is on standard
// output.
inline void say_more(const Session& session, const std::string& cursor) {
  if (session.json) {
    std::cerr << "{\"next_cursor\":\"" << cursor << "\"}\n";  // a cursor needs no escapes
  } else {
    std::cerr << "There is more: --cursor " << cursor << ", or --all\n";
  }
}

// `ask(PageOptions)` gets a page of items, of which `add_row(table, item)` makes rows.
template <typename Ask, typename AddRow>
ExitCode show_pages(const Session& session, PageFlags page, std::string_view nothing,
                    const Ask& ask, Table table, const AddRow& add_row) {
  Listing listing(session, std::move(table));
  do {
    const auto answer = ask(page.options);
    for (const auto& item : answer.items) listing.add(item, add_row);
    page.options.cursor = answer.next_cursor;
  } while (page.all && !page.options.cursor.empty());
  listing.finish(nothing);
  if (!page.options.cursor.empty()) {
    say_more(session, page.options.cursor);
  }
  return exit_ok;
}

}  // namespace quern::cli
