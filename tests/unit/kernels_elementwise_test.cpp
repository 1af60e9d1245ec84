// Operators element by element against values computed by hand and the functions' definitions.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "backends/core/number_conversion.h"
#include "tests/support/nodes.h"

namespace jb::test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(ElementwiseKernels, BroadcastAsNumpyDoes) {
  const Tensor a = f32({2, 1, 3}, {1, 2, 3, 4, 5, 6});
  const Tensor b = f32({2, 1}, {10, 20});
  const Tensor y = run_op(Op::add, {a, b});
  EXPECT_EQ(y.dims(), (Dims{2, 2, 3}));
  EXPECT_EQ(floats(y), (std::vector<float>{11, 12, 13, 21, 22, 23, 14, 15, 16, 24, 25, 26}));
  EXPECT_EQ(floats(run_op(Op::sub, {scalar(1), f32({2}, {3, 4})})), (std::vector<float>{-2, -3}));
  EXPECT_EQ(run_op(Op::mul, {f32({0, 3}, {}), f32({1, 3}, {1, 2, 3})}).dims(), (Dims{0, 3}));
}

// Every pair of positions through 4 dimensions, so that merged and unmerged walks both occur.
TEST(ElementwiseKernels, BroadcastsOfAllPatternsAgreeWithIndexArithmetic) {
  const Dims full = {2, 3, 4, 5};
  for (int pattern = 0; pattern < 256; ++pattern) {
    Dims a = full;
    Dims b = full;
    for (std::size_t d = 0; d < 4; ++d) {
      if ((pattern >> d & 1) != 0) a[d] = 1;
      if ((pattern >> (d + 4) & 1) != 0) b[d] = 1;
    }
    const Tensor x = normal(a, 1);
    const Tensor z = normal(b, 2);
    const Tensor y = run_op(Op::mul, {x, z});
    Dims out(4);
    for (std::size_t d = 0; d < 4; ++d) out[d] = std::max(a[d], b[d]);
    ASSERT_EQ(y.dims(), out);
    for (std::int64_t i = 0; i < y.size(); ++i) {
      std::int64_t rest = i;
      std::int64_t at_a = 0;
      std::int64_t at_b = 0;
      std::int64_t sa = 1;
      std::int64_t sb = 1;
      for (std::size_t d = 4; d-- > 0;) {
        const std::int64_t index = rest % out[d];
        rest /= out[d];
        at_a += index % a[d] * sa;
        at_b += index % b[d] * sb;
        sa *= a[d];
        sb *= b[d];
      }
      const float wanted = x.as<float>()[static_cast<std::size_t>(at_a)] *
                           z.as<float>()[static_cast<std::size_t>(at_b)];
      ASSERT_EQ(y.as<float>()[static_cast<std::size_t>(i)], wanted) << pattern;
    }
  }
}

TEST(ElementwiseKernels, IntegersWrapAndDivideTowardsZero) {
  const auto bytes = [](std::vector<std::uint8_t> v) {
    return Tensor::of<std::uint8_t>({static_cast<std::int64_t>(v.size())}, v);
  };
  const Tensor sum = run_op(Op::add, {bytes({250, 1}), bytes({10, 2})});
  EXPECT_EQ(sum.as<std::uint8_t>()[0], 4);
  EXPECT_EQ(sum.as<std::uint8_t>()[1], 3);
  EXPECT_EQ(integers(run_op(Op::div, {i64({-7, 7}), i64({2, -2})})),
            (std::vector<std::int64_t>{-3, -3}));
  const std::int64_t least = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(integers(run_op(Op::div, {i64({least}), i64({-1})}))[0], least);
  EXPECT_THROW(run_op(Op::div, {i64({1}), i64({0})}), Error);
  EXPECT_EQ(integers(run_op(Op::modulo, {i64({-7, 7, -7}), i64({3, -3, -3})})),
            (std::vector<std::int64_t>{2, -2, -1}));
  EXPECT_EQ(integers(run_op(Op::modulo, {i64({-7, 7}), i64({3, -3})}, ModAttributes{true})),
            (std::vector<std::int64_t>{-1, 1}));
  EXPECT_EQ(integers(run_op(Op::pow, {i64({2, -1, 3, 5}), i64({62, -3, -1, 0})})),
            (std::vector<std::int64_t>{std::int64_t{1} << 62, -1, 0, 1}));
}

TEST(ElementwiseKernels, PowersKeepTheTypeOfTheBase) {
  const Tensor y = run_op(Op::pow, {i64({1, 2, 3}), f32({3}, {4, 5, 6})});
  EXPECT_EQ(integers(y), (std::vector<std::int64_t>{1, 32, 729}));
  EXPECT_EQ(floats(run_op(Op::pow, {f32({2}, {2, 3}), i64({3, 2})})), (std::vector<float>{8, 9}));
  EXPECT_EQ(floats(run_op(Op::pow, {f32({2}, {-2, 3}), scalar(2)})), (std::vector<float>{4, 9}));
}

