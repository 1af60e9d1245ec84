// joulebench infer with a meter.

#include <gtest/gtest.h>

#include "tests/support/metered_program.h"
#include "tests/support/npy_bytes.h"
#include "tests/support/onnx_model.h"

namespace jb::test {
namespace {

using nlohmann::json;
using MeteredInference = MeteredProgram;

/// y = relu(x W + b), 256 x 256.
OnnxModel layer() {
  OnnxModel model;
  model.input("x", {64, 256})
      .floats("w", {256, 256}, std::vector<float>(256 * 256, 0.01F))
      .floats("b", {256}, std::vector<float>(256, -1.0F));
  model.node("Gemm", "product", {"x", "w", "b"}, {"h"});
  model.node("Relu", "rectify", {"h"}, {"y"});
  model.output("y");
  return model;
}

TEST_F(MeteredInference, TheModelIsRunForWholeWindows) {
  make_machine();
  layer().save((folder_.path() / "model.onnx").string());
  write_file(folder_.path() / "x.npy",
             npy_bytes<float>(64, 256, std::vector<float>(64 * 256, 0.5F)));
  const CommandResult run =
      command({"infer", "model.onnx", "--input", "x.npy", "--backend", "reference", "--window",
               "0.6", "--windows", "3", "--idle", "0.5", "--warmup", "0.8", "--require-energy",
               "measured", "--json"});
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const json record = json_lines(run.out).at(0);
  ASSERT_EQ(record.at("status"), "ok") << record.at("reason");
  const json& gross = record.at("quantities").at("measured_energy_B3_J_per_mac");
  EXPECT_EQ(gross.at("provenance"), "measured");
  const json& energy = record.at("measurement").at("energy");
  const double late_J = 2 * machine_->longest_step_s() * kBusy_W;
  for (std::size_t i = 0; i < 3; ++i) {
    const json& window = energy.at("windows").at(i);
    const double from = window.at("start_unix_s");
    EXPECT_GT(window.at("executions").get<double>(), 1);
    EXPECT_NEAR(energy.at("meters").at(0).at("joules").at(i).get<double>(),
                machine_->joules_between(from, from + window.at("seconds").get<double>()), late_J);
  }
}

TEST_F(MeteredInference, WithoutAMeterItExitsFour) {
  layer().save((folder_.path() / "model.onnx").string());
  write_file(folder_.path() / "x.npy",
             npy_bytes<float>(64, 256, std::vector<float>(64 * 256, 0.5F)));
  const CommandResult run = command({"infer", "model.onnx", "--input", "x.npy", "--backend",
                                     "reference", "--require-energy", "measured"});
  EXPECT_EQ(run.exit_code, 4);
  EXPECT_NE(run.err.find("reference: no meter for its processor"), std::string::npos) << run.err;
}

}  // namespace
}  // namespace jb::test
