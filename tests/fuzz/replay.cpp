// Runs a fuzzer's seeds, and some mutations of each, without libFuzzer: with any compiler, in every
// run of the tests.
//
// replay [-m mutations] FOLDER_OR_FILE...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer's names.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> files_in(const std::vector<std::string>& arguments) {
  std::vector<fs::path> files;
  for (const std::string& argument : arguments) {
    if (!fs::is_directory(argument)) {
      files.emplace_back(argument);
      continue;
    }
    for (const auto& entry : fs::directory_iterator(argument)) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::string contents(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    std::fprintf(stderr, "cannot read %s\n", path.c_str());
    std::exit(EXIT_FAILURE);
  }
  return {std::istreambuf_iterator<char>(file), {}};
}

void run(const std::string& input) {
  // A copy of exactly that size, so that a sanitizer sees a read past its end.
  const std::vector<std::uint8_t> bytes(input.begin(), input.end());
  LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
}

// A few small changes, as a fuzzer makes them; always the same for the same generator.
std::string mutated(std::string text, const std::string& other, std::mt19937& random) {
  const auto below = [&](std::size_t bound) { return bound == 0 ? 0 : random() % bound; };
  for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
    const std::size_t at = below(text.size() + 1);
    switch (below(5)) {
      case 0:
        if (at < text.size()) text[at] = static_cast<char>(random());
        break;
      case 1:
        text.insert(at, 1 + below(3), static_cast<char>(random()));
        break;
      case 2:
        text.erase(at, 1 + below(8));
        break;
      case 3:
        text.insert(at, text.substr(below(text.size() + 1), below(16)));
        break;
      case 4:
        text = text.substr(0, at) + other.substr(below(other.size() + 1));
        break;
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::size_t mutations = 0;
  if (arguments.size() >= 2 && arguments[0] == "-m") {
    mutations = std::strtoul(arguments[1].c_str(), nullptr, 10);
    arguments.erase(arguments.begin(), arguments.begin() + 2);
  }
  std::vector<std::string> inputs;
  for (const fs::path& file : files_in(arguments)) inputs.push_back(contents(file));
  if (inputs.empty()) {
    std::fprintf(stderr, "there are no inputs\n");
    return EXIT_FAILURE;
  }
  std::mt19937 random(1);
  std::size_t count = 0;
  run("");
  for (const std::string& input : inputs) {
    run(input);
    for (std::size_t i = 0; i < mutations; ++i, ++count) {
      run(mutated(input, inputs[random() % inputs.size()], random));
    }
  }
  std::printf("%zu inputs and %zu mutations\n", inputs.size(), count);
  return EXIT_SUCCESS;
}