TEST(ElementwiseKernels, ComparisonsLogicAndSelections) {
  const Tensor less = run_op(Op::less, {f32({3}, {1, 2, 3}), scalar(2)});
  EXPECT_EQ(less.type(), DataType::boolean);
  const Tensor chosen = run_op(Op::where, {less, f32({3}, {1, 2, 3}), f32({1}, {9})});
  EXPECT_EQ(floats(chosen), (std::vector<float>{1, 9, 9}));
  const Tensor inverted = run_op(Op::logical_not, {less});
  const Tensor both = run_op(Op::logical_or, {less, inverted});
  for (const bool b : both.as<bool>()) EXPECT_TRUE(b);
  const Tensor neither = run_op(Op::logical_and, {less, inverted});
  for (const bool b : neither.as<bool>()) EXPECT_FALSE(b);
  EXPECT_EQ(floats(run_op(Op::maximum, {f32({2}, {1, 5}), scalar(3), f32({2}, {2, 9})})),
            (std::vector<float>{3, 9}));
  EXPECT_TRUE(std::isnan(floats(run_op(Op::minimum, {scalar(1), scalar(std::nanf(""))}))[0]));
  EXPECT_EQ(floats(run_op(Op::mean, {f32({2}, {1, 2}), f32({2}, {3, 6})})),
            (std::vector<float>{2, 4}));
}

// Definitions in the ONNX operator reference, evaluated in float64.
TEST(ElementwiseKernels, ActivationsFollowTheirDefinitions) {
  struct Case {
    Op op;
    Attributes attributes;
    double (*f)(double);
  };
  const std::vector<Case> cases = {
      {Op::relu, {}, [](double x) { return std::max(x, 0.0); }},
      {Op::leaky_relu, ScalarAttributes{0.1F, 0}, [](double x) { return x < 0 ? 0.1F * x : x; }},
      {Op::elu, ScalarAttributes{2, 0}, [](double x) { return x < 0 ? 2 * std::expm1(x) : x; }},
      {Op::selu, ScalarAttributes{2, 3},
       [](double x) { return x > 0 ? 3 * x : 3 * (2 * std::exp(x) - 2); }},
      {Op::celu, ScalarAttributes{2, 0},
       [](double x) { return std::max(0.0, x) + std::min(0.0, 2 * std::expm1(x / 2)); }},
      {Op::sigmoid, {}, [](double x) { return 1 / (1 + std::exp(-x)); }},
      {Op::hard_sigmoid, ScalarAttributes{0.2F, 0.5F},
       [](double x) { return std::clamp(0.2F * x + 0.5, 0.0, 1.0); }},
      {Op::hard_swish, {}, [](double x) { return x * std::clamp(x / 6 + 0.5, 0.0, 1.0); }},
      {Op::softplus, {}, [](double x) { return std::log(1 + std::exp(x)); }},
      {Op::softsign, {}, [](double x) { return x / (1 + std::abs(x)); }},
      {Op::tanh, {}, [](double x) { return std::tanh(x); }},
      {Op::gelu, {}, [](double x) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); }},
      {Op::gelu, GeluAttributes{true},
       [](double x) {
         return 0.5 * x *
                (1 + std::tanh(std::sqrt(2 / 3.14159265358979) * (x + 0.044715 * x * x * x)));
       }},
      {Op::silu, {}, [](double x) { return x / (1 + std::exp(-x)); }},
      {Op::mish, {}, [](double x) { return x * std::tanh(std::log(1 + std::exp(x))); }},
      {Op::round, {}, [](double x) { return std::nearbyint(x); }},
      {Op::sign, {}, [](double x) { return x > 0   ? 1.0
                                           : x < 0 ? -1.0
                                                   : 0.0; }},
      {Op::reciprocal, {}, [](double x) { return 1 / x; }},
      {Op::erf, {}, [](double x) { return std::erf(x); }}};
  const Tensor x = f32({8}, {-6, -2.5F, -0.5F, 0.125F, 0.5F, 1.5F, 3, 8});
  for (const Case& c : cases) {
    const std::vector<float> y = floats(run_op(c.op, {x}, c.attributes));
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double wanted = c.f(static_cast<double>(x.as<float>()[i]));
      // A few roundings of float at magnitudes up to 8.
      EXPECT_NEAR(y[i], wanted, 4e-6 * (1 + std::abs(wanted))) << name_of(c.op) << " at " << i;
    }
  }
  EXPECT_EQ(floats(run_op(Op::sigmoid, {f32({2}, {-1000, 1000})})), (std::vector<float>{0, 1}));
  EXPECT_EQ(floats(run_op(Op::softplus, {f32({1}, {1000})}))[0], 1000);
}

