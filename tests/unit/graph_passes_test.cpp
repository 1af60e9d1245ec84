// Passes over graphs: sizes that shapes compute, constants folded, operators fused.

#include <gtest/gtest.h>

#include "backends/backend.h"
#include "models/folding.h"
#include "models/fusion.h"
#include "models/graph.h"
#include "tests/support/nodes.h"

namespace jb::test {
namespace {

using models::Graph;
using models::kBatch;

const CompileOptions kFloat64{ElementType::f64};

std::unique_ptr<Device> reference() {
  const Backend& backend = find_backend("reference");
  return backend.open(load_device(backend, "host"), {});
}

Tensor run(const Graph& graph, Device& device, const Tensor& input) {
  std::vector<Tensor> outputs;
  const auto executable = device.compile(graph.bind(input.dims()[0]), kFloat64);
  executable->run({input}, outputs, Draw{}, nullptr);
  return outputs.at(0);
}

void expect_near(const Tensor& a, const Tensor& b, double tolerance) {
  ASSERT_EQ(a.dims(), b.dims());
  for (std::size_t i = 0; i < a.as<float>().size(); ++i) {
    ASSERT_NEAR(a.as<float>()[i], b.as<float>()[i], tolerance) << i;
  }
}

// Shape -> Gather -> Unsqueeze -> Concat -> Reshape, as exporters write Flatten for any batch.
TEST(GraphPasses, SizesFollowComputedShapes) {
  Graph graph("shapes");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 3, 4});
  const int shape = graph.add(Op::shape_of, "shape", {x});
  const std::int64_t zero = 0;
  const int first =
      graph.add(Op::gather, "first",
                {shape, graph.add_constant("zero", Tensor::of<std::int64_t>({}, {&zero, 1}))},
                AxisAttributes{0, 0});
  const int list = graph.add(Op::unsqueeze, "list", {first, graph.add_constant("axis", i64({0}))});
  const int target = graph.add(Op::concat, "target", {list, graph.add_constant("rest", i64({-1}))},
                               AxisAttributes{0, 0});
  const int y = graph.add(Op::reshape, "reshape", {x, target});
  graph.add_output(y);
  EXPECT_EQ(graph.bind(7).value(y).dims, (Dims{7, 12}));
  const auto device = reference();
  EXPECT_EQ(run(graph, *device, normal({2, 3, 4}, 1)).dims(), (Dims{2, 12}));
}

TEST(GraphPasses, SizesThatDataDecideAreRefusedByName) {
  Graph graph("unknown");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 4});
  const int s = graph.add_input("s", DataType::s64, {2});
  graph.add_output(graph.add(Op::reshape, "turn", {x, s}));
  try {
    static_cast<void>(graph.bind(1));
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "node 'turn' (Reshape): the shape must be constant, so that sizes are known");
  }
}

TEST(GraphPasses, ConstantsFoldThroughChainsAndKeepResults) {
  Graph graph("fold");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 3});
  const int w = graph.add_constant("w", normal({4, 3}, 1));
  const int scale = graph.add_constant("scale", scalar(0.5F));
  const int turned = graph.add(Op::transpose, "turned", {w});
  const int scaled = graph.add(Op::mul, "scaled", {turned, scale});
  const int square = graph.add(Op::matmul, "square", {w, turned});
  graph.add_output(graph.add(Op::matmul, "y", {x, scaled}));
  graph.add_output(square);
  const auto device = reference();
  const Tensor input = normal({2, 3}, 2);
  const Tensor before = run(graph, *device, input);
  EXPECT_EQ(models::fold_constants(graph), 3);
  ASSERT_EQ(graph.nodes().size(), 1U);
  expect_near(run(graph, *device, input), before, 1e-6);
  std::vector<Tensor> outputs;
  device->compile(graph.bind(2), kFloat64)->run({input}, outputs, Draw{}, nullptr);
  expect_near(outputs.at(1),
              run_op(Op::matmul, {normal({4, 3}, 1), run_op(Op::transpose, {normal({4, 3}, 1)})}),
              0);
}

TEST(GraphPasses, LargeResultsAndStreamedConstantsAreNotFolded) {
  Graph graph("large");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 8});
  const int big =
      graph.add(Op::expand, "big",
                {graph.add_constant("one", scalar(1)), graph.add_constant("size", i64({5, 8}))});
  int made = 0;
  const int drawn = graph.add_constant("drawn", DataType::f32, {8}, Constant([&made] {
                                         ++made;
                                         return normal({8}, 1);
                                       }));
  const int relu = graph.add(Op::relu, "relu", {drawn});
  graph.add_output(graph.add(Op::add, "y", {x, relu}));
  graph.add_output(big);
  EXPECT_EQ(models::fold_constants(graph, 39), 0);
  EXPECT_EQ(made, 0);
  EXPECT_EQ(models::fold_constants(graph, 40), 1);
}

int normalization(Graph& graph, const std::string& name, int x, std::int64_t channels) {
  Tensor variance = run_op(Op::abs, {normal({channels}, 13)});
  return graph.add(Op::batch_normalization, name,
                   {x, graph.add_constant(name + ".scale", normal({channels}, 10)),
                    graph.add_constant(name + ".shift", normal({channels}, 11)),
                    graph.add_constant(name + ".mean", normal({channels}, 12)),
                    graph.add_constant(name + ".variance", variance)},
                   NormAttributes{1e-2F, -1, 1});
}

