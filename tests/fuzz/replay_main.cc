// Drives one fuzz target without libFuzzer: replay CORPUS_DIRECTORY [SEED]. Every file of the corpus, then mutations of them
// drawn from the seed.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "tests/fuzz/target.h"

namespace {

constexpr int mutations_per_file = 300;

std::vector<squall::ByteBuffer> read_corpus(const char* directory) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator{directory}) paths.push_back(entry.path());
  std::ranges::sort(paths);
  std::vector<squall::ByteBuffer> corpus;
  for (const auto& path : paths) {
    std::ifstream file{path, std::ios::binary};
    corpus.emplace_back(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
  }
  return corpus;
}

void mutate(squall::ByteBuffer& bytes, squall::Random& random) {
  const auto changes = 1 + random.below(4);
  for (std::uint64_t i = 0; i < changes && !bytes.empty(); ++i) {
    const auto action = random.below(4);
    const auto at = static_cast<std::ptrdiff_t>(random.below(bytes.size()));
    const auto byte = static_cast<std::uint8_t>(random.below(256));
    const auto position = bytes.begin() + at;
    if (action == 0) {
      *position = byte;
    } else if (action == 1) {
      *position = static_cast<std::uint8_t>(*position ^ (1U << (byte & 7U)));
    } else if (action == 2) {
      bytes.erase(position);
    } else {
      bytes.insert(position, byte);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto corpus = argc > 1 ? read_corpus(argv[1]) : std::vector<squall::ByteBuffer>{};
  if (corpus.empty()) {
    std::fputs("usage: replay CORPUS_DIRECTORY [SEED]; the directory must hold something\n", stderr);
    return 2;
  }
  const char* from_environment = std::getenv("SQUALL_TEST_SEED");
  const char* seed = argc > 2 ? argv[2] : from_environment != nullptr ? from_environment : "1";
  squall::Random random{std::strtoull(seed, nullptr, 10)};
  for (const auto& bytes : corpus) {
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
    for (int i = 0; i < mutations_per_file; ++i) {
      auto mutant = bytes;
      mutate(mutant, random);
      LLVMFuzzerTestOneInput(mutant.data(), mutant.size());
    }
  }
  std::printf("%zu files and %zu mutants of them (seed %s)\n", corpus.size(), corpus.size() * mutations_per_file, seed);
  return 0;
}
