// Aligned columns for eyes.
#pragma once

#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "look.h"

namespace quern::cli {

class Table {
 public:
  enum class Align : bool { left, right };
  struct Column {
    std::string title;
    Align align = Align::left;
  };
  struct Cell {
    std::string text;
    Colour colour = Colour::plain;

    Cell(std::string text) : text(std::move(text)) {}  // NOLINT: implicit by design
    Cell(const char* text) : text(text) {}             // NOLINT: implicit by design
    Cell(std::string text, Colour colour) : text(std::move(text)), colour(colour) {}
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell per column; text from tasks goes through printable() or shortened() first.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  bool empty() const { return rows_.empty(); }
  // The last column is cut where the terminal ends.
  void print(std::ostream& out, const Look& look = {}) const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace quern::cli
