// Linear nodes on machines: results against direct loops, counts against estimates, and the promise
// that cutting a batch changes no byte.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <tuple>

#include "backends/backend.h"
#include "backends/host/kernels.h"
#include "models/graph.h"
#include "tests/support/nodes.h"

namespace jb::test {
namespace {

using models::Graph;
using models::kBatch;

std::unique_ptr<Device> open_device(const std::string& backend, const std::string& name,
                                    const std::string& tiles = "") {
  const Backend& kind = find_backend(backend);
  DeviceSpec spec = load_device(kind, name);
  if (!tiles.empty()) spec.set("tile.count", tiles);
  return kind.open(spec, {});
}

struct Machine {
  std::string backend, device;
};
/// Machines without noise and quantisation.
const std::vector<Machine> kIdeal = {
    {"reference", "host"}, {"systolic", "ideal"}, {"crossbar", "ideal"}, {"photonic", "ideal"}};
/// Machines whose numbers depend on draws.
const std::vector<Machine> kNoisy = {{"crossbar", "pcm-hermes"}, {"photonic", "photonic-2025"}};

CompileOptions options_for(const Machine& machine) {
  CompileOptions options;
  if (machine.backend == "reference") options.precision = ElementType::f64;
  if (machine.backend == "systolic" && machine.device != "ideal") {
    options.precision = ElementType::s8;
  }
  return options;
}

struct Outcome {
  std::vector<Tensor> outputs;
  Execution execution;
};

Outcome run_graph(Executable& executable, const std::vector<Tensor>& inputs,
                  const Draw& draw = {}) {
  Outcome run;
  run.execution = executable.run(inputs, run.outputs, draw, nullptr);
  return run;
}

/// One linear node with its constants and what it should give.
struct Case {
  std::string name;
  Op op = Op::matmul;
  Attributes attributes;
  std::vector<Dims> inputs;      ///< of computed inputs; kBatch stands for samples
  std::vector<Tensor> operands;  ///< at their positions; without elements: the next computed input
  int outputs = 1;
};

Graph graph_of(const Case& c) {
  Graph graph(c.name);
  std::vector<int> inputs;
  std::size_t next = 0;
  for (std::size_t i = 0; i < c.operands.size(); ++i) {
    if (c.operands[i].raw() == nullptr) {
      inputs.push_back(graph.add_input("x" + std::to_string(i), DataType::f32, c.inputs[next++]));
    } else {
      inputs.push_back(graph.add_constant("w" + std::to_string(i), c.operands[i]));
    }
  }
  const int first = graph.add(c.op, "node", inputs, c.attributes, c.outputs);
  for (int o = 0; o < c.outputs; ++o) graph.add_output(first + o);
  return graph;
}

std::vector<Tensor> inputs_of(const Case& c, std::int64_t batch) {
  std::vector<Tensor> tensors;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    Dims dims = c.inputs[i];
    for (std::int64_t& size : dims) size = size == kBatch ? batch : size;
    tensors.push_back(normal(dims, 100 + i));
  }
  return tensors;
}

/// Networks whose samples are another dimension are not cut into batches.
bool samples_come_first(const Case& c) {
  return c.op < Op::rnn || std::get<RecurrentAttributes>(c.attributes).batch_first;
}

ConvAttributes conv(std::vector<std::int64_t> strides, std::vector<std::int64_t> begin,
                    std::vector<std::int64_t> end, std::vector<std::int64_t> dilations,
                    std::int64_t groups) {
  ConvAttributes attributes;
  attributes.strides = std::move(strides);
  attributes.pads_begin = std::move(begin);
  attributes.pads_end = std::move(end);
  attributes.dilations = std::move(dilations);
  attributes.groups = groups;
  return attributes;
}

RecurrentAttributes recurrent(std::int64_t hidden, RecurrentAttributes::Direction direction,
                              bool batch_first = false) {
  RecurrentAttributes attributes;
  attributes.hidden = hidden;
  attributes.direction = direction;
  attributes.batch_first = batch_first;
  return attributes;
}

std::vector<Case> cases() {
  const Tensor open;
  using Direction = RecurrentAttributes::Direction;
  RecurrentAttributes after = recurrent(4, Direction::reverse, true);
  after.linear_before_reset = true;
  return {
      {"matmul", Op::matmul, {}, {{kBatch, 5}}, {open, normal({5, 7}, 1), normal({7}, 2)}},
      {"matmul folded", Op::matmul, {}, {{kBatch, 3, 5}}, {open, normal({5, 7}, 1)}},
      {"matmul batch", Op::matmul, {}, {{kBatch, 3, 4, 5}}, {open, normal({3, 5, 6}, 1)}},
      {"matmul left", Op::matmul, {}, {{kBatch, 5, 3}}, {normal({4, 5}, 1), open}},
      {"matmul left batch", Op::matmul, {}, {{kBatch, 2, 5, 3}}, {normal({2, 4, 5}, 1), open}},
      {"attention", Op::matmul, {}, {{kBatch, 2, 3, 5}, {kBatch, 2, 5, 4}}, {open, open}},
      {"gemm",
       Op::gemm,
       GemmAttributes{0.5F, 2, false, true},
       {{kBatch, 5}},
       {open, normal({7, 5}, 1), normal({1, 7}, 2)}},
      {"gemm of a column and a scalar",
       Op::gemm,
       GemmAttributes{},
       {{kBatch, 5}},
       {open, normal({5, 1}, 1), normal({}, 2)}},
      {"conv",
       Op::conv,
       conv({2, 1}, {1, 0}, {0, 2}, {1, 2}, 1),
       {{kBatch, 3, 7, 6}},
       {open, normal({4, 3, 3, 2}, 1), normal({4}, 2)}},
      {"conv depthwise",
       Op::conv,
       conv({1}, {1}, {1}, {1}, 4),
       {{kBatch, 4, 9}},
       {open, normal({8, 1, 3}, 1)}},
      {"conv 3d",
       Op::conv,
       conv({1, 2, 1}, {0, 1, 0}, {1, 0, 0}, {1, 1, 1}, 2),
       {{kBatch, 4, 3, 5, 4}},
       {open, normal({6, 2, 2, 3, 2}, 1)}},
      {"conv transpose",
       Op::conv_transpose,
       conv({2, 1}, {1, 0}, {0, 1}, {1, 2}, 2),
       {{kBatch, 4, 3, 4}},
       {open, normal({4, 3, 3, 2}, 1), normal({6}, 2)}},
      {"rnn",
       Op::rnn,
       recurrent(4, Direction::forward),
       {{3, kBatch, 5}},
       {open, normal({1, 4, 5}, 1), normal({1, 4, 4}, 2)},
       2},
      {"lstm",
       Op::lstm,
       recurrent(4, Direction::bidirectional),
       {{3, kBatch, 5}},
       {open, normal({2, 16, 5}, 1), normal({2, 16, 4}, 2), normal({2, 32}, 3)},
       3},
      {"gru",
       Op::gru,
       recurrent(4, Direction::forward),
       {{3, kBatch, 5}},
       {open, normal({1, 12, 5}, 1), normal({1, 12, 4}, 2), normal({1, 24}, 3)},
       2},
      {"gru after",
       Op::gru,
       after,
       {{kBatch, 3, 5}},
       {open, normal({1, 12, 5}, 1), normal({1, 12, 4}, 2), normal({1, 24}, 3)},
       2},
  };
}

// The plain kernels are checked against direct loops below and in recurrent_test.
TEST(LinearNodes, IdealMachinesAgreeWithThePlainKernel) {
  for (const Case& c : cases()) {
    const Graph graph = graph_of(c);
    const std::vector<Tensor> inputs = inputs_of(c, 3);
    std::vector<Tensor> operands = c.operands;
    std::size_t next = 0;
    for (Tensor& t : operands) {
      if (t.raw() == nullptr) t = inputs[next++];
    }
    const std::vector<Tensor> wanted = run_node(node_of(c.op, c.attributes, c.outputs), operands);
    for (const Machine& machine : kIdeal) {
      const auto device = open_device(machine.backend, machine.device);
      const auto executable = device->compile(graph.bind(3), options_for(machine));
      const Outcome run = run_graph(*executable, inputs);
      ASSERT_EQ(run.outputs.size(), wanted.size());
      for (std::size_t o = 0; o < wanted.size(); ++o) {
        ASSERT_EQ(run.outputs[o].dims(), wanted[o].dims()) << c.name;
        for (std::size_t i = 0; i < wanted[o].as<float>().size(); ++i) {
          // Float sums of at most 50 products of normals, through up to three steps.
          ASSERT_NEAR(run.outputs[o].as<float>()[i], wanted[o].as<float>()[i], 2e-4)
              << c.name << " on " << machine.backend << " output " << o << " at " << i;
        }
      }
    }
  }
}

void expect_same_counts(const Activity& run, const Activity& estimate, const PriceTable& prices,
                        const std::string& what) {
  EXPECT_NEAR(run.executed_macs, estimate.executed_macs, 1e-12 * run.executed_macs) << what;
  EXPECT_NEAR(run.device_time_s, estimate.device_time_s, 1e-12 * run.device_time_s) << what;
  for (std::size_t id = 0; id < prices.prices.size(); ++id) {
    if (prices.prices[id].data_dependent) continue;
    const double counted = run.count(static_cast<ActionId>(id));
    EXPECT_NEAR(counted, estimate.count(static_cast<ActionId>(id)), 1e-12 * std::abs(counted))
        << what << ": " << prices.prices[id].action;
  }
}

TEST(LinearNodes, EstimateCountsWhatARunCounts) {
  for (const DynamicPolicy policy : {DynamicPolicy::backend, DynamicPolicy::digital}) {
    for (const Case& c : cases()) {
      const Graph graph = graph_of(c);
      for (const Machine& machine :
           {Machine{"reference", "host"}, Machine{"systolic", "scale-sim-32"},
            Machine{"crossbar", "pcm-hermes"}, Machine{"photonic", "photonic-2025"}}) {
        const auto device = open_device(machine.backend, machine.device);
        CompileOptions options = options_for(machine);
        options.dynamic = policy;
        const auto executable = device->compile(graph.bind(3), options);
        // At the batch it was made for, and at a smaller one.
        for (const std::int64_t batch : {3, 2}) {
          if (batch < 3 && !samples_come_first(c)) continue;
          const Outcome run = run_graph(*executable, inputs_of(c, batch));
          expect_same_counts(run.execution.activity, executable->estimate(graph.bind(batch)),
                             executable->prices(), c.name + " on " + machine.backend);
        }
      }
    }
  }
}

TEST(LinearNodes, CuttingABatchChangesNoByte) {
  for (const Case& c : cases()) {
    if (!samples_come_first(c)) continue;
    const Graph graph = graph_of(c);
    const std::vector<Tensor> inputs = inputs_of(c, 3);
    for (const Machine& machine : kNoisy) {
      const auto device = open_device(machine.backend, machine.device);
      const auto executable = device->compile(graph.bind(3), {});
      const Outcome whole = run_graph(*executable, inputs, {5, 0});
      for (std::int64_t sample = 0; sample < 3; ++sample) {
        std::vector<Tensor> one;
        for (const Tensor& x : inputs) {
          one.push_back(run_op(Op::gather, {x, i64({sample})}, AxisAttributes{0, 0}));
        }
        const Outcome cut = run_graph(*executable, one, {5, sample});
        const Tensor wanted =
            run_op(Op::gather, {whole.outputs[0], i64({sample})}, AxisAttributes{0, 0});
        EXPECT_EQ(floats(cut.outputs[0]), floats(wanted)) << c.name << " on " << machine.backend;
      }
    }
  }
}

TEST(LinearNodes, NoiseDiffersBetweenNodesGroupsStepsAndCalls) {
  const auto device = open_device("photonic", "photonic-2025");
  Graph graph("groups");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 2, 1});
  // Both groups, and both nodes, compute the same product of the same numbers.
  const int w = graph.add_constant("w", f32({2, 1, 1}, {1, 1}));
  ConvAttributes attributes;
  attributes.groups = 2;
  const int a = graph.add(Op::conv, "a", {x, w}, attributes);
  const int b = graph.add(Op::conv, "b", {x, w}, attributes);
  graph.add_output(a);
  graph.add_output(b);
  const auto executable = device->compile(graph.bind(4), {});
  const Tensor ones = run_op(Op::expand, {scalar(0.7F), i64({4, 2, 1})});
  const Outcome run = run_graph(*executable, {ones}, {0, 0});
  const std::vector<float> ya = floats(run.outputs[0]);
  const std::vector<float> yb = floats(run.outputs[1]);
  EXPECT_NE(ya[0], ya[1]) << "groups share their noise";
  EXPECT_NE(ya, yb) << "nodes share their noise";
  EXPECT_NE(ya, floats(run_graph(*executable, {ones}, {1, 0}).outputs[0])) << "calls share it";
  EXPECT_EQ(ya, floats(run_graph(*executable, {ones}, {0, 0}).outputs[0]));
}

