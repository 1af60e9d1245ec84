// Graphs of the backend 'cublas' on a fake GPU: operators with a form there against the host's
// kernels, what crosses to the host, counts.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/energy/ledger.h"
#include "backends/host/kernels.h"
#include "models/graph.h"
#include "tests/fakes/fake_gpu_device.h"

namespace jb {
namespace {

using models::Graph;
using models::kBatch;
using test::FakeMachine;
using test::random_matrix;

Tensor random_tensor(const Dims& dims, std::uint64_t seed) {
  const Matrix<float> values = random_matrix(1, elements_of(dims), seed);
  return Tensor::of<float>(dims, {values.data(), static_cast<std::size_t>(values.size())});
}

// Every node by the host's kernels, which sum in float64.
Tensor by_host(const GraphView& graph, const Tensor& input) {
  std::vector<Tensor> values(graph.values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (graph.values[i].is_constant) values[i] = graph.values[i].constant.value();
  }
  values[static_cast<std::size_t>(graph.inputs.at(0))] = input;
  for (const NodeView& node : graph.nodes) {
    std::vector<const Tensor*> given;
    for (const int value : node.inputs) given.push_back(&values[static_cast<std::size_t>(value)]);
    values[static_cast<std::size_t>(node.outputs[0])] = host::run_kernel(node, given).at(0);
  }
  return values[static_cast<std::size_t>(graph.outputs.at(0))];
}

double relative_error(const Tensor& got, const Tensor& want) {
  EXPECT_EQ(got.dims(), want.dims());
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < want.as<float>().size(); ++i) {
    const double d =
        static_cast<double>(got.as<float>()[i]) - static_cast<double>(want.as<float>()[i]);
    error += d * d;
    size += static_cast<double>(want.as<float>()[i]) * static_cast<double>(want.as<float>()[i]);
  }
  return std::sqrt(error / size);
}

ConvAttributes conv(std::int64_t stride, std::int64_t pad, std::int64_t groups) {
  ConvAttributes attributes;
  attributes.strides = {stride, stride};
  attributes.pads_begin = {pad, pad};
  attributes.pads_end = {pad, pad};
  attributes.groups = groups;
  return attributes;
}

PoolAttributes pool(std::int64_t window, std::int64_t stride, std::int64_t pad) {
  PoolAttributes attributes;
  attributes.kernel = {window, window};
  attributes.strides = {stride, stride};
  attributes.pads_begin = {pad, pad};
  attributes.pads_end = {pad, pad};
  return attributes;
}

// conv -> relu -> max pool -> grouped conv -> + -> average pool -> global pool -> flatten -> fc
Graph images() {
  Graph graph("images");
  int x = graph.add_input("x", DataType::f32, {kBatch, 3, 13, 13});
  const int w1 = graph.add_constant("w1", random_tensor({8, 3, 3, 3}, 1));
  const int b1 = graph.add_constant("b1", random_tensor({8}, 2));
  x = graph.add(Op::conv, "conv1", {x, w1, b1}, conv(1, 1, 1));
  x = graph.add(Op::relu, "relu1", {x});
  x = graph.add(Op::max_pool, "pool1", {x}, pool(3, 2, 1));
  const int w2 = graph.add_constant("w2", random_tensor({8, 4, 3, 3}, 3));
  const int b2 = graph.add_constant("b2", random_tensor({8}, 4));
  const int y = graph.add(Op::conv, "conv2", {x, w2, b2}, conv(1, 1, 2));
  x = graph.add(Op::add, "residual", {x, y});
  x = graph.add(Op::average_pool, "pool2", {x}, pool(2, 1, 0));
  x = graph.add(Op::global_average_pool, "pool3", {x});
  x = graph.add(Op::flatten, "flatten", {x}, AxisAttributes{1, 0});
  const int w3 = graph.add_constant("w3", random_tensor({10, 8}, 5));
  const int b3 = graph.add_constant("b3", random_tensor({10}, 6));
  GemmAttributes transposed;
  transposed.trans_b = true;
  graph.add_output(graph.add(Op::gemm, "fc", {x, w3, b3}, transposed));
  return graph;
}

// One head of attention with layer norm and a GELU, on (batch, 5, 16).
Graph attention() {
  Graph graph("attention");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 5, 16});
  const int gamma = graph.add_constant("gamma", random_tensor({16}, 7));
  const int beta = graph.add_constant("beta", random_tensor({16}, 8));
  const int normed =
      graph.add(Op::layer_normalization, "norm", {x, gamma, beta}, NormAttributes{1e-5F, -1, 1});
  const auto project = [&](const std::string& name, std::uint64_t seed) {
    const int w = graph.add_constant(name + ".w", random_tensor({16, 16}, seed));
    return graph.add(Op::matmul, name, {normed, w});
  };
  const int q = project("q", 9);
  const int k = project("k", 10);
  const int v = project("v", 11);
  const int kt = graph.add(Op::transpose, "kt", {k}, PermAttributes{{0, 2, 1}});
  const int scores = graph.add(Op::matmul, "scores", {q, kt});
  const int weights = graph.add(Op::softmax, "softmax", {scores}, AxisAttributes{-1, 0});
  const int mixed = graph.add(Op::matmul, "mixed", {weights, v});
  graph.add_output(graph.add(Op::gelu, "gelu", {mixed}));
  return graph;
}

