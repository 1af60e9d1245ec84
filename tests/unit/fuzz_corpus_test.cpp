// The corpora of the fuzz targets as tests: every input that once was worth keeping gets an answer,
// in every build.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/targets.h"

namespace jb::fuzz {
namespace {

namespace fs = std::filesystem;

struct Target {
  const char* name;
  void (*read)(Bytes);
};

std::vector<std::uint8_t> bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class FuzzCorpus : public ::testing::TestWithParam<Target> {};

TEST_P(FuzzCorpus, EveryInputGetsAnAnswer) {
  const fs::path folder = fs::path(JOULEBENCH_SOURCE_DIR) / "tests/fuzz/corpus" / GetParam().name;
  int inputs = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    SCOPED_TRACE(entry.path().string());
    const std::vector<std::uint8_t> bytes = bytes_of(entry.path());
    EXPECT_NO_THROW(GetParam().read(bytes));
    // Cut anywhere, an input is another hostile one.
    for (const std::size_t length : {bytes.size() / 4, bytes.size() / 2, bytes.size() - 1}) {
      EXPECT_NO_THROW(GetParam().read(Bytes(bytes).first(std::min(length, bytes.size()))));
    }
    ++inputs;
  }
  EXPECT_GE(inputs, 3);
}

INSTANTIATE_TEST_SUITE_P(All, FuzzCorpus,
                         ::testing::Values(Target{"onnx", read_onnx}, Target{"npy", read_npy},
                                           Target{"idx", read_idx}, Target{"json", read_json}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace jb::fuzz