// What stays on a machine of bounded size is planned when the network is compiled, so that it ages
// and is calibrated; on others layers are made as they run.
TEST(LinearNodes, StreamedLayersGiveTheSameNumbersAndCounts) {
  for (const auto& [backend, preset, planned] :
       {std::tuple{"crossbar", "pcm-hermes", 2}, std::tuple{"photonic", "photonic-2025", 0}}) {
    SCOPED_TRACE(backend);
    const auto device = open_device(backend, preset);
    Graph graph("streamed");
    const int x = graph.add_input("x", DataType::f32, {kBatch, 20});
    int made = 0;
    const auto weights = [&](const std::string& name, std::uint64_t tag, const Dims& dims) {
      return graph.add_constant(name, DataType::f32, dims, Constant([&made, tag, dims] {
                                  ++made;
                                  return normal(dims, tag);
                                }));
    };
    int y = graph.add(Op::matmul, "one", {x, weights("w1", 1, {20, 30})});
    y = graph.add(Op::relu, "relu", {y});
    graph.add_output(graph.add(Op::matmul, "two", {y, weights("w2", 2, {30, 4})}));
    const Tensor in = normal({3, 20}, 9);
    const auto held = device->compile(graph.bind(3), {});
    const Outcome whole = run_graph(*held, {in}, {2, 0});
    made = 0;
    const auto other = open_device(backend, preset);
    CompileOptions options;
    options.streamed = true;
    const auto streamed = other->compile(graph.bind(3), options);
    EXPECT_EQ(made, planned);
    const Outcome run = run_graph(*streamed, {in}, {2, 0});
    EXPECT_EQ(made, 2);
    EXPECT_EQ(floats(run.outputs[0]), floats(whole.outputs[0]));
    expect_same_counts(run.execution.activity, whole.execution.activity, held->prices(),
                       "streamed");
    EXPECT_TRUE(streamed->resident());
    for (std::size_t id = 0; id < held->prices().prices.size(); ++id) {
      if (held->prices().prices[id].data_dependent) continue;
      const auto action = static_cast<ActionId>(id);
      EXPECT_NEAR(streamed->setup().count(action), held->setup().count(action),
                  1e-12 * held->setup().count(action));
    }
  }
}