TEST(ElementwiseKernels, ClipTakesLimitsThatAreThere) {
  EXPECT_EQ(floats(run_op(Op::clip, {f32({3}, {-2, 0, 2}), scalar(-1), scalar(1)})),
            (std::vector<float>{-1, 0, 1}));
  EXPECT_EQ(
      floats(run_op(Op::clip, {f32({3}, {-2, 0, kInf}),
                               Tensor::alias(DataType::f32, {0}, nullptr, nullptr), scalar(1)})),
      (std::vector<float>{-2, 0, 1}));
  const std::int8_t low = -3;
  const std::vector<std::int8_t> bytes = {-128, 0, 127};
  const Tensor y = run_op(
      Op::clip, {Tensor::of<std::int8_t>({3}, bytes), Tensor::of<std::int8_t>({}, {&low, 1})});
  EXPECT_EQ(y.as<std::int8_t>()[0], -3);
  EXPECT_EQ(y.as<std::int8_t>()[2], 127);
}

TEST(ElementwiseKernels, CastsRoundWrapAndSaturate) {
  const auto cast = [](const Tensor& x, DataType to) {
    return run_op(Op::cast, {x}, CastAttributes{to});
  };
  EXPECT_EQ(integers(cast(f32({3}, {-1.9F, 2.9F, 1e30F}), DataType::s64)),
            (std::vector<std::int64_t>{-1, 2, std::numeric_limits<std::int64_t>::max()}));
  const Tensor half = cast(f32({4}, {1.0F, 65504, 1e-7F, 1.0F / 3}), DataType::f16);
  const std::vector<float> back = floats(cast(half, DataType::f32));
  EXPECT_EQ(back[0], 1);
  EXPECT_EQ(back[1], 65504);
  EXPECT_EQ(back[2], 2 * 0x1p-24F);     // nearest multiple of the smallest subnormal
  EXPECT_EQ(back[3], 0.333251953125F);  // 1365 x 2^-12
  EXPECT_TRUE(cast(f32({1}, {0.5F}), DataType::boolean).as<bool>()[0]);
}

// Every binary16 pattern survives the way to float and back, and rounding is to nearest even.
TEST(ElementwiseKernels, HalfPrecisionConversionIsExactOnAllPatterns) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const Float16 half{static_cast<std::uint16_t>(bits)};
    const float value = to_float(half);
    if (std::isnan(value)) continue;
    ASSERT_EQ(to_float16(value).bits, half.bits);
  }
  EXPECT_EQ(to_float16(1 + 0x1p-11F).bits, to_float16(1.0F).bits);             // tie to even
  EXPECT_EQ(to_float16(1 + 3 * 0x1p-11F).bits, to_float16(1 + 0x1p-9F).bits);  // tie to even
  EXPECT_EQ(to_float16(65520).bits, 0x7C00);
  EXPECT_EQ(to_bfloat16(1 + 0x1p-8F).bits, 0x3F80);
  EXPECT_EQ(to_bfloat16(1 + 3 * 0x1p-8F).bits, 0x3F82);
}

TEST(ElementwiseKernels, HalfPrecisionComputesInFloat) {
  const auto half = [](std::vector<float> v) {
    return run_op(Op::cast, {f32({static_cast<std::int64_t>(v.size())}, v)},
                  CastAttributes{DataType::f16});
  };
  const Tensor y = run_op(Op::add, {half({1, 2048}), half({0.5F, 1})});
  EXPECT_EQ(y.type(), DataType::f16);
  const std::vector<float> back = floats(run_op(Op::cast, {y}, CastAttributes{DataType::f32}));
  EXPECT_EQ(back, (std::vector<float>{1.5F, 2048}));  // 2049 is a tie: to even
}

TEST(ElementwiseKernels, RefusalsNameTheNode) {
  try {
    run_op(Op::add, {f32({2}, {1, 2}), f32({3}, {1, 2, 3})});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    EXPECT_STREQ(error.what(), "node 'n' (Add): 2 and 3 cannot be broadcast to one size");
  }
  EXPECT_THROW(run_op(Op::add, {f32({1}, {1}), i64({1})}), Error);
  EXPECT_THROW(run_op(Op::sqrt, {i64({1})}), Error);
  EXPECT_THROW(run_op(Op::add, {f32({1}, {1})}), Error);
}

}  // namespace
}  // namespace jb::test
