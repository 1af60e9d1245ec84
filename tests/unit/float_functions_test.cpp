// The functions of float32 numbers that exist once per instruction set, against float64.

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "backends/core/kernels.h"
#include "backends/host/ops/function_kernel.h"

namespace jb::host::kernels {
namespace {

double gelu(double x) { return 0.5 * x * (1 + std::erf(x * std::sqrt(0.5))); }
double gelu_tanh(double x) {
  return 0.5 * x * (1 + std::tanh(std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x)));
}
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
double silu(double x) { return x * sigmoid(x); }
double exponential(double x) { return std::exp(x); }
double tangent(double x) { return std::tanh(x); }
double error(double x) { return std::erf(x); }

struct Case {
  const char* name;
  FunctionOfFloats FunctionKernel::*kernel;
  double (*exact)(double);
  /// Error beside that of 4 ulp of the result, in ulp of x: what 1 + erf and 1 + tanh cancel.
  double cancelled_ulps;
};

const std::vector<Case> kCases = {{"exp", &FunctionKernel::exp, exponential, 0},
                                  {"tanh", &FunctionKernel::tanh, tangent, 0},
                                  {"sigmoid", &FunctionKernel::sigmoid, sigmoid, 0},
                                  {"erf", &FunctionKernel::erf, error, 0},
                                  {"gelu", &FunctionKernel::gelu, gelu, 4},
                                  {"gelu_tanh", &FunctionKernel::gelu_tanh, gelu_tanh, 4},
                                  {"silu", &FunctionKernel::silu, silu, 0}};

std::vector<const FunctionKernel*> kernels_here() {
  std::vector<const FunctionKernel*> all = {&baseline::kFunctions};
  if (jb::kernels::isa_level() >= 1) all.push_back(&avx2::kFunctions);
  if (jb::kernels::isa_level() >= 2) all.push_back(&avx512::kFunctions);
  return all;
}

/// Both signs, from 1e-6 to 80 in steps of 2 %, in an order without pattern for the lanes.
std::vector<float> arguments() {
  std::vector<float> x = {0.0F};
  for (double v = 1e-6; v < 80; v *= 1.02) {
    x.push_back(static_cast<float>(v));
    x.push_back(static_cast<float>(-v));
  }
  return x;
}

TEST(FloatFunctions, AreWithinFourUlp) {
  constexpr double kUlp = 0x1p-23;
  const std::vector<float> x = arguments();
  std::vector<float> y(x.size());
  for (const Case& c : kCases) {
    (functions().*c.kernel)(x.data(), y.data(), static_cast<std::int64_t>(x.size()));
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double wanted = c.exact(static_cast<double>(x[i]));
      // An argument that is rounded where it is large (e^x, x of 80) costs |x| ulp of the result.
      const double allowed =
          kUlp * ((4 + std::abs(static_cast<double>(x[i])) / 16) * std::abs(wanted) +
                  c.cancelled_ulps * std::abs(static_cast<double>(x[i]))) +
          std::numeric_limits<float>::min();
      EXPECT_NEAR(static_cast<double>(y[i]), wanted, allowed) << c.name << " of " << x[i];
    }
  }
}

TEST(FloatFunctions, AreTheSameOnEveryInstructionSetAndAtEveryPlace) {
  const std::vector<float> x = arguments();
  for (const Case& c : kCases) {
    std::vector<float> first(x.size());
    (baseline::kFunctions.*c.kernel)(x.data(), first.data(), static_cast<std::int64_t>(x.size()));
    for (const FunctionKernel* kernel : kernels_here()) {
      for (std::size_t i = 0; i < x.size(); i += 7) {  // alone, in place
        float value = x[i];
        (kernel->*c.kernel)(&value, &value, 1);
        EXPECT_EQ(value, first[i]) << c.name << " of " << x[i];
      }
    }
  }
}

TEST(FloatFunctions, EndsOfTheRange) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  const auto of = [](FunctionOfFloats FunctionKernel::*kernel, float x) {
    float y = 0;
    (functions().*kernel)(&x, &y, 1);
    return y;
  };
  EXPECT_EQ(of(&FunctionKernel::exp, -kInf), 0);
  EXPECT_EQ(of(&FunctionKernel::exp, kInf), kInf);
  EXPECT_EQ(of(&FunctionKernel::exp, 89), kInf);
  EXPECT_GT(of(&FunctionKernel::exp, -100), 0);  // subnormal
  EXPECT_EQ(of(&FunctionKernel::tanh, kInf), 1);
  EXPECT_EQ(of(&FunctionKernel::tanh, -kInf), -1);
  EXPECT_EQ(of(&FunctionKernel::erf, -kInf), -1);
  EXPECT_EQ(of(&FunctionKernel::sigmoid, -kInf), 0);
  for (const Case& c : kCases) {
    EXPECT_TRUE(std::isnan(of(c.kernel, std::nanf("")))) << c.name;
    EXPECT_TRUE(std::isnan(of(c.kernel, -std::nanf("")))) << c.name;
  }
}

TEST(FloatFunctions, SumsAreThoseOfTheElements) {
  const std::vector<float> x = arguments();
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<float> y(x.size());
  const double sum = functions().exp_shifted(x.data(), y.data(), n, 80);
  double expected = 0;
  for (const float value : y) expected += static_cast<double>(value);
  EXPECT_NEAR(sum, expected, 1e-12 * expected);  // float64 sums in another order
  double first = 0;
  double second = 0;
  functions().moments(x.data(), n, 1.5, &first, &second);
  double sums = 0;
  double squares = 0;
  for (const float value : x) {
    const double d = static_cast<double>(value) - 1.5;
    sums += d;
    squares += d * d;
  }
  EXPECT_NEAR(first, sums, 1e-10 * squares);
  EXPECT_NEAR(second, squares, 1e-12 * squares);
}

}  // namespace
}  // namespace jb::host::kernels
