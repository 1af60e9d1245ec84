// Operators as older opsets wrote them: what is normalised at import gives what the specification
// of that version says. Expected values are worked out by hand from Changelog.md of onnx.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "backends/core/inference/node_inputs.h"
#include "harness/inference.h"
#include "tests/support/onnx_model.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using Values = std::vector<double>;
using Node = ::onnx::NodeProto;
using List = std::vector<std::int64_t>;

/// 0, 1, 2, ... of these sizes.
Tensor counting(const Dims& dims) {
  Tensor tensor(DataType::f32, dims);
  const auto out = tensor.as_mutable<float>();
  std::iota(out.begin(), out.end(), 0.0F);
  return tensor;
}

struct Form {
  const char* name;
  int opset;
  std::vector<List> inputs;  ///< sizes; elements count from 0
  const char* op;
  std::function<void(OnnxModel&, Node&)> shape;
  Dims dims;
  Values values;
};

const std::vector<Form>& forms() {
  using M = OnnxModel;
  static const std::vector<Form> all = {
      {"AddAlongAxisOfConstant",
       6,
       {{2, 3, 2}},
       "Add",
       [](M& m, Node& n) {
         m.floats("b", {3}, {0, 10, 20});
         n.add_input("b");
         attribute(n, "broadcast", std::int64_t{1});
         attribute(n, "axis", std::int64_t{1});
       },
       {2, 3, 2},
       {0, 1, 12, 13, 24, 25, 6, 7, 18, 19, 30, 31}},
      {"SubAlongAxisOfComputed",
       6,
       {{2, 3}, {2}},
       "Sub",
       [](M& /*m*/, Node& n) {
         attribute(n, "broadcast", std::int64_t{1});
         attribute(n, "axis", std::int64_t{0});
       },
       {2, 3},
       {0, 1, 2, 2, 3, 4}},
      {"MulAlongNegativeAxis",
       6,
       {{2, 2}, {2}},
       "Mul",
       [](M& /*m*/, Node& n) {
         attribute(n, "broadcast", std::int64_t{1});
         attribute(n, "axis", std::int64_t{-1});
       },
       {2, 2},
       {0, 1, 0, 3}},
      {"MemoryHintOfOpset1",
       1,
       {{2, 2}},
       "Relu",
       [](M& /*m*/, Node& n) { attribute(n, "consumed_inputs", List{0}); },
       {2, 2},
       {0, 1, 2, 3}},
      {"ReshapeByAttribute",
       1,
       {{2, 3}},
       "Reshape",
       [](M& /*m*/, Node& n) {
         attribute(n, "shape", List{3, -1});
       },
       {3, 2},
       {0, 1, 2, 3, 4, 5}},
      {"ClipByAttributes",
       6,
       {{4}},
       "Clip",
       [](M& /*m*/, Node& n) {
         attribute(n, "min", 1.0F);
         attribute(n, "max", 2.0F);
       },
       {4},
       {1, 1, 2, 2}},
      {"ClipOneSided",
       6,
       {{4}},
       "Clip",
       [](M& /*m*/, Node& n) { attribute(n, "max", 1.5F); },
       {4},
       {0, 1, 1.5, 1.5}},
      {"SlopePerChannel",
       6,
       {{1, 2, 2}},
       "PRelu",
       [](M& m, Node& n) {
         m.floats("slope", {2}, {0.5F, 0.25F});
         n.add_input("slope");
       },
       {1, 2, 2},
       {0, 1, 2, 3}},
      {"SliceByAttributes",
       9,
       {{3, 4}},
       "Slice",
       [](M& /*m*/, Node& n) {
         attribute(n, "starts", List{1, -2});
         attribute(n, "ends", List{3, 100});
         attribute(n, "axes", List{0, 1});
       },
       {2, 2},
       {6, 7, 10, 11}},
      {"SqueezeByAttribute",
       11,
       {{1, 2, 1}},
       "Squeeze",
       [](M& /*m*/, Node& n) { attribute(n, "axes", List{0}); },
       {2, 1},
       {0, 1}},
      {"SqueezeAll", 1, {{1, 2, 1}}, "Squeeze", [](M& /*m*/, Node& /*n*/) {}, {2}, {0, 1}},
      {"UnsqueezeByAttribute",
       11,
       {{2}},
       "Unsqueeze",
       [](M& /*m*/, Node& n) {
         attribute(n, "axes", List{0, 2});
       },
       {1, 2, 1},
       {0, 1}},
      {"ReduceByAttribute",
       11,
       {{2, 3}},
       "ReduceSum",
       [](M& /*m*/, Node& n) {
         attribute(n, "axes", List{-1});
         attribute(n, "keepdims", std::int64_t{0});
       },
       {2},
       {3, 12}},
      {"ReduceMaxOfOpset17",
       17,
       {{2, 3}},
       "ReduceMax",
       [](M& /*m*/, Node& n) { attribute(n, "axes", List{0}); },
       {1, 3},
       {3, 4, 5}},
      {"PadOfOpset1",
       1,
       {{1, 2}},
       "Pad",
       [](M& /*m*/, Node& n) {
         attribute(n, "paddings", List{1, 0, 0, 1});
         attribute(n, "value", 7.0F);
       },
       {2, 3},
       {7, 7, 7, 0, 1, 7}},
      {"PadOfOpset2Reflects",
       2,
       {{3}},
       "Pad",
       [](M& /*m*/, Node& n) {
         attribute(n, "pads", List{2, 1});
         attribute(n, "mode", "reflect");
       },
       {6},
       {2, 1, 0, 1, 2, 1}},
      {"SplitByAttributeFirstPart",
       11,
       {{5}},
       "Split",
       [](M& /*m*/, Node& n) {
         attribute(n, "split", List{2, 3});
         n.add_output("rest");
       },
       {2},
       {0, 1}},
      {"TopKByAttribute",
       1,
       {{4}},
       "TopK",
       [](M& /*m*/, Node& n) {
         attribute(n, "k", std::int64_t{2});
         n.add_output("indices");
       },
       {2},
       {3, 2}},
      {"UpsampleByAttribute",
       7,
       {{1, 1, 1, 2}},
       "Upsample",
       [](M& /*m*/, Node& n) {
         ::onnx::AttributeProto& scales = *n.add_attribute();
         scales.set_name("scales");
         scales.set_type(::onnx::AttributeProto::FLOATS);
         for (const float s : {1.0F, 1.0F, 2.0F, 2.0F}) scales.add_floats(s);
       },
       {1, 1, 2, 4},
       {0, 0, 1, 1, 0, 0, 1, 1}},
      {"UpsampleOfOpset1",
       1,
       {{1, 1, 1, 2}},
       "Upsample",
       [](M& /*m*/, Node& n) {
         attribute(n, "height_scale", 1.0F);
         attribute(n, "width_scale", 2.0F);
       },
       {1, 1, 1, 4},
       {0, 0, 1, 1}},
      {"ResizeOfOpset10",
       10,
       {{1, 1, 1, 4}},
       "Resize",
       [](M& m, Node& n) {
         m.floats("scales", {4}, {1, 1, 1, 0.5F});
         n.add_input("scales");
       },
       {1, 1, 1, 2},
       {0, 2}},
      {"TileOfOpset1",
       1,
       {{1, 2}},
       "Tile",
       [](M& m, Node& n) {
         m.integers("tiles", {3}).integers("axis", {0});
         n.add_input("tiles");
         n.add_input("axis");
       },
       {3, 2},
       {0, 1, 0, 1, 0, 1}},
      {"CastByName",
       1,
       {{2}},
       "Cast",
       [](M& /*m*/, Node& n) { attribute(n, "to", "INT32"); },
       {2},
       {0, 1}},
      {"ConcatDefaultAxisOfOpset1",
       1,
       {{1, 2}, {1, 2}},
       "Concat",
       [](M& /*m*/, Node& /*n*/) {},
       {1, 4},
       {0, 1, 0, 1}},
      // Before opset 13: over all six elements of a sample together.
      {"SoftmaxFlattened",
       11,
       {{1, 2, 1}},
       "Softmax",
       [](M& /*m*/, Node& /*n*/) {},
       {1, 2, 1},
       {1 / (1 + std::exp(1.0)), std::exp(1.0) / (1 + std::exp(1.0))}},
      {"DropoutOfOpset6",
       6,
       {{2}},
       "Dropout",
       [](M& /*m*/, Node& n) {
         attribute(n, "is_test", std::int64_t{1});
         attribute(n, "ratio", 0.3F);
       },
       {2},
       {0, 1}},
      {"BatchNormalizationOfOpset6",
       6,
       {{1, 2, 2}},
       "BatchNormalization",
       [](M& m, Node& n) {
         m.floats("s", {2}, {1, 2}).floats("b", {2}, {0, 1}).floats("m", {2}, {0, 2});
         m.floats("v", {2}, {1, 4});
         for (const char* name : {"s", "b", "m", "v"}) n.add_input(name);
         attribute(n, "is_test", std::int64_t{1});
         attribute(n, "epsilon", 0.0F);
         attribute(n, "momentum", 0.9F);
       },
       {1, 2, 2},
       {0, 1, 1, 2}},
      {"BatchNormalizationPerElement",
       8,
       {{1, 2}},
       "BatchNormalization",
       [](M& m, Node& n) {
         m.floats("s", {2}, {3, 2}).floats("b", {2}, {1, 1}).floats("m", {2}, {1, 0});
         m.floats("v", {2}, {1, 4});
         for (const char* name : {"s", "b", "m", "v"}) n.add_input(name);
         attribute(n, "spatial", std::int64_t{0});
         attribute(n, "epsilon", 0.0F);
       },
       {1, 2},
       {-2, 2}},
      {"GemmOfOpset6",
       6,
       {{1, 2}},
       "Gemm",
       [](M& m, Node& n) {
         m.floats("w", {2, 2}, {1, 2, 3, 4}).floats("c", {2}, {10, 20});
         n.add_input("w");
         n.add_input("c");
         attribute(n, "broadcast", std::int64_t{1});
       },
       {1, 2},
       {13, 24}},
      {"ThresholdedRelu",
       10,
       {{4}},
       "ThresholdedRelu",
       [](M& /*m*/, Node& n) { attribute(n, "alpha", 1.0F); },
       {4},
       {0, 0, 2, 3}},
      {"LpNormalization",
       1,
       {{1, 2}},
       "LpNormalization",
       [](M& /*m*/, Node& /*n*/) {},
       {1, 2},
       {0, 1}},
      {"LpPoolOfOpset1",
       1,
       {{1, 1, 4}},
       "LpPool",
       [](M& /*m*/, Node& n) {
         attribute(n, "kernel_shape", List{2});
         attribute(n, "strides", List{2});
         attribute(n, "p", 1.0F);
       },
       {1, 1, 2},
       {1, 5}},
  };
  return all;
}

class OldForm : public ::testing::TestWithParam<Form> {};

TEST_P(OldForm, GivesWhatItsVersionSays) {
  const Form& form = GetParam();
  OnnxModel model(form.opset, form.opset < 2 ? 3 : 8);
  std::vector<std::string> names;
  std::vector<Tensor> inputs;
  for (const List& sizes : form.inputs) {
    names.push_back("x" + std::to_string(names.size()));
    model.input(names.back(), sizes);
    inputs.push_back(counting(sizes));
  }
  Node& node = model.node(form.op, "tested", names, {"y"});
  form.shape(model, node);
  model.output("y");
  const TempFolder folder;
  model.save(folder.path() / "model.onnx");
  harness::PointSpec point;
  point.backend = "reference";
  const Tensor y =
      harness::InferenceMachine(point).run(folder.path() / "model.onnx", inputs).outputs.at(0);
  EXPECT_EQ(y.dims(), form.dims);
  const Values got = inference::as_doubles(y);
  ASSERT_EQ(got.size(), form.values.size());
  // Results are whole numbers or single roundings of float32.
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], form.values[i], 2e-7) << i;
}

INSTANTIATE_TEST_SUITE_P(All, OldForm, ::testing::ValuesIn(forms()),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace jb::test
