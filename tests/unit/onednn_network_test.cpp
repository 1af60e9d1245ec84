// Networks on oneDNN's primitives: convolutions of every kind against plain sums in float64, fusion
// against single nodes, counts against estimates.

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "backends/backend.h"
#include "backends/core/random.h"
#include "backends/host/kernels.h"
#include "models/graph.h"
#include "models/networks/registry.h"

namespace jb::test {
namespace {

using models::Graph;
using models::kBatch;

class OnednnNetwork : public testing::Test {
 protected:
  void SetUp() override {
    const Backend& backend = find_backend("onednn");
    if (const Support there = backend.available(); !there) GTEST_SKIP() << there.reason;
    device_ = backend.open(load_device(backend, "host"), {});
  }
  std::unique_ptr<Device> device_;
};

Tensor normals(const Dims& dims, std::uint64_t seed) {
  Tensor tensor(DataType::f32, dims);
  RandomStream(seed, 0, tag_of("onednn_network_test"), 0)
      .normals(tensor.as_mutable<float>(), 0, 0, 0);
  return tensor;
}

struct ConvCase {
  const char* what;
  std::int64_t batch, channels, height, width, filters, kernel_h, kernel_w;
  std::int64_t stride = 1, dilation = 1, groups = 1;
  std::array<std::int64_t, 4> pads = {0, 0, 0, 0};  // top, left, bottom, right
  bool bias = false;
};

/// Elements in float64, and the sum of the magnitudes that each was added up from.
struct Sums {
  Dims dims;
  std::vector<double> values, magnitudes;
};

Sums plain_conv(const ConvCase& c, const Tensor& x, const Tensor& w, const Tensor* bias) {
  const auto out = [&](std::int64_t size, std::int64_t pads, std::int64_t kernel) {
    return (size + pads - c.dilation * (kernel - 1) - 1) / c.stride + 1;
  };
  const std::int64_t rows = out(c.height, c.pads[0] + c.pads[2], c.kernel_h);
  const std::int64_t cols = out(c.width, c.pads[1] + c.pads[3], c.kernel_w);
  const std::int64_t depth = c.channels / c.groups;
  Sums sums;
  sums.dims = {c.batch, c.filters, rows, cols};
  for (std::int64_t n = 0; n < c.batch; ++n) {
    for (std::int64_t f = 0; f < c.filters; ++f) {
      const std::int64_t first = f / (c.filters / c.groups) * depth;
      for (std::int64_t p = 0; p < rows; ++p) {
        for (std::int64_t q = 0; q < cols; ++q) {
          double value = bias != nullptr ? bias->as<float>()[static_cast<std::size_t>(f)] : 0.0;
          double magnitude = std::abs(value);
          for (std::int64_t d = 0; d < depth; ++d) {
            for (std::int64_t r = 0; r < c.kernel_h; ++r) {
              for (std::int64_t s = 0; s < c.kernel_w; ++s) {
                const std::int64_t i = p * c.stride - c.pads[0] + r * c.dilation;
                const std::int64_t j = q * c.stride - c.pads[1] + s * c.dilation;
                if (i < 0 || j < 0 || i >= c.height || j >= c.width) continue;
                const auto at_x = ((n * c.channels + first + d) * c.height + i) * c.width + j;
                const auto at_w = ((f * depth + d) * c.kernel_h + r) * c.kernel_w + s;
                const double term =
                    static_cast<double>(x.as<float>()[static_cast<std::size_t>(at_x)]) *
                    static_cast<double>(w.as<float>()[static_cast<std::size_t>(at_w)]);
                value += term;
                magnitude += std::abs(term);
              }
            }
          }
          sums.values.push_back(value);
          sums.magnitudes.push_back(magnitude);
        }
      }
    }
  }
  return sums;
}

int add_conv(Graph& graph, const std::string& name, int x, const ConvCase& c, std::uint64_t seed) {
  std::vector<int> inputs = {
      x,
      graph.add_constant(
          name + ".w", normals({c.filters, c.channels / c.groups, c.kernel_h, c.kernel_w}, seed))};
  if (c.bias) inputs.push_back(graph.add_constant(name + ".b", normals({c.filters}, seed + 1)));
  ConvAttributes attributes;
  attributes.strides = {c.stride, c.stride};
  attributes.dilations = {c.dilation, c.dilation};
  attributes.pads_begin = {c.pads[0], c.pads[1]};
  attributes.pads_end = {c.pads[2], c.pads[3]};
  attributes.groups = c.groups;
  return graph.add(Op::conv, name, inputs, attributes);
}

Tensor only_output(Executable& executable, const std::vector<Tensor>& inputs,
                   const LayerSink* sink = nullptr) {
  std::vector<Tensor> outputs;
  executable.run(inputs, outputs, {}, sink);
  EXPECT_EQ(outputs.size(), 1U);
  return outputs.at(0);
}

/// Node by node through the host's plain kernels, whose sums are in float64.
std::vector<Tensor> plain_run(const GraphView& view, const Tensor& input) {
  std::vector<Tensor> values(view.values.size());
  values[static_cast<std::size_t>(view.inputs.at(0))] = input;
  for (const NodeView& node : view.nodes) {
    std::vector<const Tensor*> inputs;
    for (const int i : node.inputs) {
      if (i == kAbsent) {
        inputs.push_back(nullptr);
        continue;
      }
      Tensor& value = values[static_cast<std::size_t>(i)];
      if (view.value(i).is_constant) value = view.value(i).constant.value();
      inputs.push_back(&value);
    }
    values[static_cast<std::size_t>(node.outputs.at(0))] = host::run_kernel(node, inputs).at(0);
  }
  std::vector<Tensor> outputs;
  for (const int output : view.outputs) outputs.push_back(values[static_cast<std::size_t>(output)]);
  return outputs;
}

constexpr double kUnit = 0x1p-24;  // relative rounding of a float operation

TEST_F(OnednnNetwork, ConvolutionsOfEveryKindAreExactToRounding) {
  const ConvCase cases[] = {
      {"plain", 2, 3, 9, 8, 5, 3, 3},
      {"bias and pads", 2, 16, 9, 9, 32, 3, 3, 1, 1, 1, {1, 1, 1, 1}, true},
      {"stride", 1, 16, 11, 10, 16, 3, 3, 2, 1, 1, {1, 1, 1, 1}, true},
      {"asymmetric pads", 1, 4, 7, 8, 6, 3, 2, 1, 1, 1, {0, 1, 2, 0}, true},
      {"dilation", 2, 8, 12, 11, 16, 3, 3, 1, 2, 1, {2, 2, 2, 2}, false},
      {"dilation and stride", 1, 3, 15, 15, 4, 3, 3, 2, 3, 1, {1, 0, 0, 1}, true},
      {"groups", 2, 12, 7, 7, 18, 3, 3, 1, 1, 3, {1, 1, 1, 1}, true},
      {"depthwise", 2, 32, 10, 10, 32, 3, 3, 1, 1, 32, {1, 1, 1, 1}, true},
      {"depthwise, stride, odd channels", 1, 13, 9, 9, 13, 3, 3, 2, 1, 13, {0, 0, 1, 1}, false},
      {"depthwise with two filters each", 1, 6, 8, 8, 12, 3, 3, 1, 1, 6, {1, 1, 1, 1}, true},
      {"pointwise", 3, 24, 6, 5, 40, 1, 1},
      {"pointwise, stride", 1, 16, 9, 9, 16, 1, 1, 2},
      {"large kernel", 1, 3, 23, 23, 16, 11, 11, 4, 1, 1, {0, 0, 0, 0}, true},
      {"kernel as large as the image", 2, 5, 4, 6, 7, 4, 6},
      {"one by one image", 1, 8, 1, 1, 3, 3, 3, 1, 1, 1, {1, 1, 1, 1}, true},
  };
  std::uint64_t seed = 10;
  for (const ConvCase& c : cases) {
    seed += 10;
    Graph graph("conv");
    const int x = graph.add_input("x", DataType::f32, {kBatch, c.channels, c.height, c.width});
    const int y = add_conv(graph, "conv", x, c, seed);
    graph.add_output(y);
    const GraphView view = graph.bind(c.batch);
    const auto executable = device_->compile(view, {});
    const Tensor input = normals({c.batch, c.channels, c.height, c.width}, seed + 2);
    const Tensor result = only_output(*executable, {input});
    const Tensor w = view.value(view.nodes[0].inputs[1]).constant.value();
    const Tensor bias = c.bias ? view.value(view.nodes[0].inputs[2]).constant.value() : Tensor();
    const Sums expected = plain_conv(c, input, w, c.bias ? &bias : nullptr);
    ASSERT_EQ(result.dims(), expected.dims) << c.what;
    // A sum of k products in any order is off by at most k + 1 roundings of their magnitudes.
    const auto terms = static_cast<double>(c.channels / c.groups * c.kernel_h * c.kernel_w) + 1;
    for (std::size_t i = 0; i < expected.values.size(); ++i) {
      ASSERT_NEAR(result.as<float>()[i], expected.values[i],
                  terms * kUnit * expected.magnitudes[i] + 1e-30)
          << c.what << " at " << i;
    }
    EXPECT_FALSE(executable->implementation().empty()) << c.what;
  }
}

/// conv1 - norm1 - relu1 - conv2 - norm2 - add (with what conv2 was given) - relu2 - pool - mean -
/// fc, and a branch that keeps a value alive beside it.
Graph residual_block() {
  Graph graph("block");
  int x = graph.add_input("x", DataType::f32, {kBatch, 16, 12, 12});
  const auto norm = [&](const std::string& name, int value) {
    Tensor variance = normals({16}, tag_of(name) + 4);
    for (float& v : variance.as_mutable<float>()) v = 0.5F + v * v;
    return graph.add(Op::batch_normalization, name,
                     {value, graph.add_constant(name + ".scale", normals({16}, tag_of(name) + 1)),
                      graph.add_constant(name + ".shift", normals({16}, tag_of(name) + 2)),
                      graph.add_constant(name + ".mean", normals({16}, tag_of(name) + 3)),
                      graph.add_constant(name + ".variance", variance)});
  };
  const ConvCase same{"same", 0, 16, 12, 12, 16, 3, 3, 1, 1, 1, {1, 1, 1, 1}, true};
  const int first =
      graph.add(Op::relu, "relu1", {norm("norm1", add_conv(graph, "conv1", x, same, 1))});
  const int second = norm("norm2", add_conv(graph, "conv2", first, same, 3));
  const int sum = graph.add(Op::relu, "relu2", {graph.add(Op::add, "add", {second, first})});
  PoolAttributes pool;
  pool.kernel = {3, 3};
  pool.strides = {2, 2};
  pool.pads_begin = {1, 1};
  pool.pads_end = {0, 1};
  const int pooled = graph.add(Op::max_pool, "pool", {sum}, pool);
  const int mean = graph.add(Op::global_average_pool, "mean", {pooled});
  const int flat = graph.add(Op::flatten, "flatten", {mean}, AxisAttributes{1, 0});
  const int w = graph.add_constant("fc.w", normals({16, 4}, 5));
  const int b = graph.add_constant("fc.b", normals({4}, 6));
  graph.add_output(graph.add(Op::relu, "relu3", {graph.add(Op::matmul, "fc", {flat, w, b})}));
  return graph;
}

double largest(const Tensor& tensor) {
  double most = 0;
  for (const float x : tensor.as<float>()) most = std::max(most, std::abs(static_cast<double>(x)));
  return most;
}

TEST_F(OnednnNetwork, FusedNodesGiveWhatSingleOnesDo) {
  const GraphView view = residual_block().bind(3);
  const auto executable = device_->compile(view, {});
  const Tensor x = normals({3, 16, 12, 12}, 77);
  const Tensor fused = only_output(*executable, {x});
  std::vector<std::string> seen;
  const LayerSink sink = [&](int index, std::string_view name, const Tensor& output) {
    EXPECT_EQ(view.nodes[static_cast<std::size_t>(index)].name, name);
    const int value = view.nodes[static_cast<std::size_t>(index)].outputs[0];
    EXPECT_EQ(output.dims(), view.value(value).dims) << name;
    seen.emplace_back(name);
  };
  const Tensor single = only_output(*executable, {x}, &sink);
  EXPECT_EQ(seen.size(), view.nodes.size());
  const Tensor plain = plain_run(view, x).at(0);
  ASSERT_EQ(fused.dims(), plain.dims());
  // Two convolutions of 144 terms, folding and a layer of 16: some 500 roundings of sums that are
  // up to about ten times their results.
  const double tolerance = 500 * 10 * kUnit * largest(plain);
  for (std::size_t i = 0; i < plain.as<float>().size(); ++i) {
    EXPECT_NEAR(fused.as<float>()[i], plain.as<float>()[i], tolerance);
    EXPECT_NEAR(single.as<float>()[i], plain.as<float>()[i], tolerance);
  }
  EXPECT_GT(largest(plain), 0.1);
}

/// A residual that the convolution itself reads, and one that is an output too: neither may be
/// overwritten.
TEST_F(OnednnNetwork, ResidualsThatOthersNeedAreKept) {
  Graph graph("kept");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 16, 8, 8});
  const ConvCase same{"same", 0, 16, 8, 8, 16, 3, 3, 1, 1, 1, {1, 1, 1, 1}, false};
  const int a = add_conv(graph, "conv1", x, same, 1);
  const int b = graph.add(Op::add, "add1", {add_conv(graph, "conv2", a, same, 2), a});
  const int c = graph.add(Op::add, "add2", {add_conv(graph, "conv3", b, same, 3), x});
  const int d = graph.add(Op::add, "add3", {add_conv(graph, "conv4", c, same, 4), b});
  graph.add_output(d);
  graph.add_output(b);
  const GraphView view = graph.bind(2);
  const Tensor input = normals({2, 16, 8, 8}, 9);
  const Tensor before = normals({2, 16, 8, 8}, 9);
  std::vector<Tensor> outputs;
  const auto executable = device_->compile(view, {});
  for (int repeat = 0; repeat < 2; ++repeat) executable->run({input}, outputs, {}, nullptr);
  const std::vector<Tensor> plain = plain_run(view, input);
  ASSERT_EQ(outputs.size(), 2U);
  for (std::size_t o = 0; o < 2; ++o) {
    // Three convolutions of 144 terms that cancel about tenfold.
    const double tolerance = 3 * 144 * 10 * kUnit * largest(plain[o]);
    for (std::size_t i = 0; i < plain[o].as<float>().size(); ++i) {
      ASSERT_NEAR(outputs[o].as<float>()[i], plain[o].as<float>()[i], tolerance) << o;
    }
  }
  for (std::size_t i = 0; i < before.as<float>().size(); ++i) {
    ASSERT_EQ(input.as<float>()[i], before.as<float>()[i]);
  }
}

