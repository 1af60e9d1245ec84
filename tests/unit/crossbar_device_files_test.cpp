// The document of crossbar device files names every key.

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

TEST(CrossbarDeviceFiles, EveryKeyIsDocumented) {
  std::ifstream file(std::filesystem::path(JOULEBENCH_SOURCE_DIR) /
                     "backends/crossbar/DEVICE_FILES.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(text.empty());
  for (const ParameterSpec& spec : crossbar_backend().parameters()) {
    // Ranges of keys ("adc.scale_0 ... adc.scale_15") are named by their ends.
    const bool numbered =
        spec.key.rfind("adc.scale_", 0) == 0 || spec.key.rfind("program.c", 0) == 0;
    if (numbered) continue;
    EXPECT_NE(text.find("`" + spec.key + "`"), std::string::npos) << spec.key;
  }
}

}  // namespace
}  // namespace jb::test
