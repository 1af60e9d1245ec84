// Blocks of several operators, as networks are made of: the machines that compute exactly agree
// with the reference backend, which forms every product in float64.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "backends/core/random.h"
#include "harness/inference.h"
#include "tests/support/onnx_model.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using List = std::vector<std::int64_t>;

Tensor normal_tensor(const Dims& dims, std::uint64_t tag, double scale = 1) {
  Tensor tensor(DataType::f32, dims);
  const auto values = tensor.as_mutable<float>();
  RandomStream(3, 0, tag, 11).normals(values, 0, 0, 0);
  for (float& x : values) x = static_cast<float>(scale * static_cast<double>(x));
  return tensor;
}

/// A model and its inputs, put together piece by piece.
struct Block {
  OnnxModel model;
  std::vector<Tensor> inputs;
  std::uint64_t drawn = 0;

  explicit Block(int opset) : model(opset, opset < 9 ? 3 : 8) {}

  void input(const std::string& name, const Dims& dims) {
    model.input(name, dims);
    inputs.push_back(normal_tensor(dims, ++drawn));
  }
  /// Normals whose products over `fan` keep the size of what comes in.
  void weight(const std::string& name, const Dims& dims, std::int64_t fan) {
    const Tensor values = normal_tensor(dims, ++drawn, 1 / std::sqrt(static_cast<double>(fan)));
    const auto held = values.as<float>();
    model.floats(name, dims, {held.begin(), held.end()});
    if (model.proto.ir_version() < 4) model.input(name, dims);  // as old files list them
  }
  void positive(const std::string& name, const Dims& dims) {
    std::vector<float> values;
    const Tensor drawn_values = normal_tensor(dims, ++drawn);
    for (const float x : drawn_values.as<float>()) values.push_back(0.5F + std::abs(x));
    model.floats(name, dims, values);
    if (model.proto.ir_version() < 4) model.input(name, dims);
  }
  ::onnx::NodeProto& node(const std::string& op, const std::vector<std::string>& in,
                          const std::string& out) {
    return model.node(op, "make_" + out, in, {out});
  }
  void linear(const std::string& in, const std::string& out, std::int64_t k, std::int64_t n) {
    weight(out + ".w", {k, n}, k);
    weight(out + ".b", {n}, 4);
    node("MatMul", {in, out + ".w"}, out + ".product");
    node("Add", {out + ".product", out + ".b"}, out);
  }
};

/// Multi-head attention with layer norm and a gated block, in operators of opset 13.
Block attention() {
  Block b(13);
  b.input("x", {2, 5, 12});
  b.model.integers("heads", {2, 5, 3, 4}).integers("flat", {2, 5, 12});
  for (const char* name : {"q", "k", "v"}) {
    b.linear("x", name, 12, 12);
    b.node("Reshape", {name, "heads"}, std::string(name) + ".heads");
  }
  attribute(b.node("Transpose", {"q.heads"}, "qt"), "perm", List{0, 2, 1, 3});
  attribute(b.node("Transpose", {"k.heads"}, "kt"), "perm", List{0, 2, 3, 1});
  attribute(b.node("Transpose", {"v.heads"}, "vt"), "perm", List{0, 2, 1, 3});
  b.model.floats("root", {}, {2.0F}).floats("two", {}, {2.0F}).floats("small", {}, {1e-5F});
  b.node("MatMul", {"qt", "kt"}, "scores");
  b.node("Div", {"scores", "root"}, "scaled");
  attribute(b.node("Softmax", {"scaled"}, "shares"), "axis", std::int64_t{-1});
  b.node("MatMul", {"shares", "vt"}, "mixed");
  attribute(b.node("Transpose", {"mixed"}, "back"), "perm", List{0, 2, 1, 3});
  b.node("Reshape", {"back", "flat"}, "joined");
  b.linear("joined", "out", 12, 12);
  b.node("Add", {"out", "x"}, "residual");
  // Layer normalisation as exporters wrote it before it was an operator.
  attribute(b.node("ReduceMean", {"residual"}, "mean"), "axes", List{-1});
  b.node("Sub", {"residual", "mean"}, "centred");
  b.node("Pow", {"centred", "two"}, "squares");
  attribute(b.node("ReduceMean", {"squares"}, "variance"), "axes", List{-1});
  b.node("Add", {"variance", "small"}, "stabilised");
  b.node("Sqrt", {"stabilised"}, "deviation");
  b.node("Div", {"centred", "deviation"}, "normed");
  b.linear("normed", "wide", 12, 24);
  b.model.floats("root2", {}, {1.41421356F}).floats("one", {}, {1.0F}).floats("half", {}, {0.5F});
  b.node("Div", {"wide", "root2"}, "e0");
  b.node("Erf", {"e0"}, "e1");
  b.node("Add", {"e1", "one"}, "e2");
  b.node("Mul", {"wide", "e2"}, "e3");
  b.node("Mul", {"e3", "half"}, "gelu");
  b.linear("gelu", "y", 24, 12);
  b.model.output("y");
  return b;
}

