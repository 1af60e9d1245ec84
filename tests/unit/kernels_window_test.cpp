// Pooling, normalisation, softmax and resize against values computed by hand and plain loops.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/nodes.h"

namespace jb::test {
namespace {

PoolAttributes pool(std::vector<std::int64_t> kernel, std::vector<std::int64_t> strides = {},
                    std::vector<std::int64_t> begin = {}, std::vector<std::int64_t> end = {}) {
  PoolAttributes attributes;
  attributes.kernel = std::move(kernel);
  attributes.strides = std::move(strides);
  attributes.pads_begin = std::move(begin);
  attributes.pads_end = std::move(end);
  return attributes;
}

TEST(WindowKernels, MaxPoolGivesValuesAndIndices) {
  const Tensor x = counting({1, 1, 4, 4});
  PoolAttributes attributes = pool({2, 2}, {2, 2});
  const auto y = run_node(node_of(Op::max_pool, attributes, 2), {x});
  EXPECT_EQ(floats(y[0]), (std::vector<float>{5, 7, 13, 15}));
  EXPECT_EQ(integers(y[1]), (std::vector<std::int64_t>{5, 7, 13, 15}));
  attributes.column_major_indices = true;
  EXPECT_EQ(integers(run_node(node_of(Op::max_pool, attributes, 2), {x})[1]),
            (std::vector<std::int64_t>{5, 13, 7, 15}));
  attributes = pool({2, 2});
  attributes.dilations = {2, 2};
  EXPECT_EQ(floats(run_op(Op::max_pool, {x}, attributes)), (std::vector<float>{10, 11, 14, 15}));
}

TEST(WindowKernels, CeilModeAddsAWindowOnlyInsideTheInput) {
  PoolAttributes attributes = pool({3, 3}, {2, 2});
  attributes.ceil_mode = true;
  EXPECT_EQ(floats(run_op(Op::max_pool, {counting({1, 1, 4, 4})}, attributes)),
            (std::vector<float>{10, 11, 14, 15}));
  // (2 + 2 - 1) / 2 + 1 rounded up would be 3 windows, the last starting in the right padding.
  attributes = pool({1}, {2}, {0}, {0});
  attributes.ceil_mode = true;
  EXPECT_EQ(inferred(node_of(Op::max_pool, attributes), {counting({1, 1, 2})}), (Dims{1, 1, 1}));
}

TEST(WindowKernels, AveragePoolCountsPaddingOnlyWhenTold) {
  const Tensor x = f32({1, 1, 3}, {1, 2, 6});
  PoolAttributes attributes = pool({3}, {}, {1}, {1});
  EXPECT_EQ(floats(run_op(Op::average_pool, {x}, attributes)), (std::vector<float>{1.5F, 3, 4}));
  attributes.count_include_pad = true;
  EXPECT_EQ(floats(run_op(Op::average_pool, {x}, attributes)),
            (std::vector<float>{1, 3, 8.0F / 3}));
  // A last window that leaves input and padding counts what lies inside them.
  attributes = pool({2}, {2});
  attributes.ceil_mode = true;
  attributes.count_include_pad = true;
  EXPECT_EQ(floats(run_op(Op::average_pool, {x}, attributes)), (std::vector<float>{1.5F, 6}));
}

TEST(WindowKernels, AutoPadPutsTheOddElementWhereItSays) {
  const Tensor x = f32({1, 1, 4}, {1, 2, 3, 4});
  PoolAttributes attributes = pool({2}, {1});
  attributes.auto_pad = AutoPad::same_upper;
  EXPECT_EQ(floats(run_op(Op::max_pool, {x}, attributes)), (std::vector<float>{2, 3, 4, 4}));
  attributes.auto_pad = AutoPad::same_lower;
  EXPECT_EQ(floats(run_op(Op::max_pool, {x}, attributes)), (std::vector<float>{1, 2, 3, 4}));
  attributes.auto_pad = AutoPad::valid;
  EXPECT_EQ(floats(run_op(Op::max_pool, {x}, attributes)), (std::vector<float>{2, 3, 4}));
}

TEST(WindowKernels, PoolsThreeDimensionsAndGlobally) {
  const Tensor x = counting({1, 2, 2, 2, 2});
  EXPECT_EQ(floats(run_op(Op::average_pool, {x}, pool({2, 2, 2}))),
            (std::vector<float>{3.5F, 11.5F}));
  EXPECT_EQ(floats(run_op(Op::global_average_pool, {x})), (std::vector<float>{3.5F, 11.5F}));
  EXPECT_EQ(floats(run_op(Op::global_max_pool, {x})), (std::vector<float>{7, 15}));
  EXPECT_NEAR(floats(run_op(Op::lp_pool, {f32({1, 1, 2}, {3, -4})}, pool({2})))[0], 5, 1e-6);
  EXPECT_THROW(run_op(Op::max_pool, {x}, pool({3, 2, 2})), Error);
  EXPECT_THROW(run_op(Op::max_pool, {x}, pool({2, 2})), Error);
  EXPECT_THROW(run_op(Op::max_pool, {counting({1, 1, 4})}, pool({2}, {}, {2}, {0})), Error);
}

TEST(WindowKernels, SoftmaxAlongAnyAxis) {
  const Tensor x = normal({3, 4, 5}, 1);
  for (const std::int64_t axis : {-1, 0, 1}) {
    const Tensor y = run_op(Op::softmax, {x}, AxisAttributes{axis, 0});
    const Tensor l = run_op(Op::log_softmax, {x}, AxisAttributes{axis, 0});
    const std::size_t d = axis < 0 ? 2 : static_cast<std::size_t>(axis);
    const std::int64_t stride = d == 2 ? 1 : d == 1 ? 5 : 20;
    for (std::int64_t i = 0; i < x.size(); ++i) {
      const std::int64_t first = i - i / stride % x.dims()[d] * stride;
      double sum = 0;
      for (std::int64_t j = 0; j < x.dims()[d]; ++j) {
        sum += std::exp(
            static_cast<double>(x.as<float>()[static_cast<std::size_t>(first + j * stride)]));
      }
      const auto at = static_cast<std::size_t>(i);
      const double wanted = std::exp(static_cast<double>(x.as<float>()[at])) / sum;
      EXPECT_NEAR(y.as<float>()[at], wanted, 1e-6);
      EXPECT_NEAR(l.as<float>()[at], std::log(wanted), 2e-6);
    }
  }
  const std::vector<float> large =
      floats(run_op(Op::softmax, {f32({2}, {10000, 10001})}, AxisAttributes{-1, 0}));
  EXPECT_NEAR(large[1], 1 / (1 + std::exp(-1.0)), 1e-6);
  // Opset 12 and older: one softmax over all dimensions from the axis on.
  const Tensor flat = run_op(Op::softmax_flattened, {x}, AxisAttributes{1, 0});
  double sum = 0;
  for (std::size_t i = 0; i < 20; ++i) sum += static_cast<double>(flat.as<float>()[i]);
  EXPECT_NEAR(sum, 1, 1e-5);
}

TEST(WindowKernels, NormalisationsByHand) {
  const Tensor x = f32({1, 2, 2}, {1, 3, 10, 30});
  NormAttributes norm;
  norm.epsilon = 0;
  const Tensor y =
      run_op(Op::batch_normalization,
             {x, f32({2}, {2, 1}), f32({2}, {0, 5}), f32({2}, {1, 10}), f32({2}, {4, 100})}, norm);
  EXPECT_EQ(floats(y), (std::vector<float>{0, 2, 5, 7}));
  const Tensor i =
      run_op(Op::instance_normalization, {x, f32({2}, {1, 2}), f32({2}, {0, 1})}, norm);
  EXPECT_EQ(floats(i), (std::vector<float>{-1, 1, -1, 3}));
  norm.groups = 1;
  const Tensor g = run_op(Op::group_normalization, {x, f32({1}, {1}), f32({1}, {0})}, norm);
  double mean = 0;
  double square = 0;
  for (const float v : floats(g)) {
    mean += static_cast<double>(v) / 4;
    square += static_cast<double>(v) * static_cast<double>(v) / 4;
  }
  EXPECT_NEAR(mean, 0, 1e-6);
  EXPECT_NEAR(square, 1, 1e-6);
}

TEST(WindowKernels, LayerNormalizationGivesMeanAndInverseDeviation) {
  NormAttributes norm;
  norm.axis = 1;
  norm.epsilon = 0;
  const auto y = run_node(node_of(Op::layer_normalization, norm, 3),
                          {f32({2, 1, 2}, {1, 3, -2, 2}), f32({2}, {2, 1}), f32({2}, {0, 1})});
  EXPECT_EQ(floats(y[0]), (std::vector<float>{-2, 2, -2, 2}));
  EXPECT_EQ(y[1].dims(), (Dims{2, 1, 1}));
  EXPECT_EQ(floats(y[1]), (std::vector<float>{2, 0}));
  EXPECT_EQ(floats(y[2]), (std::vector<float>{1, 0.5F}));
}

TEST(WindowKernels, LocalResponseSumsChannelsAround) {
  LrnAttributes lrn;
  lrn.alpha = 3;
  lrn.beta = 1;
  lrn.bias = 1;
  lrn.size = 3;
  const Tensor y = run_op(Op::lrn, {f32({1, 3, 1}, {1, 2, 3})}, lrn);
  EXPECT_NEAR(floats(y)[0], 1.0 / (1 + 1 + 4), 1e-7);
  EXPECT_NEAR(floats(y)[1], 2.0 / (1 + 1 + 4 + 9), 1e-7);
  EXPECT_NEAR(floats(y)[2], 3.0 / (1 + 4 + 9), 1e-7);
}

NamedAttributes resize(const std::string& mode, const std::string& transformation,
                       const std::string& nearest = "round_prefer_floor") {
  NamedAttributes named;
  named.strings = {{"mode", mode},
                   {"coordinate_transformation_mode", transformation},
                   {"nearest_mode", nearest}};
  return named;
}

// Worked examples of the ONNX operator reference (Resize, opset 19).
TEST(WindowKernels, ResizeAsInTheOperatorReference) {
  const Tensor none = Tensor::alias(DataType::f32, {0}, nullptr, nullptr);
  const Tensor x = f32({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor up =
      run_op(Op::resize, {x, none, f32({4}, {1, 1, 2, 3})}, resize("nearest", "half_pixel"));
  EXPECT_EQ(floats(up), (std::vector<float>{1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2,
                                            3, 3, 3, 4, 4, 4, 3, 3, 3, 4, 4, 4}));
  const Tensor linear =
      run_op(Op::resize, {x, none, f32({4}, {1, 1, 2, 2})}, resize("linear", "half_pixel"));
  EXPECT_EQ(floats(linear), (std::vector<float>{1, 1.25F, 1.75F, 2, 1.5F, 1.75F, 2.25F, 2.5F, 2.5F,
                                                2.75F, 3.25F, 3.5F, 3, 3.25F, 3.75F, 4}));
  const Tensor corners =
      run_op(Op::resize, {x, none, f32({4}, {1, 1, 2, 2})}, resize("linear", "align_corners"));
  EXPECT_NEAR(floats(corners)[1], 1 + 1.0 / 3, 1e-6);
  EXPECT_NEAR(floats(corners)[15], 4, 1e-6);
  const Tensor image = [] {
    Tensor t = counting({1, 1, 4, 4});
    for (float& v : t.as_mutable<float>()) v += 1;
    return t;
  }();
  const Tensor cubic =
      run_op(Op::resize, {image, none, f32({4}, {1, 1, 2, 2})}, resize("cubic", "half_pixel"));
  EXPECT_NEAR(floats(cubic)[0], 0.47265625, 1e-6);
  EXPECT_NEAR(floats(cubic)[1], 0.76953125, 1e-6);
  EXPECT_NEAR(floats(cubic)[63], 16.52734375, 1e-5);
  EXPECT_THROW(run_op(Op::resize, {x, none, f32({4}, {1, 1, 2, 2})}, resize("area", "half_pixel")),
               Unsupported);
}

}  // namespace
}  // namespace jb::test
