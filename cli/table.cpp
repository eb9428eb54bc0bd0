#include "table.h"

#include <algorithm>
#include <ostream>

#include "text.h"

namespace quern::cli {
namespace {

constexpr std::string_view gap = "  ";
// Narrower than this, a cut column says nothing: then the terminal may wrap it.
constexpr std::size_t cut_columns_min = 16;

// Blanks are left of or behind the text, outside of its colour; none end a line.
class Line {
 public:
  explicit Line(const Look& look) : look_(look) {}

  void add(const Table::Cell& cell, Table::Align align, std::size_t width) {
    const std::size_t taken = columns(cell.text);
    const std::size_t fill = width > taken ? width - taken : 0;
    if (align == Table::Align::right) blanks_ += fill;
    if (!cell.text.empty()) {
      text_ += std::string(blanks_, ' ') + look_.paint(cell.colour, cell.text);
      blanks_ = 0;
    }
    if (align == Table::Align::left) blanks_ += fill;
    blanks_ += gap.size();
  }
  const std::string& text() const { return text_; }

 private:
  const Look& look_;
  std::string text_;
  std::size_t blanks_ = 0;
};

}  // namespace

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(columns(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], columns(row[i].text));
    }
  }
  return widths;
}

void Table::print(std::ostream& out, const Look& look) const {
  const std::vector<std::size_t> width = widths();
  std::size_t before_last = 0;
  for (std::size_t i = 0; i + 1 < width.size(); ++i) before_last += width[i] + gap.size();
  const std::size_t last_max =
      look.width >= before_last + cut_columns_min ? look.width - before_last : 0;

  const auto print_row = [&](const std::vector<Cell>& row) {
    Line line(look);
    for (std::size_t i = 0; i < row.size(); ++i) {
      Cell cell = row[i];
      if (i + 1 == row.size() && last_max != 0) cell.text = shortened(cell.text, last_max);
      line.add(cell, columns_[i].align, width[i]);
    }
    out << line.text() << '\n';
  };
  std::vector<Cell> titles;
  for (const Column& column : columns_) titles.emplace_back(column.title, Colour::bold);
  print_row(titles);
  for (const auto& row : rows_) print_row(row);
}

}  // namespace quern::cli
