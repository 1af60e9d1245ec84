// Export: what is written is valid ONNX (by libonnx's checker) and reads back
// as the same network.

#include <gtest/gtest.h>
#include <onnx/checker.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "harness/inference.h"
#include "models/mlp.h"
#include "models/onnx/onnx.h"
#include "models/onnx/tensor_file.h"
#include "tests/support/onnx_model.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

namespace fs = std::filesystem;
using models::Graph;
using models::kBatch;

::onnx::ModelProto checked_model(const fs::path& path) {
  ::onnx::ModelProto model;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(model.ParseFromIstream(&file));
  // Debian's libonnx knows opsets up to 17; newer ones it refuses as newer than
  // itself.
  if (model.opset_import(0).version() <= 17) ::onnx::checker::check_model(model);
  return model;
}

Tensor ramp(const Dims& dims, float from, float step) {
  Tensor tensor(DataType::f32, dims);
  float value = from;
  for (float& element : tensor.as_mutable<float>()) element = value += step;
  return tensor;
}

Tensor integers(const std::vector<std::int64_t>& values) {
  return Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

std::vector<Tensor> run(const fs::path& model, const std::vector<Tensor>& inputs) {
  harness::PointSpec point;
  point.backend = "reference";
  return harness::InferenceMachine(point).run(model, inputs).outputs;
}

/// Exports, checks, imports, exports again: the second file must hold the same
/// graph.
void expect_round_trip(const Graph& graph, const std::vector<Tensor>& inputs) {
  const TempFolder folder;
  const fs::path first = folder.path() / "first.onnx";
  const fs::path second = folder.path() / "second.onnx";
  models::save_onnx(graph, first);
  checked_model(first);
  models::save_onnx(models::load_onnx(first), second);
  checked_model(second);
  const std::vector<Tensor> a = run(first, inputs);
  const std::vector<Tensor> b = run(second, inputs);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].dims(), b[i].dims());
    ASSERT_EQ(a[i].bytes(), b[i].bytes());
    EXPECT_EQ(std::memcmp(a[i].raw(), b[i].raw(), a[i].bytes()), 0) << "output " << i;
  }
}

TEST(OnnxExport, MlpGivesTheScoresOfItsOwnForward) {
  const models::Mlp mlp = models::build_mlp("mlp-6-5-4", 3);
  const TempFolder folder;
  const fs::path path = folder.path() / "mlp.onnx";
  models::save_onnx(mlp.graph(), path);
  const ::onnx::ModelProto model = checked_model(path);
  EXPECT_EQ(model.graph().input(0).type().tensor_type().shape().dim(0).dim_param(), "N");
  EXPECT_EQ(model.graph().output(0).type().tensor_type().shape().dim(0).dim_param(), "N");
  const Tensor x = ramp({3, 6}, -1, 0.125F);
  const Matrix<float> wanted = models::forward(mlp, x.rows_f32(3));
  const Tensor got = run(path, {x}).at(0);
  ASSERT_EQ(got.dims(), (Dims{3, 4}));
  // Sums of at most 6 products in float, in two orders.
  for (std::int64_t i = 0; i < 12; ++i) {
    const float expected = wanted(i / 4, i % 4);
    EXPECT_NEAR(got.as<float>()[static_cast<std::size_t>(i)], expected,
                12 * 6e-8 * std::max(1.0F, std::abs(expected)));
  }
}

TEST(OnnxExport, ConvolutionsPoolsAndNorms) {
  Graph graph("cnn");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 2, 8, 8});
  const int w = graph.add_constant("w", ramp({4, 2, 3, 3}, -0.4F, 0.01F));
  const int b = graph.add_constant("b", ramp({4}, 0, 0.5F));
  ConvAttributes conv;
  conv.strides = {1, 2};
  conv.pads_begin = {1, 1};
  conv.pads_end = {1, 0};
  int y = graph.add(Op::conv, "conv", {x, w, b}, conv);
  graph.nodes().back().activation = {Op::relu, {}};
  const int scale = graph.add_constant("scale", ramp({4}, 0.5F, 0.1F));
  y = graph.add(Op::batch_normalization, "norm", {y, scale, b, b, scale},
                NormAttributes{1e-3F, -1, 1});
  PoolAttributes pool;
  pool.kernel = {2, 2};
  pool.strides = {2, 2};
  pool.ceil_mode = true;
  y = graph.add(Op::max_pool, "pool", {y}, pool);
  y = graph.add(Op::leaky_relu, "leaky", {y}, ScalarAttributes{0.2F, 0});
  y = graph.add(Op::global_average_pool, "mean", {y});
  y = graph.add(Op::flatten, "flat", {y}, AxisAttributes{1, 0});
  y = graph.add(Op::softmax, "softmax", {y}, AxisAttributes{-1, 0});
  graph.add_output(y);
  expect_round_trip(graph, {ramp({2, 2, 8, 8}, -1, 0.01F)});
}

TEST(OnnxExport, BiasedProductsFlattenedSoftmaxAndSilu) {
  Graph graph("mixed");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 3, 4});
  const int w = graph.add_constant("w", ramp({4, 5}, -0.4F, 0.05F));
  const int b = graph.add_constant("b", ramp({5}, 0, 0.5F));
  int y = graph.add(Op::matmul, "product", {x, w, b});
  y = graph.add(Op::silu, "silu", {y});
  y = graph.add(Op::softmax_flattened, "soft", {y}, AxisAttributes{1, 0});
  const int axes = graph.add_constant("axes", integers({-1}));
  y = graph.add(Op::reduce_sum, "sum", {y, axes}, ReduceAttributes{false, false});
  graph.add_output(y);
  expect_round_trip(graph, {ramp({2, 3, 4}, -1, 0.1F)});
}

