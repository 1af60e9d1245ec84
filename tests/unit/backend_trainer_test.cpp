// Is every gradient of training on a device the gradient, is each product counted where it belongs,
// and does noise differ from step to step and only there?

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/core/error.h"
#include "backends/core/threads.h"
#include "backends/energy/ledger.h"
#include "models/training/backend_trainer.h"
#include "tests/support/learnable_images.h"

namespace jb::models {
namespace {

using test::learnable_images;

std::unique_ptr<Device> open(const std::string& id, const std::string& preset,
                             std::uint64_t seed = 1) {
  const Backend& backend = find_backend(id);
  return backend.open(load_device(backend, preset), DeviceInstance{seed, 0, {}});
}

std::vector<std::int64_t> all_samples(const LabelledImages& data) {
  SampleOrder order(data.images.rows(), 0);
  return order.shuffled(0);
}

BackendTrainOptions options_of(OptimizerKind optimizer, std::int64_t batch) {
  BackendTrainOptions options;
  options.optimizer = optimizer;
  options.batch = batch;
  return options;
}

/// Epochs of training on a device, as the host trainer runs them.
Mlp trained_on(Device& device, const std::string& name, const LabelledImages& data,
               const TrainOptions& options, bool noise_aware = false) {
  Mlp network = build_mlp(name, 1);
  BackendTrainOptions on = options_of(OptimizerKind::adam, options.batch);
  on.noise_aware = noise_aware;
  BackendTrainer trainer(device, network, on);
  SampleOrder order(data.images.rows(), options.seed);
  const std::int64_t count = data.images.rows();
  const std::int64_t steps = (count + options.batch - 1) / options.batch * options.epochs;
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const std::vector<std::int64_t>& samples = order.shuffled(epoch);
    for (std::int64_t first = 0; first < count; first += options.batch) {
      const auto rows = static_cast<std::size_t>(std::min(options.batch, count - first));
      const double rate =
          scheduled_rate(ScheduleKind::cosine, options.learning_rate, trainer.steps(), steps);
      trainer.step(data, std::span(samples).subspan(static_cast<std::size_t>(first), rows), rate);
    }
  }
  return network;
}

double largest_difference(const Mlp& a, const Mlp& b) {
  double largest = 0;
  for (std::size_t l = 0; l < a.weights.size(); ++l) {
    for (std::int64_t i = 0; i < a.weights[l].size(); ++i) {
      largest = std::max(largest, std::abs(static_cast<double>(a.weights[l].data()[i]) -
                                           static_cast<double>(b.weights[l].data()[i])));
    }
    for (std::size_t j = 0; j < a.biases[l].size(); ++j) {
      largest = std::max(largest, std::abs(static_cast<double>(a.biases[l][j]) -
                                           static_cast<double>(b.biases[l][j])));
    }
  }
  return largest;
}

/// Mean cross-entropy in double with plain loops.
double loss_f64(const Mlp& network, const LabelledImages& data) {
  double total = 0;
  for (std::int64_t s = 0; s < data.images.rows(); ++s) {
    std::vector<double> x;
    for (std::int64_t j = 0; j < data.images.cols(); ++j) {
      x.push_back(static_cast<double>(data.images(s, j)));
    }
    for (std::size_t l = 0; l < network.weights.size(); ++l) {
      const Matrix<float>& w = network.weights[l];
      std::vector<double> y(network.biases[l].begin(), network.biases[l].end());
      for (std::int64_t i = 0; i < w.rows(); ++i) {
        for (std::int64_t j = 0; j < w.cols(); ++j) {
          y[static_cast<std::size_t>(j)] +=
              x[static_cast<std::size_t>(i)] * static_cast<double>(w(i, j));
        }
      }
      if (l + 1 < network.weights.size()) {
        for (double& v : y) v = std::max(v, 0.0);
      }
      x = y;
    }
    double sum = 0;
    for (const double logit : x) sum += std::exp(logit);
    total += std::log(sum) - x[data.labels[static_cast<std::size_t>(s)]];
  }
  return total / static_cast<double>(data.images.rows());
}

// Plain SGD with rate 1 moves a parameter by minus its gradient, which central differences of the
// float64 loss give too: (L(w + h) - L(w - h)) / 2h with an error of h^2 times the third derivative
// (of order 1 here: h^2 = 1e-8), plus 2^-52 / h = 2e-12; a parameter in float is moved by h to
// 2^-24, relative 6e-8 / h = 6e-4 of the gradient. The float gradient is good to 1e-5 of the
// largest.
TEST(BackendTrainer, StepIsTheGradientByFiniteDifferences) {
  const LabelledImages data = learnable_images(30, 7, 4);
  const Mlp start = build_mlp("mlp-7-9-6-4", 3);
  const std::vector<std::int64_t> samples = all_samples(data);
  for (const char* id : {"reference", "onednn", "systolic", "crossbar", "photonic"}) {
    const Backend& backend = find_backend(id);
    if (!backend.available()) continue;
    const auto device = open(id, backend.info().ideal_device.empty() ? backend.info().default_device
                                                                     : backend.info().ideal_device);
    Mlp moved = start;
    BackendTrainer trainer(*device, moved, options_of(OptimizerKind::sgd, 30));
    const double loss = trainer.step(data, samples, 1.0);
    EXPECT_NEAR(loss, loss_f64(start, data), 1e-5) << id;
    double largest = 0;
    for (std::size_t l = 0; l < start.weights.size(); ++l) {
      for (std::int64_t i = 0; i < start.weights[l].size(); i += 3) {
        Mlp shifted = start;
        float& w = shifted.weights[l].data()[i];
        const float middle = w;
        w = middle + 1e-4F;
        const auto up = static_cast<double>(w);
        const double above = loss_f64(shifted, data);
        w = middle - 1e-4F;
        const double gradient = (above - loss_f64(shifted, data)) / (up - static_cast<double>(w));
        const double change =
            static_cast<double>(moved.weights[l].data()[i]) - static_cast<double>(middle);
        EXPECT_NEAR(-change, gradient, 2e-6 + 1e-4 * std::abs(gradient))
            << id << " layer " << l << " element " << i;
        largest = std::max(largest, std::abs(gradient));
      }
    }
    EXPECT_GT(largest, 0.05) << "the comparison is of something";
  }
}

// Ideal machines multiply with the routine that the host trainer multiplies with, scaling by powers
// of two is exact, and the change of a float is an exact double: the same bytes.
TEST(BackendTrainer, IdealPhotonicMachineEqualsTheFloatTrainer) {
  const LabelledImages data = learnable_images(150, 20, 5);
  TrainOptions options;
  options.epochs = 4;
  options.batch = 32;
  options.learning_rate = 5e-3;
  Mlp host = build_mlp("mlp-20-12-5", 1);
  train(host, data, options);
  for (const bool noise_aware : {false, true}) {
    const auto device = open("photonic", "ideal");
    const Mlp there = trained_on(*device, "mlp-20-12-5", data, options, noise_aware);
    EXPECT_EQ(largest_difference(host, there), 0) << noise_aware;
  }
  // Others round differently: float64 sums (reference, systolic), weights as parts of the largest
  // (crossbar), other orders of sums (onednn). A step of Adam moves a parameter by about the rate
  // whatever its gradient, so a relative error of 1e-6 of gradients that may cancel to a few
  // thousandths shifts each of the 20 steps by about a thousandth of the rate.
  for (const char* id : {"reference", "onednn", "systolic", "crossbar"}) {
    const Backend& backend = find_backend(id);
    if (!backend.available()) continue;
    const auto device = open(id, backend.info().ideal_device.empty() ? backend.info().default_device
                                                                     : backend.info().ideal_device);
    const Mlp there = trained_on(*device, "mlp-20-12-5", data, options);
    EXPECT_LT(largest_difference(host, there), 20 * 5e-3 * 1e-3) << id;
  }
}

// With random operands every product differs by its noise: two trainings with one seed give the
// same bytes on any number of threads, and another seed, another step or another orientation other
// noise.
TEST(BackendTrainer, NoiseBelongsToSeedStepAndOrientation) {
  const LabelledImages data = learnable_images(64, 20, 5);
  TrainOptions options;
  options.epochs = 2;
  options.batch = 32;
  const int before = thread_count();
  for (const auto& [id, preset] : {std::pair<const char*, const char*>{"photonic", "photonic-2025"},
                                   std::pair<const char*, const char*>{"crossbar", "pcm-hermes"}}) {
    std::vector<Mlp> results;
    for (const int threads : {1, 2}) {
      set_thread_count(threads);
      const auto device = open(id, preset);
      results.push_back(trained_on(*device, "mlp-20-12-5", data, options));
    }
    EXPECT_EQ(largest_difference(results[0], results[1]), 0) << id;
    const auto other = open(id, preset, 2);
    EXPECT_GT(largest_difference(results[0], trained_on(*other, "mlp-20-12-5", data, options)),
              1e-5)
        << id;
  }
  set_thread_count(before);
  // A rate of zero keeps the parameters: what differs between the losses is noise.
  const auto device = open("photonic", "photonic-2025");
  Mlp network = build_mlp("mlp-20-12-5", 1);
  BackendTrainer trainer(*device, network, options_of(OptimizerKind::sgd, 64));
  const std::vector<std::int64_t> samples = all_samples(data);
  const double first = trainer.step(data, samples, 0);
  EXPECT_NE(first, trainer.step(data, samples, 0));
  EXPECT_EQ(largest_difference(network, build_mlp("mlp-20-12-5", 1)), 0);
}

// Counts of a step: m k n for each product that is needed (no input gradient of the first layer),
// each under its own layer and orientation.
TEST(BackendTrainer, CountsEveryOrientationUnderItsOwnName) {
  const LabelledImages data = learnable_images(50, 20, 5);
  const auto device = open("photonic", "photonic-2025");
  Mlp network = build_mlp("mlp-20-12-5", 1);
  BackendTrainer trainer(*device, network, options_of(OptimizerKind::adam, 50));
  trainer.step(data, all_samples(data), 1e-3);
  const TrainingCounts& counts = trainer.counts();
  const double forward = 50.0 * (20 * 12 + 12 * 5);
  EXPECT_EQ(counts.macs[0], forward);
  EXPECT_EQ(counts.macs[1], 50.0 * 12 * 5);
  EXPECT_EQ(counts.macs[2], forward);
  EXPECT_EQ(counts.macs[3], 0);
  const Ledger ledger = price(counts.activity, trainer.prices());
  std::vector<double> joules(trainer.layer_names().size());
  for (const LedgerRow& row : ledger.rows()) {
    ASSERT_GE(row.layer, 1U);
    joules.at(row.layer - 1) += row.energy_J;
  }
  for (std::size_t i = 0; i < joules.size(); ++i) {
    if (trainer.layer_names()[i] == "fc1/input-gradient") {
      EXPECT_EQ(joules[i], 0);
    } else {
      EXPECT_GT(joules[i], 0) << trainer.layer_names()[i];
    }
  }
}

// Loading a product's operand is paid at every step where machines must program; the operand with
// fewer values is the one loaded. 2 cells of 2 devices a value.
TEST(BackendTrainer, CrossbarPaysProgrammingForGradientsAndUpdates) {
  const LabelledImages data = learnable_images(50, 20, 5);
  const auto device = open("crossbar", "pcm-hermes");
  Mlp network = build_mlp("mlp-20-12-5", 1);
  BackendTrainer trainer(*device, network, options_of(OptimizerKind::sgd, 50));
  trainer.step(data, all_samples(data), 0.1);
  std::vector<double> programmed(trainer.layer_names().size());
  const Ledger ledger = price(trainer.counts().activity, trainer.prices());
  for (const LedgerRow& row : ledger.rows()) {
    if (row.price->category == Category::programming) programmed.at(row.layer - 1) += row.count;
  }
  const std::vector<double> expected = {0, 0, 4.0 * 50 * 12, 4.0 * 20 * 12,  // fc1
                                        0, 0, 4.0 * 50 * 5,  4.0 * 12 * 5};  // fc2
  EXPECT_EQ(programmed, expected);
}

TEST(Balance, IsUndoneExactlyAndSpreadsTheRange) {
  const std::int64_t m = 40;
  const RandomStream stream(5, 0, tag_of("test.balance"), 0);
  Matrix<float> x(m, 9);
  Matrix<float> d(m, 6);
  for (std::int64_t s = 0; s < m; ++s) {
    // Gradients of samples span six decades, as those of a trained classifier do.
    const float size = std::pow(10.0F, -6 * stream.uniform(s, 0, 1));
    for (std::int64_t i = 0; i < 9; ++i) x(s, i) = i == 4 ? 0 : stream.uniform(s, i, 2);
    for (std::int64_t j = 0; j < 6; ++j) d(s, j) = size * stream.normal(s, j, 3);
  }
  Matrix<float> plain(9, 6);
  gemm<float>(std::as_const(x).view().transposed(), std::as_const(d).view(), plain.view());
  const BalancedProduct product = balance(std::as_const(x).view(), std::as_const(d).view(), true);
  Matrix<float> balanced(9, 6);
  gemm<float>(product.a.view(), product.b.view(), balanced.view());
  undo_balance(product, balanced.view());
  EXPECT_EQ(std::memcmp(plain.data(), balanced.data(), sizeof(float) * 54), 0);

  // What shot noise goes by, ||X|| ||D||, falls towards its bound sum_s ||X_s|| ||D_s||.
  const auto squares = [](MatrixView<const float> v) {
    double sum = 0;
    for (std::int64_t i = 0; i < v.rows; ++i) {
      for (std::int64_t j = 0; j < v.cols; ++j) {
        sum += static_cast<double>(v(i, j)) * static_cast<double>(v(i, j));
      }
    }
    return sum;
  };
  double bound = 0;
  for (std::int64_t s = 0; s < m; ++s) {
    bound += std::sqrt(squares(std::as_const(x).view().block(s, 0, 1, 9)) *
                       squares(std::as_const(d).view().block(s, 0, 1, 6)));
  }
  double by_rows = 0;
  double by_columns = 0;
  for (std::int64_t i = 0; i < 9; ++i) {
    const double factor = static_cast<double>(product.row_factor[static_cast<std::size_t>(i)]);
    by_rows += factor * factor * squares(product.a.view().block(i, 0, 1, m));
  }
  for (std::int64_t j = 0; j < 6; ++j) {
    const double factor = static_cast<double>(product.col_factor[static_cast<std::size_t>(j)]);
    by_columns += factor * factor * squares(product.b.view().block(0, j, m, 1));
  }
  const double before =
      std::sqrt(squares(std::as_const(x).view()) * squares(std::as_const(d).view()));
  const double after = std::sqrt(by_rows * by_columns);
  // Factors stand at whole powers of two, at most sqrt(2) from the best.
  EXPECT_LT(after, bound * std::sqrt(2.0));
  EXPECT_GE(after, bound * (1 - 1e-6));
  EXPECT_GT(before, 1.5 * after);
  // Every line of both operands fills the upper half of its range; the row of zeros stays.
  for (std::int64_t i = 0; i < 9; ++i) {
    float largest = 0;
    for (std::int64_t s = 0; s < m; ++s) largest = std::max(largest, std::abs(product.a(i, s)));
    if (i == 4) {
      EXPECT_EQ(largest, 0);
    } else {
      EXPECT_GE(largest, 0.5F);
      EXPECT_LT(largest, 1.0F);
    }
  }
}

TEST(Optimizer, FollowsItsEquations) {
  // Constant gradient g: SGD goes -rate g a step; momentum -rate g (1 - mu^t) / (1 - mu) in step t;
  // Adam -rate in every step (both moments corrected are g and g^2).
  const std::vector<float> gradient = {0.5F};
  for (const auto kind : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::adam}) {
    Optimizer optimizer(kind, 0.9, 1);
    std::vector<float> p = {1.0F};
    double expected = 1;
    for (int t = 1; t <= 30; ++t) {
      optimizer.step(p, gradient, 0.01, t);
      if (kind == OptimizerKind::sgd) expected -= 0.01 * 0.5;
      if (kind == OptimizerKind::momentum) expected -= 0.01 * 0.5 * (1 - std::pow(0.9, t)) / 0.1;
      if (kind == OptimizerKind::adam) expected -= 0.01;
      // Each step rounds to 2^-24 of about 1, and Adam's moments to a few 2^-24 of themselves.
      EXPECT_NEAR(static_cast<double>(p[0]), expected, 1e-6 * t) << name_of(kind) << " step " << t;
    }
  }
}

}  // namespace
}  // namespace jb::models