/// Residual block with batch normalisation, as files of opset 7 have it.
Block residual() {
  Block b(7);
  b.input("x", {2, 6, 9, 8});
  std::string last = "x";
  for (const char* name : {"a", "b"}) {
    const std::string at = name;
    b.weight(at + ".w", {6, 6, 3, 3}, 54);
    auto& conv = b.node("Conv", {last, at + ".w"}, at + ".c");
    attribute(conv, "pads", List{1, 1, 1, 1});
    attribute(conv, "kernel_shape", List{3, 3});
    for (const char* part : {".s", ".v"}) b.positive(at + part, {6});
    for (const char* part : {".o", ".m"}) b.weight(at + part, {6}, 4);
    b.node("BatchNormalization", {at + ".c", at + ".s", at + ".o", at + ".m", at + ".v"},
           at + ".n");
    last = at + ".n";
    if (at == "a") {
      b.node("Relu", {last}, "a.r");
      last = "a.r";
    }
  }
  b.node("Add", {last, "x"}, "sum");
  b.node("Relu", {"sum"}, "rectified");
  auto& pool = b.node("MaxPool", {"rectified"}, "pooled");
  attribute(pool, "kernel_shape", List{3, 3});
  attribute(pool, "strides", List{2, 2});
  attribute(pool, "pads", List{1, 1, 1, 1});
  b.node("GlobalAveragePool", {"pooled"}, "mean");
  b.node("Flatten", {"mean"}, "flat");
  b.weight("fc.w", {10, 6}, 6);
  b.weight("fc.b", {10}, 4);
  attribute(b.node("Gemm", {"flat", "fc.w", "fc.b"}, "y"), "transB", std::int64_t{1});
  b.model.output("y");
  return b;
}

/// Inverted residual: expansion, depthwise with stride and dilation, squeeze and excitation.
Block inverted_residual() {
  Block b(14);
  b.input("x", {2, 4, 11, 10});
  b.weight("e.w", {8, 4, 1, 1}, 4);
  b.node("Conv", {"x", "e.w"}, "e");
  b.node("HardSwish", {"e"}, "ea");
  b.weight("d.w", {8, 1, 3, 5}, 15);
  b.weight("d.b", {8}, 4);
  auto& depthwise = b.node("Conv", {"ea", "d.w", "d.b"}, "d");
  attribute(depthwise, "group", std::int64_t{8});
  attribute(depthwise, "strides", List{2, 1});
  attribute(depthwise, "dilations", List{2, 1});
  attribute(depthwise, "auto_pad", "SAME_UPPER");
  b.model.floats("zero", {}, {0.0F}).floats("six", {}, {6.0F});
  b.node("Clip", {"d", "zero", "six"}, "da");
  b.node("GlobalAveragePool", {"da"}, "s");
  b.weight("s1.w", {2, 8, 1, 1}, 8);
  b.weight("s2.w", {8, 2, 1, 1}, 2);
  b.node("Conv", {"s", "s1.w"}, "s1");
  b.node("Relu", {"s1"}, "s1a");
  b.node("Conv", {"s1a", "s2.w"}, "s2");
  b.node("HardSigmoid", {"s2"}, "gate");
  b.node("Mul", {"da", "gate"}, "gated");
  b.weight("p.w", {6, 4, 1, 1}, 4);
  auto& grouped = b.node("Conv", {"gated", "p.w"}, "y");
  attribute(grouped, "group", std::int64_t{2});
  b.model.output("y");
  return b;
}

