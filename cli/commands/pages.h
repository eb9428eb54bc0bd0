// Shows what a call returns page by page.
#pragma once

#include <iostream>
#include <string_view>

#include "commands/options.h"
#include "session.h"

namespace quern::cli {

// `ask(PageOptions)` gets a page; `print(items)` shows it to a person. With --json each item is one
// line of JSON. `nothing` is said when there is none.
template <typename Ask, typename Print>
ExitCode show_pages(const Session& session, PageFlags page, std::string_view nothing,
                    const Ask& ask, const Print& print) {
  bool any = false;
  for (;;) {
    const auto answer = ask(page.options);
    if (session.json) {
      for (const auto& item : answer.items) std::cout << one_line(to_json(item)) << '\n';
    } else if (!answer.items.empty()) {
      print(answer.items);
    }
    any = any || !answer.items.empty();
    page.options.cursor = answer.next_cursor;
    if (answer.next_cursor.empty() || !page.all) break;
  }
  if (!any && !session.json) std::cout << nothing << '\n';
  if (!page.options.cursor.empty()) {
    std::cerr << "There is more: --cursor " << page.options.cursor << ", or --all\n";
  }
  return exit_ok;
}

}  // namespace quern::cli