void expect_same_counts(const Activity& a, const Activity& b) {
  ASSERT_EQ(a.rows().size(), b.rows().size());
  for (std::size_t i = 0; i < a.rows().size(); ++i) {
    EXPECT_EQ(a.rows()[i].action, b.rows()[i].action);
    EXPECT_EQ(a.rows()[i].layer, b.rows()[i].layer);
    EXPECT_EQ(a.rows()[i].count, b.rows()[i].count);
  }
}

TEST_F(OnednnNetwork, RunsCountWhatEstimatesDo) {
  const Graph graph = residual_block();
  const auto executable = device_->compile(graph.bind(4), {});
  for (const std::int64_t batch : {4, 3, 1}) {
    std::vector<Tensor> outputs;
    const Execution execution =
        executable->run({normals({batch, 16, 12, 12}, 1)}, outputs, {}, nullptr);
    EXPECT_EQ(outputs.at(0).dims(), (Dims{batch, 4}));
    expect_same_counts(execution.activity, executable->estimate(graph.bind(batch)));
  }
}

TEST_F(OnednnNetwork, AnEmptyBatchGivesAnEmptyResult) {
  const auto executable = device_->compile(residual_block().bind(4), {});
  EXPECT_EQ(only_output(*executable, {normals({0, 16, 12, 12}, 1)}).dims(), (Dims{0, 4}));
}

