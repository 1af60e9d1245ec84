// Layers that follow each other in analog: what they compute, what they cost, what they refuse.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "models/mlp.h"
#include "tests/support/photonic_bench.h"

namespace jb {
namespace {

using photonic_test::energy_of;
using photonic_test::normal_matrix;
using photonic_test::open_device;
using photonic_test::Overrides;

/// 20-30-10 with biases that matter.
models::Mlp network() {
  models::Mlp mlp = models::build_mlp("mlp-20-30-10", 3);
  for (auto& biases : mlp.biases) {
    for (std::size_t j = 0; j < biases.size(); ++j) {
      biases[j] = 0.3F * static_cast<float>(j % 5) - 0.5F;
    }
  }
  return mlp;
}

Matrix<float> run(Device& device, const models::Mlp& mlp, const Matrix<float>& x,
                  Execution* execution = nullptr, Ledger* ledger = nullptr) {
  const GraphView graph = mlp.graph().bind(x.rows());
  const auto executable = device.compile(graph, {});
  Matrix<float> y(x.rows(), mlp.widths.back());
  Execution done = run_rows(*executable, x.view(), y.view(), Draw{});
  if (ledger != nullptr) {
    static PriceTable kept;  // rows of the ledger point into it
    kept = executable->prices();
    *ledger = price(done.activity, kept);
  }
  if (execution != nullptr) *execution = std::move(done);
  return y;
}

double difference(const Matrix<float>& y, const Matrix<float>& reference) {
  double error = 0, norm = 0;
  for (std::int64_t i = 0; i < y.size(); ++i) {
    error += std::pow(static_cast<double>(y.data()[i] - reference.data()[i]), 2);
    norm += std::pow(static_cast<double>(reference.data()[i]), 2);
  }
  return std::sqrt(error / norm);
}

// Full scale far above what occurs, so that nothing clips.
const Overrides kNoiseless = {
    {"interlayer", "analog"}, {"analog.kappa", "100"}, {"noise.shot", "false"}};

TEST(PhotonicAnalogNetwork, WithoutNoiseItIsTheNetwork) {
  const models::Mlp mlp = network();
  auto x = normal_matrix<float>(40, 20, 1);
  for (std::int64_t j = 0; j < 20; ++j) x(7, j) *= 50;  // rows of other scale, and an empty one
  for (std::int64_t j = 0; j < 20; ++j) x(8, j) *= 0.01F;
  const Matrix<float> reference = models::forward(mlp, x.view());
  for (const char* norm : {"per_vector", "per_batch"}) {
    Overrides overrides = kNoiseless;
    overrides.emplace_back("norm", norm);
    const auto device = open_device("hamerly2019-sql", overrides);
    // Float fields and charges: a few roundings of 6e-8 a layer.
    EXPECT_LT(difference(run(*device, mlp, x), reference), 3e-6) << norm;
  }
}

TEST(PhotonicAnalogNetwork, BatchesMayBeCut) {
  const models::Mlp mlp = network();
  const auto x = normal_matrix<float>(50, 20, 2);
  const auto device = open_device("photonic-2025", {{"interlayer", "analog"}});
  const auto executable = device->compile(mlp.graph().bind(50), {});
  Matrix<float> whole(50, 10), cut(50, 10);
  run_rows(*executable, x.view(), whole.view(), Draw{3, 0});
  run_rows(*executable, x.view().block(0, 0, 13, 20), cut.view().block(0, 0, 13, 10), Draw{3, 0});
  run_rows(*executable, x.view().block(13, 0, 37, 20), cut.view().block(13, 0, 37, 10),
           Draw{3, 13});
  for (std::int64_t i = 0; i < whole.size(); ++i) EXPECT_EQ(whole.data()[i], cut.data()[i]);
}

TEST(PhotonicAnalogNetwork, RectifiersAddTheirNoiseAndClip) {
  const models::Mlp mlp = network();
  const auto x = normal_matrix<float>(400, 20, 3);
  const Matrix<float> reference = models::forward(mlp, x.view());
  Overrides noisy = kNoiseless;
  noisy.emplace_back("n_mac", "1000");
  const auto error_with = [&](const char* electrons) {
    Overrides with = noisy;
    with.emplace_back("analog.noise_e", electrons);
    return difference(run(*open_device("hamerly2019-sql", with), mlp, x), reference);
  };
  EXPECT_LT(error_with("0"), 1e-5);
  // Twice the noise, twice the error while it is small: about 1 % of the 10^4 electrons of an
  // output, rectified; 4000 outputs.
  EXPECT_NEAR(error_with("200") / error_with("100"), 2, 0.1);
  Execution execution;
  run(*open_device("hamerly2019-sql", {{"interlayer", "analog"}, {"analog.kappa", "0.5"}}), mlp, x,
      &execution);
  EXPECT_TRUE(std::any_of(
      execution.lints.begin(), execution.lints.end(),
      [](const std::string& lint) { return lint.find("saturated") != std::string::npos; }));
}

TEST(PhotonicAnalogNetwork, NoConverterAndNoMemoryBetweenLayers) {
  const models::Mlp mlp = network();
  const auto x = normal_matrix<float>(40, 20, 4);
  Ledger digital, analog;
  run(*open_device("photonic-2025"), mlp, x, nullptr, &digital);
  const double digital_adc = energy_of(digital, "adc");
  const double digital_dac = energy_of(digital, "dac", "convert activation");
  Execution execution;
  const auto device =
      open_device("photonic-2025", {{"interlayer", "analog"}, {"energy.nonlinearity_J", "1e-13"}});
  run(*device, mlp, x, &execution, &analog);
  // 30 of 40 outputs a row stay analog; 20 of 50 inputs come from memory.
  EXPECT_NEAR(energy_of(analog, "adc") / digital_adc, 10.0 / 40, 1e-12);
  EXPECT_NEAR(energy_of(analog, "dac", "convert activation") / digital_dac, 20.0 / 50, 1e-12);
  EXPECT_NEAR(energy_of(analog, "dac", "inject bias"), 40 * 30 * 3.571e-12, 1e-20);
  EXPECT_NEAR(energy_of(analog, "rectifier"), 40 * 30 * 1e-13, 1e-20);
  // DRAM: inputs, all weights, outputs; a byte each.
  EXPECT_DOUBLE_EQ(analog.dram_bytes(), 40 * 20 + 20 * 30 + 30 * 10 + 40 * 10);
  EXPECT_LT(analog.total_J(), digital.total_J());
  const auto executable = device->compile(mlp.graph().bind(40), {});
  const Activity estimate = executable->estimate(mlp.graph().bind(40));
  EXPECT_EQ(estimate.rows().size(), execution.activity.rows().size());
  EXPECT_EQ(estimate.device_time_s, execution.activity.device_time_s);
}

TEST(PhotonicAnalogNetwork, RefusesWhatCannotFollowInAnalog) {
  const models::Mlp mlp = network();
  const auto compile = [&mlp](const char* preset, const Overrides& overrides) {
    const auto device = open_device(preset, overrides);
    (void)device->compile(mlp.graph().bind(4), {});
  };
  // 20 slots do not fit an integration of 10: the sum of two readouts is digital.
  EXPECT_THROW(compile("photonic-2025", {{"interlayer", "analog"}, {"array.integration", "10"}}),
               Error);
  // An undivided figure holds converters and memory.
  EXPECT_THROW(compile("hamerly2019-nearterm", {{"interlayer", "analog"}}), Error);
  EXPECT_NO_THROW(compile("photonic-2025", {{"interlayer", "analog"}}));
}

}  // namespace
}  // namespace jb
