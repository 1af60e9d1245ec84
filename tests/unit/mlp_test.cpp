// Are networks built, described and evaluated right?

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/threads.h"
#include "models/mlp.h"

namespace jb::models {
namespace {

TEST(Mlp, NamesAreWidths) {
  for (const std::string& name : mlp_names()) EXPECT_EQ(build_mlp(name, 1).name, name);
  const Mlp network = build_mlp("mlp-5-1-7", 1);
  EXPECT_EQ(network.widths, (std::vector<std::int64_t>{5, 1, 7}));
  ASSERT_EQ(network.weights.size(), 2U);
  EXPECT_EQ(network.weights[0].rows(), 5);
  EXPECT_EQ(network.weights[0].cols(), 1);
  EXPECT_EQ(network.weights[1].rows(), 1);
  EXPECT_EQ(network.weights[1].cols(), 7);
  EXPECT_EQ(network.biases[1].size(), 7U);
  EXPECT_EQ(build_mlp("mlp-05-7", 1).name, "mlp-5-7");
}

TEST(Mlp, MalformedNamesAreRefused) {
  for (const char* name :
       {"", "mlp", "mlp-", "mlp-784", "mlp-784-", "mlp--10", "mlp-784-0-10", "mlp-784--5-10",
        "mlp-784-x-10", "mlp-784-1e3-10", "mlp-784- 5-10", "mlp-784-+5-10", "lenet", "MLP-784-10",
        "mlp-99999999999999999999999-10", "mlp-9223372036854775807-9223372036854775807",
        "mlp-1048576-1048576", "mlp-784-10 "}) {
    try {
      build_mlp(name, 1);
      ADD_FAILURE() << "'" << name << "' was accepted";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage) << name;
    }
  }
  std::string deep = "mlp";
  for (int i = 0; i < 70; ++i) deep += "-2";
  EXPECT_THROW(build_mlp(deep, 1), Error);
}

TEST(Mlp, WeightsFollowHe) {
  const Mlp network = build_mlp("mlp-784-100-10", 3);
  const Matrix<float>& w = network.weights[0];
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < w.size(); ++i) {
    const auto value = static_cast<double>(w.data()[i]);
    sum += value;
    squares += value * value;
  }
  const auto count = static_cast<double>(w.size());
  const double variance = 2.0 / 784;
  // Five standard errors: of the mean sqrt(variance / count), of the variance variance sqrt(2 /
  // count).
  EXPECT_NEAR(sum / count, 0, 5 * std::sqrt(variance / count));
  EXPECT_NEAR(squares / count, variance, 5 * variance * std::sqrt(2 / count));
  for (const float b : network.biases[0]) EXPECT_EQ(b, 0.0F);
}

TEST(Mlp, SeedsGiveOtherWeightsAndThreadsDoNot) {
  const int before = thread_count();
  set_thread_count(1);
  const Mlp one = build_mlp("mlp-300-20-10", 1);
  const Mlp other = build_mlp("mlp-300-20-10", 2);
  set_thread_count(3);
  const Mlp again = build_mlp("mlp-300-20-10", 1);
  set_thread_count(before);
  EXPECT_NE(one.weights[0](0, 0), other.weights[0](0, 0));
  // Layers draw from streams of their own: from one stream both would start with the same normal.
  const float first = one.weights[0](0, 0) / std::sqrt(2.0F / 300);
  const float second = one.weights[1](0, 0) / std::sqrt(2.0F / 20);
  EXPECT_GT(std::abs(first - second), 1e-3F);
  for (std::int64_t i = 0; i < one.weights[0].size(); ++i) {
    ASSERT_EQ(one.weights[0].data()[i], again.weights[0].data()[i]);
  }
}