TEST_F(OnednnNetwork, SamplesDoNotDependOnTheirBatch) {
  const auto executable = device_->compile(residual_block().bind(4), {});
  const Tensor all = normals({4, 16, 12, 12}, 3);
  const Tensor together = only_output(*executable, {all});
  for (std::int64_t n = 0; n < 4; ++n) {
    const Tensor one = Tensor::alias(DataType::f32, {1, 16, 12, 12},
                                     all.as<float>().data() + n * 16 * 144, nullptr);
    const Tensor alone = only_output(*executable, {one});
    for (std::size_t j = 0; j < 4; ++j) {
      EXPECT_NEAR(alone.as<float>()[j], together.as<float>()[static_cast<std::size_t>(n) * 4 + j],
                  500 * 10 * kUnit * largest(together));
    }
  }
}

TEST_F(OnednnNetwork, StreamedNetworksGiveTheSameBytes) {
  CompileOptions streamed;
  streamed.streamed = true;
  for (const char* name : {"lenet5", "mlp-784-100-10"}) {
    const Graph graph = models::build_network(name);
    const std::vector<Tensor> inputs = models::draw_inputs(models::network_inputs(name), 5, 0, 1);
    const Tensor kept = only_output(*device_->compile(graph.bind(5), {}), inputs);
    const Tensor dropped = only_output(*device_->compile(graph.bind(5), streamed), inputs);
    for (std::size_t i = 0; i < kept.as<float>().size(); ++i) {
      ASSERT_EQ(kept.as<float>()[i], dropped.as<float>()[i]) << name;
    }
  }
}

TEST_F(OnednnNetwork, WrongInputsAreRefused) {
  const auto executable = device_->compile(residual_block().bind(2), {});
  std::vector<Tensor> outputs;
  EXPECT_THROW(executable->run({}, outputs, {}, nullptr), Error);
  EXPECT_THROW(executable->run({normals({2, 16, 12, 11}, 1)}, outputs, {}, nullptr), Error);
  EXPECT_THROW(executable->run({normals({2, 16, 144}, 1)}, outputs, {}, nullptr), Error);
}

}  // namespace
}  // namespace jb::test
