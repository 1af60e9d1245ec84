// Accuracy of a perceptron over a year of drift, with and without compensation, against ten chips
// of aihwkit 1.1 (crossbar/mnist_mlp_drift.json, network `plain`: 784-256-10, float activations and
// biases, one pair per weight).
//
// 50 chips of three kinds at six ages are 1.8 TMAC, 90 seconds of a core: by default one kind is
// run at three ages, with JOULEBENCH_FULL_TESTS set all of them (the full tier).

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "backends/core/json_file.h"
#include "backends/crossbar/plan.h"
#include "models/dataset.h"
#include "models/mlp.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

constexpr std::int64_t kInputs = 784;
constexpr std::int64_t kHidden = 256;
constexpr std::int64_t kClasses = 10;
constexpr std::uint32_t kInstances = 50;

struct Layer {
  Matrix<float> weights;  // inputs x outputs
  std::vector<float> bias;
};
struct Network {
  Layer first, second;
};

/// Little-endian float32: W1[256][784], b1, W2[10][256], b2.
Network read_network(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const auto read = [&stream](std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    stream.read(reinterpret_cast<char*>(values.data()),
                static_cast<std::streamsize>(values.size() * sizeof(float)));
    return values;
  };
  const auto layer = [&read](std::int64_t inputs, std::int64_t outputs) {
    const std::vector<float> values = read(inputs * outputs);
    Layer out;
    out.weights = Matrix<float>(inputs, outputs);
    for (std::int64_t o = 0; o < outputs; ++o) {
      for (std::int64_t i = 0; i < inputs; ++i) {
        out.weights(i, o) = values[static_cast<std::size_t>(o * inputs + i)];
      }
    }
    out.bias = read(outputs);
    return out;
  };
  Network network;
  network.first = layer(kInputs, kHidden);
  network.second = layer(kHidden, kClasses);
  EXPECT_TRUE(stream.good());
  return network;
}

/// y = factor y + b, and its positive part when `rectify`.
void add_bias(Matrix<float>& y, double factor, const std::vector<float>& bias, bool rectify) {
  for (std::int64_t i = 0; i < y.rows(); ++i) {
    for (std::int64_t j = 0; j < y.cols(); ++j) {
      const float v = static_cast<float>(factor) * y(i, j) + bias[static_cast<std::size_t>(j)];
      y(i, j) = rectify ? std::max(v, 0.0F) : v;
    }
  }
}

/// Two layers on one machine.
class Chip {
 public:
  Chip(const char* cell, std::uint32_t instance, const Network& network,
       const models::LabelledImages& test)
      : network_(network),
        test_(test),
        device_(crossbar_device("pcm-hermes",
                                {{"cell.model", cell},
                                 {"dac.bits", "0"},
                                 {"adc.bits", "0"},
                                 {"tile.count", "0"},
                                 {"tile.rows", "0"},
                                 {"tile.cols", "0"}},
                                {.seed = 11, .instance = instance})),
        first_(make_plan(*device_, 1, network.first.weights, OperandMode::stationary, 1)),
        second_(make_plan(*device_, 1, network.second.weights, OperandMode::stationary, 2)) {}

  /// Accuracy in percent without and with global drift compensation, at an age. The compensation
  /// is one factor per layer: the first layer's products serve both.
  std::pair<double, double> accuracy_at(double age_s) {
    device_->set_epoch({.age_s = age_s});
    const Matrix<float> products = run(*first_, test_.images, kHidden);
    const double before[2] = {factor(*first_), factor(*second_)};
    (void)device_->calibrate("gdc");
    const double after[2] = {factor(*first_), factor(*second_)};
    // The first layer ran under the factor of the last calibration; the second one runs under the
    // present one, which is divided out for the run without.
    return {accuracy_with(products, 1.0 / before[0], 1.0 / after[1]),
            accuracy_with(products, after[0] / before[0], 1.0)};
  }

 private:
  static double factor(const Plan& plan) {
    return dynamic_cast<const crossbar::CrossbarPlan&>(plan).factor();
  }
  double accuracy_with(const Matrix<float>& products, double first, double second) {
    Matrix<float> hidden = products;
    add_bias(hidden, first, network_.first.bias, true);
    Matrix<float> logits = run(*second_, hidden, kClasses);
    add_bias(logits, second, network_.second.bias, false);
    return 100 * models::accuracy(models::argmax_rows(logits.view()), test_.labels);
  }

  const Network& network_;
  const models::LabelledImages& test_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Plan> first_, second_;
};

struct Statistics {
  double sum = 0;
  double squares = 0;
  void add(double x) {
    sum += x;
    squares += x * x;
  }
  [[nodiscard]] double mean() const { return sum / kInstances; }
  [[nodiscard]] double variance() const {
    return std::max(0.0, squares / kInstances - mean() * mean());
  }
};

TEST(CrossbarMnistDrift, PlainNetworkAgesAsPublished) {
  const char* root = std::getenv("JOULEBENCH_TEST_DATA");
  if (root == nullptr) GTEST_SKIP() << "JOULEBENCH_TEST_DATA is not set";
  const std::filesystem::path folder = std::filesystem::path(root) / "crossbar";
  const Json file = read_json_file(folder / "mnist_mlp_drift.json");
  const Json& plain = file.at("nets").at("plain");
  const Network network = read_network(folder / "mlp_plain.f32");
  const models::Dataset data = models::load_dataset("mnist", std::filesystem::path(root) / "mnist");
  const bool all = std::getenv("JOULEBENCH_FULL_TESTS") != nullptr;
  std::vector<std::pair<const char*, double>> ages = {
      {"0s", 0}, {"1day", 86400}, {"1year", 31536000}};
  if (all) ages.insert(ages.end(), {{"1s", 1}, {"1h", 3600}, {"30days", 2592000}});
  std::vector<std::pair<const char*, const char*>> models = {{"Hermes_2dev", "pcm-hermes-2dev"}};
  if (all)
    models.insert(models.end(), {{"PCMLike", "pcm-like"}, {"Hermes_1dev", "pcm-hermes-1dev"}});
  for (const auto& [published, cell] : models) {
    std::vector<std::array<Statistics, 2>> seen(ages.size());
    for (std::uint32_t instance = 0; instance < kInstances; ++instance) {
      Chip chip(cell, instance, network, data.test);
      for (std::size_t a = 0; a < ages.size(); ++a) {
        const auto [none, gdc] = chip.accuracy_at(ages[a].second);
        seen[a][0].add(none);
        seen[a][1].add(gdc);
      }
    }
    for (std::size_t a = 0; a < ages.size(); ++a) {
      for (const std::size_t method : {std::size_t{0}, std::size_t{1}}) {
        const Json& expected =
            plain.at("models").at(published).at(ages[a].first).at(method == 0 ? "none" : "gdc");
        const double mean = expected.at(0).get<double>();
        const double std = expected.at(1).get<double>();
        // Of the task: 0.1 points and three standard errors, of ten chips there and 50 here.
        const double error =
            0.1 + 3 * std::sqrt(std * std / 10 + seen[a][method].variance() / kInstances);
        RecordProperty(
            fmt::format("{}_{}_{}", published, ages[a].first, method == 0 ? "none" : "gdc"),
            fmt::format("{:.3f} +- {:.3f}, published {:.3f}, within {:.3f}", seen[a][method].mean(),
                        std::sqrt(seen[a][method].variance()), mean, error));
        EXPECT_NEAR(seen[a][method].mean(), mean, error)
            << published << " after " << ages[a].first << (method == 0 ? ", none" : ", gdc");
      }
    }
  }
}

}  // namespace
}  // namespace jb::test