// Two layers of one tile each on a machine of one tile: the second finds no room and is programmed
// anew at every product, in runs and in estimates, planned or streamed.
TEST(LinearNodes, LayersThatFindNoRoomAreReloadedInEstimatesToo) {
  const auto graph_of_two = [] {
    Graph graph("two");
    const int x = graph.add_input("x", DataType::f32, {kBatch, 8});
    const int y = graph.add(Op::matmul, "one", {x, graph.add_constant("w1", normal({8, 8}, 1))});
    graph.add_output(
        graph.add(Op::matmul, "two", {y, graph.add_constant("w2", normal({8, 8}, 2))}));
    return graph;
  };
  const Graph graph = graph_of_two();
  for (const bool streamed : {false, true}) {
    const auto device = open_device("crossbar", "pcm-hermes", "1");
    CompileOptions options;
    options.streamed = streamed;
    const auto executable = device->compile(graph.bind(3), options);
    EXPECT_FALSE(executable->resident());
    const Outcome run = run_graph(*executable, {normal({3, 8}, 3)});
    const Activity estimate = executable->estimate(graph.bind(3));
    expect_same_counts(run.execution.activity, estimate, executable->prices(), "two layers");
    const auto roomy = open_device("crossbar", "pcm-hermes", "2");
    const auto resident = roomy->compile(graph.bind(3), options);
    EXPECT_TRUE(resident->resident());
    EXPECT_GT(estimate.device_time_s, resident->estimate(graph.bind(3)).device_time_s);
  }
}