TEST(Mlp, GraphAlternatesLinearAndRelu) {
  const Mlp network = build_mlp("mlp-6-5-4-3", 1);
  const GraphView graph = network.graph().bind(2);
  EXPECT_EQ(graph.name, "mlp-6-5-4-3");
  EXPECT_EQ(graph.value(graph.inputs.at(0)).dims, (Dims{2, 6}));
  EXPECT_EQ(graph.macs(), 2 * (6 * 5 + 5 * 4 + 4 * 3));
  const std::vector<std::string> names = {"fc1", "relu1", "fc2", "relu2", "fc3"};
  ASSERT_EQ(graph.nodes.size(), names.size());
  int value = graph.inputs.at(0);
  for (std::size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(graph.nodes[i].name, names[i]);
    EXPECT_EQ(graph.nodes[i].op, i % 2 == 0 ? Op::matmul : Op::relu);
    EXPECT_EQ(graph.nodes[i].inputs.at(0), value);
    value = graph.nodes[i].outputs.at(0);
  }
  EXPECT_EQ(graph.outputs, std::vector<int>{value});
  EXPECT_EQ(graph.value(value).dims, (Dims{2, 3}));
  const NodeView& second = graph.nodes[2];
  EXPECT_EQ(graph.value(second.inputs.at(1)).constant.value().raw(), network.weights[1].data());
  EXPECT_EQ(graph.value(second.inputs.at(2)).constant.value().raw(), network.biases[1].data());
  EXPECT_EQ(graph.value(second.outputs.at(0)).dims, (Dims{2, 4}));
}

TEST(Mlp, ForwardEqualsPlainLoopsInDouble) {
  Mlp network = build_mlp("mlp-50-40-30-10", 5);
  for (auto& biases : network.biases) {
    for (std::size_t j = 0; j < biases.size(); ++j) biases[j] = 0.1F * static_cast<float>(j) - 0.5F;
  }
  Matrix<float> images(1500, 50);  // more rows than one block of forward()
  for (std::int64_t i = 0; i < images.size(); ++i) {
    images.data()[i] = static_cast<float>(i * 7919 % 101) / 100.0F;
  }
  const Matrix<float> logits = forward(network, images.view());
  ASSERT_EQ(logits.rows(), 1500);
  ASSERT_EQ(logits.cols(), 10);
  for (std::int64_t r = 0; r < images.rows(); ++r) {
    std::vector<double> x(50);
    for (std::size_t j = 0; j < 50; ++j)
      x[j] = static_cast<double>(images(r, static_cast<std::int64_t>(j)));
    double scale = 1;  // bound of the sums of absolute products, layer after layer
    for (std::size_t l = 0; l < 3; ++l) {
      const Matrix<float>& w = network.weights[l];
      std::vector<double> y(static_cast<std::size_t>(w.cols()));
      double largest = 0;
      for (std::int64_t j = 0; j < w.cols(); ++j) {
        const auto jj = static_cast<std::size_t>(j);
        double magnitude = std::abs(static_cast<double>(network.biases[l][jj]));
        y[jj] = static_cast<double>(network.biases[l][jj]);
        for (std::int64_t i = 0; i < w.rows(); ++i) {
          const auto weight = static_cast<double>(w(i, j));
          y[jj] += x[static_cast<std::size_t>(i)] * weight;
          magnitude += scale * std::abs(weight);
        }
        if (l < 2 && y[jj] < 0) y[jj] = 0;
        largest = std::max(largest, magnitude);
      }
      scale = largest;
      x = y;
    }
    // A float sum of k terms is off by at most k u times the sum of magnitudes (Higham, "Accuracy
    // and Stability", Eq. (3.5)), u = 2^-24; k <= 51 in each of three layers.
    const double tolerance = 3 * 51 * 0x1p-24 * scale;
    for (std::int64_t j = 0; j < 10; ++j) {
      ASSERT_NEAR(static_cast<double>(logits(r, j)), x[static_cast<std::size_t>(j)], tolerance);
    }
  }
  EXPECT_THROW(forward(network, images.view().block(0, 0, 10, 49)), Error);
}

TEST(Mlp, ArgmaxTakesTheFirstOfEquals) {
  Matrix<float> scores(3, 4);
  const float values[] = {1, 3, 3, 2, -5, -7, -5, -9, 0, 0, 0, 0};
  std::copy(std::begin(values), std::end(values), scores.data());
  EXPECT_EQ(argmax_rows(scores.view()), (std::vector<int>{1, 0, 0}));
  EXPECT_THROW(argmax_rows(Matrix<float>(3, 0).view()), Error);
}

TEST(Mlp, AccuracyIsTheShareOfEqualLabels) {
  EXPECT_DOUBLE_EQ(accuracy({1, 2, 3, 4}, {1, 2, 3, 9}), 0.75);
  EXPECT_THROW(accuracy({1, 2}, {1}), Error);
  EXPECT_THROW(accuracy({}, {}), Error);
}

}  // namespace
}  // namespace jb::models
