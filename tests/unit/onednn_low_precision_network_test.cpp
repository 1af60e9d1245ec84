// Networks on oneDNN in fewer bits: bf16 through the primitives with bias and activation fused, 8
// bits product by product; both against the same network in f32.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "models/networks/registry.h"

namespace jb {
namespace {

class LowPrecisionNetwork : public ::testing::Test {
 protected:
  void SetUp() override {
    const Support support = backend_.available();
    if (!support) GTEST_SKIP() << support.reason;
  }

  struct Result {
    std::vector<float> values;
    std::string implementation;
  };

  Result run(const std::string& network, ElementType precision) const {
    const auto device =
        backend_.open(load_device(backend_, "host"), DeviceInstance{1, 0, precision});
    CompileOptions options;
    options.precision = precision;
    const auto executable = device->compile(models::build_network(network).bind(kBatch), options);
    const std::vector<Tensor> inputs =
        models::draw_inputs(models::network_inputs(network), kBatch, 0, 1);
    std::vector<Tensor> outputs;
    executable->run(inputs, outputs, {}, nullptr);
    const auto values = outputs.at(0).as<float>();
    return {{values.begin(), values.end()}, executable->implementation()};
  }

  static double relative_error(const Result& got, const Result& reference) {
    double error = 0;
    double norm = 0;
    for (std::size_t i = 0; i < reference.values.size(); ++i) {
      const double r = static_cast<double>(reference.values[i]);
      const double d = static_cast<double>(got.values[i]) - r;
      error += d * d;
      norm += r * r;
    }
    return std::sqrt(error / norm);
  }

  static constexpr std::int64_t kBatch = 4;
  const Backend& backend_ = find_backend("onednn");
};

TEST_F(LowPrecisionNetwork, Bf16StaysCloseToF32AndIsNotIt) {
  const auto device =
      backend_.open(load_device(backend_, "host"), DeviceInstance{1, 0, ElementType::bf16});
  if (!device->supports({1, 1, 1}, OperandMode::stationary, ElementType::bf16)) {
    GTEST_SKIP() << "this processor has no AVX-512";
  }
  for (const char* network : {"lenet5", "mlp-784-100-10"}) {
    const Result f32 = run(network, ElementType::f32);
    const Result bf16 = run(network, ElementType::bf16);
    const double error = relative_error(bf16, f32);
    // Each layer rounds its inputs and weights to 8 bits of significand, 2^-9 at most and some
    // 2^-10 in the mean; signals of a few layers, errors added up, stay within 2^-5.
    EXPECT_GT(error, 1e-5) << network;
    EXPECT_LT(error, 1.0 / 32) << network;
    EXPECT_FALSE(bf16.implementation.empty()) << network;
  }
}

TEST_F(LowPrecisionNetwork, EightBitsStayCloseToF32) {
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    const Result f32 = run("mlp-784-100-10", ElementType::f32);
    const Result s8 = run("mlp-784-100-10", precision);
    const double error = relative_error(s8, f32);
    EXPECT_GT(error, 1e-4) << name_of(precision);
    EXPECT_LT(error, 0.1) << name_of(precision);
  }
}

}  // namespace
}  // namespace jb
