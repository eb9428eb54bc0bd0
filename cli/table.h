// Aligned columns for eyes.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <utility>
#include <vector>

#include "look.h"

namespace quern::cli {

class Table {
 public:
  enum class Align : bool { left, right };
  static constexpr std::size_t whole = SIZE_MAX;

  // All but title and align is for terminals that are too narrow for everything.
  struct Column {
    std::string title;
    Align align = Align::left;
    unsigned rank = 0;  // 0: always there. The higher, the sooner the column is left out
    std::size_t width_min = whole;  // may be cut down to so many columns before it is left out
    std::size_t width_narrow = width_min;  // the same where a few columns are better than none
  };
  struct Cell {
    std::string text;
    Colour colour = Colour::plain;

    Cell(std::string text) : text(std::move(text)) {}  // NOLINT: implicit by design
    Cell(const char* text) : text(text) {}             // NOLINT: implicit by design
    Cell(std::string text, Colour colour) : text(std::move(text)), colour(colour) {}
  };

  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // One cell per column; text from tasks goes through printable() first.
  void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }
  std::size_t size() const { return rows_.size(); }  // rows that are not printed yet

  // The rows since the last call; before the first ones the titles. The first call settles what is
  // shown and how wide, and later ones keep to that. A terminal gets one line a row; what is not a
  // terminal gets everything whole.
  void print(std::ostream& out, const Look& look = {});

 private:
  struct Shown {
    std::size_t column;
    std::size_t width;
  };

  std::vector<std::size_t> natural_widths() const;
  std::size_t gap() const { return narrow_ ? 1 : 2; }
  bool may_be_cut(const Column& column) const;
  void lay_out(std::size_t width);
  void print_row(std::ostream& out, const Look& look, const std::vector<Cell>& row) const;

  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
  std::vector<Shown> shown_;  // from left to right; empty until the first print()
  bool narrow_ = false;
};

}  // namespace quern::cli