TEST(LinearNodes, ConvolutionAgreesWithDirectLoops) {
  const ConvAttributes attributes = conv({2, 1}, {1, 0}, {2, 1}, {1, 2}, 2);
  const Tensor x = normal({2, 4, 6, 7}, 1);
  const Tensor w = normal({6, 2, 3, 2}, 2);
  const Tensor bias = normal({6}, 3);
  const Tensor y = run_op(Op::conv, {x, w, bias}, attributes);
  ASSERT_EQ(y.dims(), (Dims{2, 6, 4, 6}));
  const auto in = [&](std::int64_t n, std::int64_t c, std::int64_t i, std::int64_t j) {
    if (i < 0 || i >= 6 || j < 0 || j >= 7) return 0.0;
    return static_cast<double>(
        x.as<float>()[static_cast<std::size_t>(((n * 4 + c) * 6 + i) * 7 + j)]);
  };
  for (std::int64_t o = 0; o < y.size(); ++o) {
    const std::int64_t q = o % 6;
    const std::int64_t p = o / 6 % 4;
    const std::int64_t k = o / 24 % 6;
    double sum = static_cast<double>(bias.as<float>()[static_cast<std::size_t>(k)]);
    for (std::int64_t c = 0; c < 2; ++c) {
      for (std::int64_t r = 0; r < 3; ++r) {
        for (std::int64_t s = 0; s < 2; ++s) {
          sum += in(o / 144, k / 3 * 2 + c, p * 2 - 1 + r, q + 2 * s) *
                 static_cast<double>(
                     w.as<float>()[static_cast<std::size_t>(((k * 2 + c) * 3 + r) * 2 + s)]);
        }
      }
    }
    ASSERT_NEAR(y.as<float>()[static_cast<std::size_t>(o)], sum, 1e-5) << o;
  }
}

