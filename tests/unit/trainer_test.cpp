// Does the trainer follow its equations, and give the same bytes for any number of threads?

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/random.h"
#include "backends/core/threads.h"
#include "models/mlp.h"
#include "tests/support/learnable_images.h"

namespace jb::models {
namespace {

using test::learnable_images;

/// The same training in double with plain loops and the textbook form of every equation.
struct Reference {
  using Table = std::vector<std::vector<double>>;
  std::vector<Table> w;              // [layer][input][output], the last input is the bias's 1
  std::vector<Table> first, second;  // Adam's moments

  explicit Reference(const Mlp& network) {
    for (std::size_t l = 0; l < network.weights.size(); ++l) {
      const Matrix<float>& m = network.weights[l];
      Table table(static_cast<std::size_t>(m.rows() + 1),
                  std::vector<double>(static_cast<std::size_t>(m.cols())));
      for (std::int64_t i = 0; i < m.rows(); ++i) {
        for (std::int64_t j = 0; j < m.cols(); ++j) {
          table[static_cast<std::size_t>(i)][static_cast<std::size_t>(j)] =
              static_cast<double>(m(i, j));
        }
      }
      w.push_back(table);
      for (auto& row : table) std::fill(row.begin(), row.end(), 0.0);
      first.push_back(table);
      second.push_back(table);
    }
  }

  /// Gradient of the mean cross-entropy over all samples.
  [[nodiscard]] std::vector<Table> gradient(const LabelledImages& data) const {
    std::vector<Table> g = first;
    for (auto& table : g) {
      for (auto& row : table) std::fill(row.begin(), row.end(), 0.0);
    }
    const auto count = static_cast<double>(data.images.rows());
    for (std::int64_t s = 0; s < data.images.rows(); ++s) {
      std::vector<std::vector<double>> x(1);
      for (std::int64_t j = 0; j < data.images.cols(); ++j) {
        x[0].push_back(static_cast<double>(data.images(s, j)));
      }
      for (std::size_t l = 0; l < w.size(); ++l) {
        x[l].push_back(1);
        std::vector<double> y(w[l][0].size(), 0.0);
        for (std::size_t i = 0; i < w[l].size(); ++i) {
          for (std::size_t j = 0; j < y.size(); ++j) y[j] += x[l][i] * w[l][i][j];
        }
        if (l + 1 < w.size()) {
          for (double& value : y) value = std::max(value, 0.0);
        }
        x.push_back(y);
      }
      double sum = 0;
      for (const double logit : x.back()) sum += std::exp(logit);
      std::vector<double> delta;
      for (const double logit : x.back()) delta.push_back(std::exp(logit) / sum / count);
      delta[data.labels[static_cast<std::size_t>(s)]] -= 1 / count;
      for (std::size_t l = w.size(); l-- > 0;) {
        std::vector<double> below(w[l].size(), 0.0);
        for (std::size_t i = 0; i < w[l].size(); ++i) {
          for (std::size_t j = 0; j < delta.size(); ++j) {
            g[l][i][j] += x[l][i] * delta[j];
            if (x[l][i] > 0) below[i] += w[l][i][j] * delta[j];
          }
        }
        below.pop_back();
        delta = below;
      }
    }
    return g;
  }