/// Encoder and decoder: strided convolution, transposed convolution, skip connection, resizing.
Block encoder_decoder() {
  Block b(13);
  b.input("x", {1, 3, 8, 12});
  b.weight("c.w", {6, 3, 4, 4}, 48);
  auto& down = b.node("Conv", {"x", "c.w"}, "c");
  attribute(down, "strides", List{2, 2});
  attribute(down, "pads", List{1, 1, 1, 1});
  attribute(b.node("LeakyRelu", {"c"}, "ca"), "alpha", 0.2F);
  b.positive("i.s", {6});
  b.weight("i.b", {6}, 4);
  b.node("InstanceNormalization", {"ca", "i.s", "i.b"}, "n");
  b.weight("t.w", {6, 3, 4, 4}, 24);
  b.weight("t.b", {3}, 4);
  auto& up = b.node("ConvTranspose", {"n", "t.w", "t.b"}, "t");
  attribute(up, "strides", List{2, 2});
  attribute(up, "pads", List{1, 1, 1, 1});
  attribute(b.node("Concat", {"t", "x"}, "joined"), "axis", std::int64_t{1});
  b.weight("o.w", {2, 6, 3, 3}, 54);
  attribute(b.node("Conv", {"joined", "o.w"}, "o"), "pads", List{1, 1, 1, 1});
  b.model.floats("scales", {4}, {1, 1, 2, 2});
  auto& resize = b.node("Resize", {"o", "", "scales"}, "large");
  attribute(resize, "mode", "linear");
  b.node("Tanh", {"large"}, "y");
  b.model.output("y");
  return b;
}

/// A recurrent layer of either kind in both directions, and what exporters put around it.
Block recurrent(const char* op, std::int64_t gates) {
  Block b(14);
  b.input("x", {3, 7, 5});  // samples first
  attribute(b.node("Transpose", {"x"}, "steps"), "perm", List{1, 0, 2});
  b.weight("w", {2, gates * 6, 5}, 5);
  b.weight("r", {2, gates * 6, 6}, 6);
  b.weight("b", {2, 2 * gates * 6}, 4);
  auto& cell = b.model.node(op, "cell", {"steps", "w", "r", "b"}, {"h", "last"});
  attribute(cell, "hidden_size", std::int64_t{6});
  attribute(cell, "direction", "bidirectional");
  if (std::string(op) == "GRU") attribute(cell, "linear_before_reset", std::int64_t{1});
  attribute(b.node("Transpose", {"h"}, "turned"), "perm", List{2, 0, 1, 3});
  b.model.integers("flat", {3, 7, 12});
  b.node("Reshape", {"turned", "flat"}, "joined");
  b.linear("joined", "score", 12, 4);
  attribute(b.node("Softmax", {"score"}, "y"), "axis", std::int64_t{-1});
  b.model.output("y").output("last");
  return b;
}

/// Embedding, layer normalisation, Gelu and tied output weights, as opset 20 writes them.
Block language_model() {
  Block b(20);
  b.model.input("ids", {2, 6}, ::onnx::TensorProto::INT64);
  Tensor ids(DataType::s64, {2, 6});
  std::int64_t at = 0;
  for (std::int64_t& id : ids.as_mutable<std::int64_t>()) id = at++ * 5 % 13;
  b.inputs.push_back(ids);
  b.weight("table", {13, 8}, 1);
  b.node("Gather", {"table", "ids"}, "x");
  b.positive("n.s", {8});
  b.weight("n.b", {8}, 4);
  b.node("LayerNormalization", {"x", "n.s", "n.b"}, "n");
  b.linear("n", "h", 8, 16);
  attribute(b.node("Gelu", {"h"}, "g"), "approximate", "tanh");
  b.linear("g", "p", 16, 8);
  b.node("Add", {"p", "x"}, "r");
  attribute(b.node("Transpose", {"table"}, "tied"), "perm", List{1, 0});
  b.node("MatMul", {"r", "tied"}, "y");
  b.model.output("y");
  return b;
}