// A transposed convolution is the adjoint of the convolution with the same weights:
// <conv(x), y> = <x, conv_transpose(y)>.
TEST(LinearNodes, TransposedConvolutionIsTheAdjoint) {
  const ConvAttributes attributes = conv({2, 1}, {1, 0}, {1, 1}, {1, 2}, 2);
  const Tensor x = normal({2, 4, 7, 6}, 1);
  const Tensor w = normal({6, 2, 3, 2}, 2);
  const Tensor forward = run_op(Op::conv, {x, w}, attributes);
  const Tensor y = normal(forward.dims(), 3);
  const Tensor back = run_op(Op::conv_transpose, {y, w}, attributes);
  ASSERT_EQ(back.dims(), x.dims());
  double left = 0;
  double right = 0;
  for (std::size_t i = 0; i < forward.as<float>().size(); ++i) {
    left += static_cast<double>(forward.as<float>()[i]) * static_cast<double>(y.as<float>()[i]);
  }
  for (std::size_t i = 0; i < back.as<float>().size(); ++i) {
    right += static_cast<double>(back.as<float>()[i]) * static_cast<double>(x.as<float>()[i]);
  }
  EXPECT_NEAR(left, right, 1e-4);  // float results of some hundred terms of size one
}

TEST(LinearNodes, TransposedConvolutionSizes) {
  ConvAttributes attributes = conv({2}, {}, {}, {}, 1);
  const std::vector<Tensor> inputs = {normal({1, 1, 3}, 1), normal({1, 1, 3}, 2)};
  EXPECT_EQ(inferred(node_of(Op::conv_transpose, attributes), inputs), (Dims{1, 1, 7}));
  attributes.output_padding = {1};
  EXPECT_EQ(inferred(node_of(Op::conv_transpose, attributes), inputs), (Dims{1, 1, 8}));
  attributes.output_padding = {};
  attributes.output_shape = {6};
  EXPECT_EQ(inferred(node_of(Op::conv_transpose, attributes), inputs), (Dims{1, 1, 6}));
  attributes.output_shape = {};
  attributes.auto_pad = AutoPad::same_upper;
  EXPECT_EQ(inferred(node_of(Op::conv_transpose, attributes), inputs), (Dims{1, 1, 6}));
}

TEST(LinearNodes, TypesThatMachinesDoNotTakeStayDigital) {
  Graph graph("integers");
  const int x = graph.add_input("x", DataType::s64, {kBatch, 2});
  const int w =
      graph.add_constant("w", Tensor::of<std::int64_t>({2, 1}, std::vector<std::int64_t>{3, 4}));
  graph.add_output(graph.add(Op::matmul, "node", {x, w}));
  const auto device = open_device("reference", "host");
  const auto executable = device->compile(graph.bind(1), {});
  EXPECT_EQ(executable->placements().at(0), "digital");
  const Outcome run =
      run_graph(*executable, {Tensor::of<std::int64_t>({1, 2}, std::vector<std::int64_t>{5, 6})});
  EXPECT_EQ(integers(run.outputs[0]), (std::vector<std::int64_t>{39}));
}

}  // namespace
}  // namespace jb::test
