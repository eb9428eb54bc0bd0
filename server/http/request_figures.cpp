#include "http/request_figures.h"

#include <algorithm>

namespace quern::http {

RequestFigures::RequestFigures()
    : row_count_(all_routes().size() + 1),
      times_(std::make_unique<Times[]>(row_count_ * status_class_count)) {}

void RequestFigures::answered(const Route* route, unsigned status,
                              std::chrono::steady_clock::duration took) {
  using std::chrono::microseconds;
  const std::size_t row =
      route == nullptr ? row_count_ - 1 : static_cast<std::size_t>(route - all_routes().data());
  const std::size_t status_class = std::clamp(status / 100, 1u, 5u) - 1;
  const auto time = std::chrono::duration_cast<microseconds>(took).count();
  times_[row * status_class_count + status_class].add(static_cast<std::uint64_t>(time));
}

void RequestFigures::refused(ErrorCode code) {
  const auto index = static_cast<std::size_t>(code);
  if (index < refusal_count) refused_[index] += 1;
}

void RequestFigures::add_to(HttpFigures& figures) const {
  figures.routes.resize(row_count_);
  for (std::size_t row = 0; row < row_count_; ++row) {
    for (std::size_t c = 0; c < status_class_count; ++c) {
      const Times& times = times_[row * status_class_count + c];
      HttpFigures::Times& sum = figures.routes[row][c];
      for (std::size_t i = 0; i < sum.counts.size(); ++i) sum.counts[i] += times.counts[i];
      sum.sum += times.sum;
    }
  }
  for (std::size_t i = 0; i < refusal_count; ++i) figures.refused[i] += refused_[i];
}

}  // namespace quern::http