TEST(OnnxExport, OperatorsOfOpset20) {
  Graph graph("new");
  const int x = graph.add_input("x", DataType::f32, {2, 6});
  int y = graph.add(Op::gelu, "gelu", {x}, GeluAttributes{true});
  y = graph.add(Op::split, "split", {y}, AxisAttributes{1, 2}, 2);
  y = graph.add(Op::add, "add", {y, y + 1});
  const int axes = graph.add_constant("axes", integers({1}));
  y = graph.add(Op::reduce_mean, "mean", {y, axes}, ReduceAttributes{});
  graph.add_output(y);
  expect_round_trip(graph, {ramp({2, 6}, -1, 0.2F)});
}

TEST(OnnxExport, RecurrentLayer) {
  Graph graph("lstm");
  const int x = graph.add_input("x", DataType::f32, {3, 1, 4});
  const int w = graph.add_constant("w", ramp({1, 8, 4}, -0.2F, 0.01F));
  const int r = graph.add_constant("r", ramp({1, 8, 2}, -0.1F, 0.01F));
  RecurrentAttributes attributes;
  attributes.hidden = 2;
  const int y = graph.add(Op::lstm, "lstm", {x, w, r}, attributes, 3);
  graph.add_output(y);
  graph.add_output(y + 1);
  expect_round_trip(graph, {ramp({3, 1, 4}, -1, 0.1F)});
}

TEST(OnnxExport, RefusesNetworksWithoutElements) {
  Graph graph("counts");
  const int x = graph.add_input("x", DataType::f32, {kBatch, 4});
  const int w = graph.add_constant("w", DataType::f32, {4, 2}, Constant());
  graph.add_output(graph.add(Op::matmul, "fc", {x, w}));
  const TempFolder folder;
  const std::string text = refusal([&] { models::save_onnx(graph, folder.path() / "model.onnx"); });
  EXPECT_NE(text.find("'w'"), std::string::npos) << text;
  EXPECT_FALSE(fs::exists(folder.path() / "model.onnx"));
}

TEST(OnnxTensorFile, EveryTypeComesBack) {
  const TempFolder folder;
  for (const DataType type :
       {DataType::f32, DataType::f64, DataType::f16, DataType::bf16, DataType::s8, DataType::s16,
        DataType::s32, DataType::s64, DataType::u8, DataType::u16, DataType::u32, DataType::u64,
        DataType::boolean}) {
    Tensor tensor(type, {2, 3});
    auto* bytes = static_cast<std::uint8_t*>(tensor.mutable_raw());
    for (std::size_t i = 0; i < tensor.bytes(); ++i) {
      bytes[i] = static_cast<std::uint8_t>(type == DataType::boolean ? i % 2 : 3 * i + 1);
    }
    const fs::path path = folder.path() / "t.pb";
    models::write_tensor_proto(path, "t", tensor);
    const Tensor back = models::read_tensor_proto(path);
    EXPECT_EQ(back.type(), type);
    EXPECT_EQ(back.dims(), tensor.dims());
    EXPECT_EQ(std::memcmp(back.raw(), tensor.raw(), tensor.bytes()), 0) << name_of(type);
  }
}

// The typed fields of TensorProto, which hold small numbers in wider ones.
TEST(OnnxTensorFile, TypedFields) {
  using Proto = ::onnx::TensorProto;
  const auto read = [](const Proto& proto) {
    const TempFolder folder;
    std::ofstream(folder.path() / "t.pb", std::ios::binary) << proto.SerializeAsString();
    return models::read_tensor_proto(folder.path() / "t.pb");
  };
  Proto half;
  half.set_data_type(Proto::FLOAT16);
  half.add_dims(2);
  half.add_int32_data(0x3c00);
  half.add_int32_data(0xfc00);
  EXPECT_EQ(read(half).as<Float16>()[1].bits, 0xfc00);
  Proto bytes;
  bytes.set_data_type(Proto::INT8);
  bytes.add_dims(2);
  bytes.add_int32_data(-128);
  bytes.add_int32_data(127);
  EXPECT_EQ(read(bytes).as<std::int8_t>()[0], -128);
  Proto words;
  words.set_data_type(Proto::UINT32);
  words.add_dims(1);
  words.add_uint64_data(4294967295U);
  EXPECT_EQ(read(words).as<std::uint32_t>()[0], 4294967295U);
  Proto doubles;
  doubles.set_data_type(Proto::DOUBLE);
  doubles.add_dims(1);
  doubles.add_double_data(0.1);
  EXPECT_EQ(read(doubles).as<double>()[0], 0.1);
  Proto nan;
  nan.set_data_type(Proto::FLOAT);
  nan.add_dims(1);
  nan.add_float_data(std::nanf(""));
  EXPECT_TRUE(std::isnan(read(nan).as<float>()[0]));
  Proto scalar;
  scalar.set_data_type(Proto::INT64);
  scalar.add_int64_data(-7);
  EXPECT_EQ(read(scalar).rank(), 0U);
}

}  // namespace
}  // namespace jb::test
