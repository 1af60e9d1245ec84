// Import reads elements from the file straight into tensors: at its peak it takes little more
// memory than the file has bytes (the project promises 1.3 times the file).

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

#include "models/onnx/onnx.h"
#include "tests/support/onnx_model.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

/// A line of /proc/self/status in bytes: "VmRSS", or "VmHWM", its largest value so far.
double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key + ":", 0) == 0) return std::stod(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

class ImportMemory : public ::testing::TestWithParam<bool> {};

TEST_P(ImportMemory, PeaksBelow130PercentOfTheFile) {
  constexpr std::int64_t kRows = 2048;
  constexpr std::int64_t kLayers = 8;  // of 16 MB each
  const TempFolder folder;
  const std::filesystem::path path = folder.path() / "model.onnx";
  {
    OnnxModel model;
    model.input("h0", {1, kRows});
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string w = "w" + std::to_string(i);
      ::onnx::TensorProto& tensor = model.initializer(w, {kRows, kRows});
      if (GetParam()) {
        tensor.set_raw_data(std::string(kRows * kRows * sizeof(float), 'a'));
      } else {
        tensor.mutable_float_data()->Resize(kRows * kRows, 0.5F);
      }
      model.node("MatMul", "m" + std::to_string(i), {"h" + std::to_string(i), w},
                 {"h" + std::to_string(i + 1)});
    }
    model.output("h" + std::to_string(kLayers));
    std::ofstream file(path, std::ios::binary);
    model.proto.SerializeToOstream(&file);
  }
  const auto file_bytes = static_cast<double>(std::filesystem::file_size(path));
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew (proc(5))
  const double before = status_bytes("VmRSS");
  ASSERT_LT(status_bytes("VmHWM") - before, 0.1 * file_bytes) << "the peak cannot be reset here";
  const models::Graph graph = models::load_onnx(path);
  EXPECT_LT(status_bytes("VmHWM") - before, 1.3 * file_bytes);
  EXPECT_EQ(graph.nodes().size(), static_cast<std::size_t>(kLayers));
}

INSTANTIATE_TEST_SUITE_P(All, ImportMemory, ::testing::Values(true, false), [](const auto& tested) {
  return std::string(tested.param ? "RawData" : "FloatData");
});

}  // namespace
}  // namespace jb::test
