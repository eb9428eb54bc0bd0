#include "shrink.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace quern::sim {
namespace {

class Shrinker {
 public:
  Shrinker(Plan plan, const Fails& fails, std::size_t runs_max)
      : best_(std::move(plan)), fails_(fails), kind_(fails(best_)), runs_left_(runs_max) {}

  Plan run() {
    // Ever smaller pieces; from the largest on again whenever something could go.
    for (std::size_t size = best_.steps.size(); size > 0 && runs_left_ > 0;) {
      size = take_away(size) ? std::min(size, best_.steps.size()) : size / 2;
    }
    for (std::size_t i = 0; i < feature_count && runs_left_ > 0; ++i) {
      Plan without = best_;
      without.features.reset(i);
      keep_if_it_fails(std::move(without));
    }
    return best_;
  }

 private:
  bool take_away(std::size_t size) {
    bool any = false;
    for (std::size_t at = 0; at < best_.steps.size() && runs_left_ > 0;) {
      Plan without = best_;
      const auto begin = without.steps.begin() + static_cast<std::ptrdiff_t>(at);
      const std::size_t count = std::min(size, without.steps.size() - at);
      without.steps.erase(begin, begin + static_cast<std::ptrdiff_t>(count));
      if (keep_if_it_fails(std::move(without))) {
        any = true;
      } else {
        at += size;
      }
    }
    return any;
  }

  bool keep_if_it_fails(Plan plan) {
    --runs_left_;
    if (fails_(plan) != kind_) return false;
    best_ = std::move(plan);
    return true;
  }

  Plan best_;
  const Fails& fails_;
  const std::string kind_;
  std::size_t runs_left_;
};

}  // namespace

Plan shrink(const Plan& plan, const Fails& fails, std::size_t runs_max) {
  return Shrinker(plan, fails, runs_max).run();
}

std::string kind_of(const std::string& violation) {
  std::string kind;
  std::size_t at = 0;
  while (at < violation.size()) {
    const std::size_t end = violation.find_first_of(" \n", at);
    const std::string word = violation.substr(at, end - at);
    const bool numbered =
        std::any_of(word.begin(), word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    kind += (numbered ? "…" : word) + " ";
    if (end == std::string::npos) break;
    at = end + 1;
  }
  return kind;
}

}  // namespace quern::sim
