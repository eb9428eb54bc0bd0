#include <cstdio>
#include <cstdlib>
#include <map>

#include "run.h"
int main(int argc, char** argv) {
  const std::uint64_t from = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  quern::sim::Edges edges;
  std::map<std::string, int> failures;
  std::uint64_t steps = 0;
  if (argc == 2) {
    std::vector<std::string> h;
    const auto r = quern::sim::run(quern::sim::make_plan(from), &h);
    for (auto& l : h) std::puts(l.c_str());
    if (r.violation) std::puts(r.violation->c_str());
    return 0;
  }
  for (std::uint64_t seed = from; seed < from + count; ++seed) {
    const auto r = quern::sim::run(quern::sim::make_plan(seed));
    edges.add(r.edges);
    steps += r.steps;
    if (r.violation) {
      if (++failures[r.violation->substr(0, 20)] <= 3)
        std::printf("seed %lu step %lu: %s\n", seed, r.steps, r.violation->c_str());
    }
  }
  int n = 0;
  for (auto& f : failures) n += f.second;
  std::printf("%d failed of %lu, %lu steps\n", n, count, steps);
  for (auto& e : edges.missing()) std::printf("missing %s\n", e.c_str());
  for (auto& e : edges.foreign()) std::printf("foreign %s\n", e.c_str());
}
