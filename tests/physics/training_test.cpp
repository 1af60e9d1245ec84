// Do networks learn on noisy machines what they learn in float, and what does programming cost?
// MNIST: JOULEBENCH_TEST_DATA names the folder that holds mnist/.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/energy/ledger.h"
#include "models/training/backend_trainer.h"

namespace jb::models {
namespace {

struct Machine {
  const char* backend;
  const char* preset;
  std::vector<std::pair<const char*, const char*>> settings;
  bool alternating = false;
};

struct Result {
  double accuracy = 0;  ///< on the machine
  double programming_J = 0;
  double total_J = 0;
  std::int64_t steps = 0;
};

Result train_on(const Machine& machine, const Dataset& data, const std::string& name,
                OptimizerKind optimizer, double rate, std::int64_t batch, int epochs) {
  const Backend& backend = find_backend(machine.backend);
  DeviceSpec spec = load_device(backend, machine.preset);
  for (const auto& [key, value] : machine.settings) spec.set(key, value);
  const auto device = backend.open(spec, DeviceInstance{1, 0, {}});
  Mlp network = build_mlp(name, 1);
  BackendTrainOptions options;
  options.batch = batch;
  options.optimizer = optimizer;
  options.alternating = machine.alternating;
  BackendTrainer trainer(*device, network, options);
  SampleOrder order(data.train.images.rows(), 1);
  const std::int64_t count = data.train.images.rows();
  const std::int64_t steps = (count + batch - 1) / batch * epochs;
  for (int epoch = 0; epoch < epochs; ++epoch) {
    const std::vector<std::int64_t>& samples = order.shuffled(epoch);
    for (std::int64_t first = 0; first < count; first += batch) {
      const auto rows = static_cast<std::size_t>(std::min(batch, count - first));
      trainer.step(data.train, std::span(samples).subspan(static_cast<std::size_t>(first), rows),
                   scheduled_rate(ScheduleKind::cosine, rate, trainer.steps(), steps));
    }
  }
  Result result;
  const Matrix<float> logits = trainer.logits(data.test.images.view(), std::uint64_t{1} << 40U);
  result.accuracy = accuracy(argmax_rows(logits.view()), data.test.labels);
  const Ledger ledger = price(trainer.counts().activity, trainer.prices());
  result.programming_J = ledger.category_J(Category::programming, Boundary::B3);
  result.total_J = ledger.total_J();
  result.steps = steps;
  return result;
}

const Dataset& digits() {
  static const Dataset data = synthetic_digits();
  return data;
}

// The 10 dB of extinction that the preset has from the Lightening-Transformer model leave floors
// that, with the phase errors beside them, put an offset on every gradient of activations of one
// sign: with it training on MNIST falls from 84 to 50 %. Operands of alternating signs, as `train`
// sends them, keep it at 92 %, which is still five points below float: 25 dB is an assumption that
// takes the modulators out of what is tested here, no published device.
Machine photonic_at(const char* photons) {
  return {
      "photonic", "photonic-2025", {{"n_mac", photons}, {"modulator.extinction_dB", "25"}}, true};
}

// The noise of a product at 1000 photons is 1 / sqrt(0.8 1000) = 3.5 % of its rms, a tenth of what
// a batch of 64 samples leaves in a gradient anyway. Two trainings of one network differ by about
// 0.2 points on 10,000 images (seeds of the float network: 0.9772 to 0.9792); one point is what the
// project promises.
TEST(Training, PhotonicAtAThousandPhotonsStaysWithinAPointOfFloat) {
  const char* root = std::getenv("JOULEBENCH_TEST_DATA");
  if (root == nullptr || !std::filesystem::is_directory(std::filesystem::path(root) / "mnist")) {
    GTEST_SKIP() << "no MNIST: set JOULEBENCH_TEST_DATA to the folder that holds mnist/";
  }
  const Dataset data = load_dataset("mnist", std::filesystem::path(root) / "mnist");
  const std::string name = "mlp-784-100-10";
  TrainOptions options;
  options.epochs = 2;
  Mlp host = build_mlp(name, 1);
  train(host, data.train, options);
  const double in_float =
      accuracy(argmax_rows(forward(host, data.test.images.view()).view()), data.test.labels);
  const Result photonic = train_on(photonic_at("1000"), data, name, OptimizerKind::adam,
                                   options.learning_rate, options.batch, options.epochs);
  EXPECT_GT(in_float, 0.95);
  EXPECT_GT(photonic.accuracy, in_float - 0.01);
  EXPECT_EQ(photonic.programming_J, 0);  // operands are sent anew
}

// A weight gradient sums over the 64 samples of a batch alone. At 50 photons a MAC that is 0.8 x 50
// x 64 = 2,560 electrons a readout against 402 of kTC noise (1 pF), which no scaling can mend: the
// machine still learns, far less.
TEST(Training, FewerPhotonsLearnLess) {
  const auto at = [](const char* photons) {
    return train_on(photonic_at(photons), digits(), "mlp-784-30-10", OptimizerKind::adam, 2e-3, 64,
                    1)
        .accuracy;
  };
  const double many = at("1000");
  const double few = at("50");
  EXPECT_GT(many, 0.85);
  EXPECT_LT(few, many - 0.3);
  EXPECT_GT(few, 0.15);  // chance is 0.1
}

// Phase-change cells are written anew at every step: four devices a weight at 2 nJ, and again for
// the operand of each weight gradient. Their errors (about 3 % of the largest weight, drawn at
// every step) and 8-bit converters leave most of the learning; programming is most of the energy.
TEST(Training, PhaseChangeCrossbarLearnsAndPaysForProgramming) {
  const Result crossbar = train_on({"crossbar", "pcm-hermes", {}}, digits(), "mlp-784-30-10",
                                   OptimizerKind::adam, 2e-3, 64, 1);
  const Result ideal = train_on({"photonic", "ideal", {}}, digits(), "mlp-784-30-10",
                                OptimizerKind::adam, 2e-3, 64, 1);
  EXPECT_GT(crossbar.accuracy, ideal.accuracy - 0.10);
  EXPECT_LT(crossbar.accuracy, ideal.accuracy + 0.02);
  const double weights = 784 * 30 + 30 * 10;
  // Each of the 156 full batches loads 64 x (30 + 10) gradients, the last one 16 x (30 + 10).
  const double values = static_cast<double>(crossbar.steps) * weights + 10000.0 * (30 + 10);
  EXPECT_NEAR(crossbar.programming_J, values * 4 * 2e-9, 1e-9 * crossbar.programming_J);
  EXPECT_GT(crossbar.programming_J, 0.5 * crossbar.total_J);
}

// Pulses of 1/1200 of the range with 30 % spread, plain SGD, no digital copy of the weights.
TEST(Training, OuterProductUpdatesLearnInPlace) {
  const Result rpu = train_on({"crossbar", "rpu-2016", {}}, digits(), "mlp-784-30-10",
                              OptimizerKind::sgd, 0.1, 32, 1);
  const Result ideal = train_on({"photonic", "ideal", {}}, digits(), "mlp-784-30-10",
                                OptimizerKind::sgd, 0.1, 32, 1);
  EXPECT_GT(rpu.accuracy, ideal.accuracy - 0.05);
  // One update of each of two arrays per sample, 2 x 4096^2 ops at 84,000 GigaOps/s/W.
  EXPECT_NEAR(rpu.programming_J, 10000.0 * 2 * 3.995e-7, 1e-9 * rpu.programming_J);
}

}  // namespace
}  // namespace jb::models