  void train(const LabelledImages& data, int steps, double rate) {
    for (int t = 1; t <= steps; ++t) {
      const std::vector<Table> g = gradient(data);
      const double now = rate * 0.5 * (1 + std::cos(std::numbers::pi * (t - 1) / steps));
      for (std::size_t l = 0; l < w.size(); ++l) {
        for (std::size_t i = 0; i < w[l].size(); ++i) {
          for (std::size_t j = 0; j < w[l][i].size(); ++j) {
            double& m = first[l][i][j];
            double& v = second[l][i][j];
            m = 0.9 * m + 0.1 * g[l][i][j];
            v = 0.999 * v + 0.001 * g[l][i][j] * g[l][i][j];
            const double m_hat = m / (1 - std::pow(0.9, t));
            const double v_hat = v / (1 - std::pow(0.999, t));
            w[l][i][j] -= now * m_hat / (std::sqrt(v_hat) + 1e-8);
          }
        }
      }
    }
  }
};

TEST(Trainer, FollowsAdamWithCosineDecayInDouble) {
  const LabelledImages data = learnable_images(40, 6, 3);
  Mlp network = build_mlp("mlp-6-8-5-3", 2);
  Reference reference(network);
  const Mlp start = network;
  constexpr int kSteps = 20;
  constexpr double kRate = 0.01;
  TrainOptions options;
  options.epochs = kSteps;
  options.batch = 64;  // more than there are samples: one step per epoch over all of them
  options.learning_rate = kRate;
  train(network, data, options);
  reference.train(data, kSteps, kRate);
  // A step moves a parameter by about the rate, whatever its gradient; the float gradient (sums of
  // 40 terms, relative error about 40 u = 2e-6 of their magnitudes, which may cancel to a few
  // thousandths) shifts that by about a thousandth.
  const double tolerance = kSteps * kRate * 1e-3;
  double moved = 0;
  for (std::size_t l = 0; l < network.weights.size(); ++l) {
    const Matrix<float>& w = network.weights[l];
    const auto inputs = static_cast<std::size_t>(w.rows());
    for (std::int64_t j = 0; j < w.cols(); ++j) {
      const auto jj = static_cast<std::size_t>(j);
      for (std::int64_t i = 0; i < w.rows(); ++i) {
        EXPECT_NEAR(static_cast<double>(w(i, j)), reference.w[l][static_cast<std::size_t>(i)][jj],
                    tolerance);
        moved = std::max(moved, std::abs(static_cast<double>(w(i, j) - start.weights[l](i, j))));
      }
      EXPECT_NEAR(static_cast<double>(network.biases[l][jj]), reference.w[l][inputs][jj],
                  tolerance);
    }
  }
  EXPECT_GT(moved, 100 * tolerance);  // the comparison is of something
}

void expect_same_bytes(const Mlp& a, const Mlp& b) {
  for (std::size_t l = 0; l < a.weights.size(); ++l) {
    EXPECT_EQ(std::memcmp(a.weights[l].data(), b.weights[l].data(),
                          static_cast<std::size_t>(a.weights[l].size()) * sizeof(float)),
              0)
        << "layer " << l;
    EXPECT_EQ(a.biases[l], b.biases[l]) << "layer " << l;
  }
}

// 100-30-10 is trained on one thread, 500-300-10 (256 x 500 x 300 = 3.8e7 MACs) on all of them.
TEST(Trainer, GivesTheSameBytesForAnyThreadCount) {
  const int before = thread_count();
  for (const std::int64_t pixels : {100, 500}) {
    const LabelledImages data = learnable_images(700, pixels, 10);  // 700: the last batch is short
    TrainOptions options;
    options.epochs = 2;
    options.batch = 256;
    const std::string name = pixels == 100 ? "mlp-100-30-10" : "mlp-500-300-10";
    set_thread_count(1);
    Mlp one = build_mlp(name, 1);
    train(one, data, options);
    for (const int threads : {2, 3}) {
      set_thread_count(threads);
      Mlp more = build_mlp(name, 1);
      train(more, data, options);
      expect_same_bytes(one, more);
    }
  }
  set_thread_count(before);
}

TEST(Trainer, LearnsWhatCanBeLearntAndSeedsMatter) {
  const LabelledImages data = learnable_images(2000, 20, 4);
  TrainOptions options;
  options.epochs = 40;
  options.learning_rate = 5e-3;
  Mlp network = build_mlp("mlp-20-30-4", 1);
  const double before =
      accuracy(argmax_rows(forward(network, data.images.view()).view()), data.labels);
  train(network, data, options);
  const double after =
      accuracy(argmax_rows(forward(network, data.images.view()).view()), data.labels);
  EXPECT_LT(before, 0.6);
  EXPECT_GT(after, 0.97);  // a linear map is within reach of the network

  Mlp other = build_mlp("mlp-20-30-4", 1);
  options.seed = 2;  // another order of samples from the same start
  train(other, data, options);
  EXPECT_NE(network.weights[0](0, 0), other.weights[0](0, 0));
}

TEST(Trainer, RefusesWhatMakesNoSense) {
  LabelledImages data = learnable_images(10, 6, 3);
  data.labels[4] = 2;  // the largest label is there for certain
  const auto refused = [](const std::string& name, const LabelledImages& images,
                          const TrainOptions& options) {
    Mlp network = build_mlp(name, 1);
    try {
      train(network, images, options);
    } catch (const Error& error) {
      return error.code() == ErrorCode::usage;
    }
    return false;
  };
  const auto with = [](int epochs, std::int64_t batch, double rate) {
    TrainOptions options;
    options.epochs = epochs;
    options.batch = batch;
    options.learning_rate = rate;
    return options;
  };
  EXPECT_FALSE(refused("mlp-6-3", data, with(1, 4, 0.1)));
  EXPECT_TRUE(refused("mlp-7-3", data, with(1, 4, 0.1)));  // pixels
  EXPECT_TRUE(refused("mlp-6-2", data, with(1, 4, 0.1)));  // labels
  EXPECT_TRUE(refused("mlp-6-3", data, with(0, 4, 0.1)));
  EXPECT_TRUE(refused("mlp-6-3", data, with(-1, 4, 0.1)));
  EXPECT_TRUE(refused("mlp-6-3", data, with(1, 0, 0.1)));
  EXPECT_TRUE(refused("mlp-6-3", data, with(1, 4, 0)));
  EXPECT_TRUE(refused("mlp-6-3", data, with(1, 4, std::nan(""))));
  EXPECT_TRUE(refused("mlp-6-3", data, with(5, 4, 1e38)));  // diverges
  EXPECT_TRUE(refused("mlp-6-3", LabelledImages{}, with(1, 4, 0.1)));
}

}  // namespace
}  // namespace jb::models