class CublasGraph : public ::testing::Test {
 protected:
  static Tensor run(Executable& network, const Tensor& x) {
    std::vector<Tensor> outputs;
    network.run({x}, outputs, {}, nullptr);
    return outputs.at(0);
  }
};

TEST_F(CublasGraph, OperatorsComputeWhatTheHostComputes) {
  const std::vector<std::pair<Graph, Dims>> cases = {{images(), {4, 3, 13, 13}},
                                                     {attention(), {4, 5, 16}}};
  for (const auto& [graph, dims] : cases) {
    const FakeMachine machine;
    const Tensor x = random_tensor(dims, 20);
    const GraphView bound = graph.bind(4);
    const auto network = machine.device->compile(bound, {});
    for (std::size_t i = 0; i < bound.nodes.size(); ++i) {
      EXPECT_EQ(network->placements()[i], "cublas") << bound.nodes[i].name;
    }
    // f32 results of sums that the fake forms in float64: a rounding of 2^-24 a node and operand,
    // some ten nodes; softmax and normalisation divide by sums of the same size.
    EXPECT_LT(relative_error(run(*network, x), by_host(bound, x)), 40 * std::ldexp(1.0, -24))
        << graph.name();
  }
}

TEST_F(CublasGraph, ActivationsStayOnTheGpuAndMemoryIsUsedAgain) {
  const FakeMachine machine;
  for (const Graph& graph : {images(), attention()}) {
    const GraphView bound = graph.bind(4);
    const auto network = machine.device->compile(bound, {});
    const Tensor x = random_tensor(bound.value(bound.inputs[0]).dims, 21);
    for (int i = 0; i < 3; ++i) {
      machine.gpu->book = {};
      const Tensor y = run(*network, x);
      EXPECT_EQ(machine.gpu->book.uploaded_bytes, x.bytes()) << graph.name();
      EXPECT_EQ(machine.gpu->book.downloaded_bytes, y.bytes()) << graph.name();
      if (i > 0) {
        EXPECT_EQ(machine.gpu->book.allocations, 0) << graph.name();
      }
    }
  }
}

TEST_F(CublasGraph, SmallerBatchesGiveTheSameSamplesAndTheirOwnCounts) {
  const FakeMachine machine;
  const Graph graph = images();
  const auto network = machine.device->compile(graph.bind(4), {});
  const Tensor x = random_tensor({4, 3, 13, 13}, 22);
  const Tensor whole = run(*network, x);
  const Tensor part = Tensor::of<float>({3, 3, 13, 13}, x.as<float>().first(3 * 3 * 13 * 13));
  std::vector<Tensor> outputs;
  const Execution execution = network->run({part}, outputs, {}, nullptr);
  ASSERT_EQ(outputs.at(0).dims(), (Dims{3, 10}));
  for (std::size_t i = 0; i < 30; ++i) {
    ASSERT_EQ(outputs[0].as<float>()[i], whole.as<float>()[i]);
  }
  EXPECT_EQ(price(execution.activity, network->prices()).total_J(),
            price(network->estimate(graph.bind(3)), network->prices()).total_J());
}

TEST_F(CublasGraph, WhatHasNoFormRunsOnTheHostAndSaysSo) {
  Graph graph("mixed");
  int x = graph.add_input("x", DataType::f32, {kBatch, 6});
  x = graph.add(Op::softplus, "softplus", {x});
  const int w = graph.add_constant("w", random_tensor({6, 4}, 23));
  graph.add_output(graph.add(Op::matmul, "fc", {x, w}));
  const FakeMachine machine;
  const GraphView bound = graph.bind(2);
  const auto network = machine.device->compile(bound, {});
  EXPECT_EQ(network->placements(), (std::vector<std::string>{"digital", "cublas"}));
  const Tensor input = random_tensor({2, 6}, 24);
  EXPECT_LT(relative_error(run(*network, input), by_host(bound, input)), std::ldexp(1.0, -22));
}

TEST_F(CublasGraph, EveryFailingCallIsReportedAndLeavesNothingBehind) {
  const Tensor x = random_tensor({2, 3, 13, 13}, 25);
  FakeMachine machine(ElementType::f16);
  int failures = 0;
  for (int n = 1;; ++n) {
    machine.gpu->fail_call(n);
    try {
      const auto network = machine.device->compile(images().bind(2), {});
      run(*network, x);
      break;
    } catch (const Error& e) {
      ++failures;
      EXPECT_NE(std::string(e.what()).find("made to fail"), std::string::npos) << e.what();
    }
    ASSERT_EQ(machine.gpu->live_allocations(), 0U) << "after call " << n;
    ASSERT_LT(n, 400);
  }
  EXPECT_GT(failures, 20);
}

}  // namespace
}  // namespace jb