/// One- and three-dimensional convolutions.
Block volumes() {
  Block b(11);
  b.input("x", {2, 3, 5, 6, 7});
  b.weight("c.w", {4, 3, 2, 3, 3}, 54);
  auto& conv = b.node("Conv", {"x", "c.w"}, "c");
  attribute(conv, "pads", List{0, 1, 2, 1, 1, 0});
  attribute(conv, "strides", List{1, 2, 1});
  attribute(conv, "dilations", List{2, 1, 1});
  b.node("Sigmoid", {"c"}, "ca");
  auto& pool = b.node("AveragePool", {"ca"}, "pooled");
  attribute(pool, "kernel_shape", List{2, 2, 2});
  b.model.integers("lines", {2, 4, -1});
  b.node("Reshape", {"pooled", "lines"}, "line");
  b.weight("l.w", {4, 2, 5}, 10);
  auto& line = b.node("Conv", {"line", "l.w"}, "y");
  attribute(line, "group", std::int64_t{2});
  attribute(line, "pads", List{2, 2});
  b.model.output("y");
  return b;
}

/// A left constant, a Gemm with every factor, broadcasting batches of matrices.
Block products() {
  Block b(13);
  b.input("x", {4, 6});
  b.input("stack", {3, 1, 6, 2});
  b.weight("left", {5, 6}, 6);
  b.node("MatMul", {"left", "stack"}, "m");
  b.weight("g.w", {7, 4}, 4);
  b.weight("g.c", {6, 1}, 4);
  auto& gemm = b.node("Gemm", {"x", "g.w", "g.c"}, "g");
  attribute(gemm, "alpha", 0.5F);
  attribute(gemm, "beta", 2.0F);
  attribute(gemm, "transA", std::int64_t{1});
  attribute(gemm, "transB", std::int64_t{1});
  b.weight("v", {7}, 7);
  b.node("MatMul", {"g", "v"}, "y");
  b.model.output("y").output("m");
  return b;
}

struct Named {
  const char* name;
  std::function<Block()> make;
};
const std::vector<Named> kBlocks = {{"Attention", attention},
                                    {"Residual", residual},
                                    {"InvertedResidual", inverted_residual},
                                    {"EncoderDecoder", encoder_decoder},
                                    {"Lstm", [] { return recurrent("LSTM", 4); }},
                                    {"Gru", [] { return recurrent("GRU", 3); }},
                                    {"Rnn", [] { return recurrent("RNN", 1); }},
                                    {"LanguageModel", language_model},
                                    {"Volumes", volumes},
                                    {"Products", products}};

class Blocks : public ::testing::TestWithParam<Named> {};

TEST_P(Blocks, ExactMachinesAgreeWithTheReference) {
  const TempFolder folder;
  const Block block = GetParam().make();
  const auto path = folder.path() / "model.onnx";
  block.model.save(path);
  const auto run = [&](const std::string& backend, const std::string& device) {
    harness::PointSpec point;
    point.backend = backend;
    point.device = device;
    return harness::InferenceMachine(point).run(path, block.inputs);
  };
  const harness::Inference wanted = run("reference", "");
  EXPECT_TRUE(wanted.ran_on_host.empty());
  for (const auto& [backend, device] : std::vector<std::pair<std::string, std::string>>{
           {"onednn", ""}, {"systolic", "ideal"}, {"crossbar", "ideal"}, {"photonic", "ideal"}}) {
    if (!find_backend(backend).available()) continue;
    const harness::Inference got = run(backend, device);
    EXPECT_TRUE(got.ran_on_host.empty()) << backend << ": " << got.ran_on_host.front();
    ASSERT_EQ(got.outputs.size(), wanted.outputs.size()) << backend;
    for (std::size_t o = 0; o < got.outputs.size(); ++o) {
      ASSERT_EQ(got.outputs[o].dims(), wanted.outputs[o].dims()) << backend;
      const auto y = got.outputs[o].as<float>();
      const auto r = wanted.outputs[o].as<float>();
      double error = 0;
      double size = 0;
      for (std::size_t i = 0; i < y.size(); ++i) {
        error += std::pow(static_cast<double>(y[i]) - static_cast<double>(r[i]), 2);
        size += std::pow(static_cast<double>(r[i]), 2);
      }
      // A dozen layers that round to float32 (2^-24), each error amplified a few times.
      EXPECT_LT(std::sqrt(error), 1e-5 * std::sqrt(size)) << backend << ", output " << o;
      EXPECT_GT(size, 0) << backend;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, Blocks, ::testing::ValuesIn(kBlocks),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace jb::test
