#include "table.h"

#include <algorithm>
#include <numeric>
#include <ostream>

#include "text.h"

namespace quern::cli {
namespace {

// On a narrower terminal one blank between columns has to do: an id and the beginning of a state
// fit into 40.
constexpr std::size_t narrow_below = 60;

// Blanks are left of or behind the text, outside of its colour; none end a line.
class Line {
 public:
  explicit Line(const Look& look) : look_(look) {}

  void add(const Table::Cell& cell, Table::Align align, std::size_t width, std::size_t gap) {
    const std::size_t taken = columns(cell.text);
    const std::size_t fill = width > taken ? width - taken : 0;
    if (align == Table::Align::right) blanks_ += fill;
    if (!cell.text.empty()) {
      text_ += std::string(blanks_, ' ') + look_.paint(cell.colour, cell.text);
      blanks_ = 0;
    }
    if (align == Table::Align::left) blanks_ += fill;
    blanks_ += gap;
  }
  const std::string& text() const { return text_; }

 private:
  const Look& look_;
  std::string text_;
  std::size_t blanks_ = 0;
};

// A … in so few columns would be all that is seen.
std::string fitted(const std::string& text, std::size_t width) {
  return width > 3 ? shortened(text, width) : cut(text, width);
}

}  // namespace

std::vector<std::size_t> Table::natural_widths() const {
  std::vector<std::size_t> widths;
  for (const Column& column : columns_) widths.push_back(columns(column.title));
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], columns(row[i].text));
    }
  }
  return widths;
}

bool Table::may_be_cut(const Column& column) const {
  return (narrow_ ? column.width_narrow : column.width_min) != whole;
}

// Takes columns in, the important ones first, each as narrow as it may be; then gives out the room
// that is left, first where little is missing, so that as few as possible are cut.
void Table::lay_out(std::size_t width) {
  const std::vector<std::size_t> natural = natural_widths();
  std::vector<std::size_t> order(columns_.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t one, std::size_t other) {
    return columns_[one].rank < columns_[other].rank;
  });

  const std::size_t room = width == 0 ? SIZE_MAX : width;
  narrow_ = room < narrow_below;
  std::size_t taken = 0;
  std::vector<Shown> taken_in;
  for (const std::size_t i : order) {
    const std::size_t width_min = narrow_ ? columns_[i].width_narrow : columns_[i].width_min;
    const Shown shown{.column = i, .width = std::min(natural[i], width_min)};
    const std::size_t needed = shown.width + (taken_in.empty() ? 0 : gap());
    if (columns_[i].rank != 0 && taken + needed > room) continue;
    taken_in.push_back(shown);
    taken += needed;
  }
  const auto missing = [&](const Shown& shown) { return natural[shown.column] - shown.width; };
  std::stable_sort(taken_in.begin(), taken_in.end(), [&](const Shown& one, const Shown& other) {
    return missing(one) < missing(other);
  });
  for (Shown& shown : taken_in) {
    const std::size_t more = std::min(missing(shown), room - std::min(taken, room));
    shown.width += more;
    taken += more;
  }
  std::sort(taken_in.begin(), taken_in.end(),
            [](const Shown& one, const Shown& other) { return one.column < other.column; });
  // What later rows have there may be longer.
  Shown& last = taken_in.back();
  if (width != 0 && columns_[last.column].align == Align::left) {
    last.width += room - std::min(taken, room);
  }
  shown_ = std::move(taken_in);
}

void Table::print_row(std::ostream& out, const Look& look, const std::vector<Cell>& row) const {
  Line line(look);
  for (const Shown& shown : shown_) {
    const Column& column = columns_[shown.column];
    Cell cell = row[shown.column];
    if (look.width != 0 && may_be_cut(column)) cell.text = fitted(cell.text, shown.width);
    line.add(cell, column.align, shown.width, gap());
  }
  out << line.text() << '\n';
}

void Table::print(std::ostream& out, const Look& look) {
  if (shown_.empty()) {
    lay_out(look.width);
    std::vector<Cell> titles;
    for (const Column& column : columns_) titles.emplace_back(column.title, Colour::bold);
    print_row(out, look, titles);
  }
  for (const auto& row : rows_) print_row(out, look, row);
  rows_.clear();
}

}  // namespace quern::cli