TEST(GraphPasses, FusionKeepsResultsOfEveryLinearOperator) {
  const auto device = reference();
  struct Case {
    const char* name;
    Op op;
    Attributes attributes;
    Dims input, weights;
    std::int64_t channels;
    bool bias;
    int left;  ///< nodes after fusion
  };
  ConvAttributes grouped;
  grouped.groups = 2;
  const std::vector<Case> cases = {
      {"conv", Op::conv, grouped, {kBatch, 4, 5, 5}, {6, 2, 3, 3}, 6, true, 1},
      {"conv plain", Op::conv, {}, {kBatch, 4, 5}, {6, 4, 3}, 6, false, 1},
      {"transpose", Op::conv_transpose, grouped, {kBatch, 4, 3, 3}, {4, 3, 2, 2}, 6, true, 1},
      {"gemm", Op::gemm, GemmAttributes{1, 1, false, true}, {kBatch, 5}, {6, 5}, 6, true, 1},
      {"matmul", Op::matmul, {}, {kBatch, 5}, {5, 6}, 6, false, 1},
      // A scaled product keeps its normalisation, and with it the activation.
      {"scaled", Op::gemm, GemmAttributes{2, 1, false, false}, {kBatch, 5}, {5, 6}, 6, true, 3},
  };
  for (const Case& c : cases) {
    Graph graph(c.name);
    const int x = graph.add_input("x", DataType::f32, c.input);
    std::vector<int> inputs = {x, graph.add_constant("w", normal(c.weights, 1))};
    if (c.bias) inputs.push_back(graph.add_constant("b", normal({c.channels}, 2)));
    int y = graph.add(c.op, "linear", inputs, c.attributes);
    y = graph.add(Op::identity, "same", {y});
    y = normalization(graph, "bn", y, c.channels);
    y = graph.add(Op::tanh, "act", {y});
    graph.add_output(y);
    Dims dims = c.input;
    dims[0] = 3;
    const Tensor input = normal(dims, 5);
    const Tensor before = run(graph, *device, input);
    models::fuse(graph, *device);
    EXPECT_EQ(static_cast<int>(graph.nodes().size()), c.left) << c.name;
    // Weights rounded once more: a few units of the last place of sums of about 40 terms, divided
    // by deviations down to 0.1.
    expect_near(run(graph, *device, input), before, 1e-4);
  }
}

TEST(GraphPasses, VectorsBecomeBiasesAndOtherSumsStay) {
  const auto device = reference();
  for (const bool fits : {true, false}) {
    Graph graph("bias");
    const int x = graph.add_input("x", DataType::f32, {kBatch, 3, 6, 6});
    const int y =
        graph.add(Op::conv, "conv", {x, graph.add_constant("w", normal({6, 3, 1, 1}, 1))});
    // One number per channel, or one per column, which has the same count.
    const int b = graph.add_constant("b", normal(fits ? Dims{6, 1, 1} : Dims{6}, 2));
    graph.add_output(graph.add(Op::add, "add", {b, y}));
    const Tensor input = normal({2, 3, 6, 6}, 3);
    const Tensor before = run(graph, *device, input);
    EXPECT_EQ(models::fuse(graph, *device), fits ? 1 : 0);
    expect_near(run(graph, *device, input), before, 1e-6);
  }
}

TEST(GraphPasses, WhatOthersReadIsNotFused) {
  const auto device = reference();
  Graph graph("shared");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 4});
  const int y = graph.add(Op::matmul, "y", {x, graph.add_constant("w", normal({4, 4}, 1))});
  graph.add_output(graph.add(Op::relu, "relu", {y}));
  graph.add_output(graph.add(Op::neg, "neg", {y}));
  EXPECT_EQ(models::fuse(graph, *device), 0);
  Graph silu("silu");
  const int z = silu.add_input("x", DataType::f32, {kBatch, 4});
  silu.add_output(silu.add(Op::mul, "mul", {silu.add(Op::sigmoid, "sigmoid", {z}), z}));
  const Tensor input = normal({2, 4}, 2);
  const Tensor before = run(silu, *device, input);
  EXPECT_EQ(models::fuse(silu, *device), 1);
  EXPECT_EQ(silu.nodes().at(0).op, Op::silu);
  expect_near(run(silu, *device, input), before, 1e-6);
}

TEST(GraphPasses, StreamedWeightsAreFoldedWhenTheyAreMade) {
  const auto device = reference();
  Graph graph("streamed");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 16});
  int made = 0;
  const int w = graph.add_constant("w", DataType::f32, {16, 6}, Constant([&made] {
                                     ++made;
                                     return normal({16, 6}, 1);
                                   }));
  graph.add_output(normalization(graph, "bn", graph.add(Op::matmul, "y", {x, w}), 6));
  const Tensor input = normal({2, 16}, 2);
  const Tensor before = run(graph, *device, input);
  made = 0;
  EXPECT_EQ(models::fuse(graph, *device), 1);
  EXPECT_EQ(made, 0);
  expect_near(run(graph, *device, input), before, 1e-4);
}

}  // namespace
}  // namespace jb::test
