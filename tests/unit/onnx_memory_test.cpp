// What a model takes at its peak, in bytes of its file: read straight into tensors 1.3 (the project
// promises that), with plans of all its layers 2.3 where a plan is another copy of the weights. A
// simulator's plan takes more; `infer` makes one at a time.

#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "harness/inference.h"
#include "models/onnx/onnx.h"
#include "tests/support/onnx_model.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

constexpr std::int64_t kRows = 2048;
constexpr std::int64_t kLayers = 8;  // of 16 MB each

/// A line of /proc/self/status in bytes: "VmRSS", or "VmHWM", its largest value so far.
double status_bytes(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(key + ":", 0) == 0) return std::stod(line.substr(key.size() + 1)) * 1024;
  }
  return 0;
}

/// A chain of products whose weights make up the file.
class ModelFile {
 public:
  explicit ModelFile(bool raw) : path_(folder_.path() / "model.onnx") {
    // Each output is the mean of the inputs: values stay what they are.
    const std::vector<float> weights(kRows * kRows, 1.0F / static_cast<float>(kRows));
    OnnxModel model;
    model.input("h0", {1, kRows});
    for (std::int64_t i = 0; i < kLayers; ++i) {
      const std::string w = "w" + std::to_string(i);
      ::onnx::TensorProto& tensor = model.initializer(w, {kRows, kRows});
      if (raw) {
        tensor.set_raw_data(weights.data(), weights.size() * sizeof(float));
      } else {
        tensor.mutable_float_data()->Add(weights.begin(), weights.end());
      }
      model.node("MatMul", "m" + std::to_string(i), {"h" + std::to_string(i), w},
                 {"h" + std::to_string(i + 1)});
    }
    model.output("h" + std::to_string(kLayers));
    std::ofstream file(path_, std::ios::binary);
    model.proto.SerializeToOstream(&file);
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] double bytes() const {
    return static_cast<double>(std::filesystem::file_size(path_));
  }

 private:
  TempFolder folder_;
  std::filesystem::path path_;
};

/// Largest memory that `call` takes beyond what there was, in bytes of the model's file.
template <class F>
double peak_over_file(const ModelFile& model, F&& call) {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";  // the peak starts anew (proc(5))
  const double before = status_bytes("VmRSS");
  EXPECT_LT(status_bytes("VmHWM") - before, 0.1 * model.bytes()) << "the peak cannot be reset here";
  call();
  const double peak = (status_bytes("VmHWM") - before) / model.bytes();
  ::testing::Test::RecordProperty("peak_over_file", std::to_string(peak));
  std::printf("peak over file: %.2f\n", peak);
  return peak;
}

std::vector<Tensor> ones() {
  const std::vector<float> values(kRows, 1.0F);
  return {Tensor::of<float>({1, kRows}, values)};
}

class ImportMemory : public ::testing::TestWithParam<bool> {};

TEST_P(ImportMemory, PeaksBelow130PercentOfTheFile) {
  const ModelFile model(GetParam());
  const double peak = peak_over_file(model, [&] {
    const models::Graph graph = models::load_onnx(model.path());
    EXPECT_EQ(graph.nodes().size(), static_cast<std::size_t>(kLayers));
  });
  EXPECT_LT(peak, 1.3);
}

INSTANTIATE_TEST_SUITE_P(All, ImportMemory, ::testing::Values(true, false), [](const auto& tested) {
  return std::string(tested.param ? "RawData" : "FloatData");
});

struct Planned {
  const char* backend;
  double most;  ///< file sizes
};

class PlanMemory : public ::testing::TestWithParam<Planned> {};

TEST_P(PlanMemory, PeaksBelowTwoCopiesAndALayer) {
  const Backend& backend = find_backend(GetParam().backend);
  if (const Support here = backend.available(); !here) GTEST_SKIP() << here.reason;
  const ModelFile model(true);
  const double peak = peak_over_file(model, [&] {
    const models::Graph graph = models::load_onnx(model.path());
    const auto device = backend.open(load_device(backend, backend.info().default_device), {});
    CompileOptions options;
    options.precision = backend.info().precisions.front();
    const auto executable = device->compile(graph.bind(1), options);
    std::vector<Tensor> outputs;
    executable->run(ones(), outputs, Draw{}, nullptr);
    EXPECT_EQ(outputs.at(0).dims(), (Dims{1, kRows}));
  });
  EXPECT_LT(peak, GetParam().most);
}

// Simulators hold their weights in f32 and as codes of a byte, 1.25 of the file, and make a layer's
// codes from float64: a quarter of this file for the weights and one for the codes, twice where the
// allocator keeps those of the layer before.
INSTANTIATE_TEST_SUITE_P(All, PlanMemory,
                         ::testing::Values(Planned{"reference", 2.3}, Planned{"onednn", 2.3},
                                           Planned{"systolic", 3.3}, Planned{"photonic", 3.3}),
                         [](const auto& tested) { return std::string(tested.param.backend); });

class InferMemory : public ::testing::TestWithParam<const char*> {};

// Plans of one layer at a time: an eighth of the weights, beside those that stay on the machine
// (one layer of pcm-hermes' 64 tiles). A crossbar's take 28 bytes a weight, 7 times the file's: 1 +
// 2 x 7/8, and up to a quarter twice while a layer is programmed and laid out.
TEST_P(InferMemory, HoldsThePlansOfOneLayer) {
  const ModelFile model(true);
  harness::PointSpec point;
  point.backend = GetParam();
  const double peak = peak_over_file(model, [&] {
    harness::InferenceMachine machine(point);
    const harness::Inference result = machine.run(model.path(), ones(), false);
    EXPECT_EQ(result.outputs.at(0).dims(), (Dims{1, kRows}));
  });
  EXPECT_LT(peak, std::string(GetParam()) == "crossbar" ? 3.5 : 2.3);
}

INSTANTIATE_TEST_SUITE_P(All, InferMemory,
                         ::testing::Values("reference", "onednn", "systolic", "crossbar",
                                           "photonic"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace jb::test
