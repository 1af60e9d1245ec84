// oneDNN's products in bf16 and in 8 bits: integers to the last bit, bf16 to the rounding of f32
// sums of rounded operands.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "backends/energy/ledger.h"
#include "backends/onednn/onednn_plan.h"
#include "tests/support/onednn_precision.h"

namespace jb {
namespace {

using namespace test;
using OnednnPrecisionTest = test::OnednnPrecision;

TEST_F(OnednnPrecisionTest, Bf16RoundsOperandsAndSumsInF32) {
  if (!can(ElementType::bf16)) GTEST_SKIP() << "this processor has no AVX-512";
  for (const char* primitive : {"matmul", "inner_product"}) {
    const auto device = open(ElementType::bf16, {{"primitive", primitive}});
    for (const auto& [m, n, k] : shapes_) {
      const Matrix<float> a = values(m, k, 1, true);
      const Matrix<float> b = values(k, n, 2, true);
      const Matrix<float> c = multiply(*device, a, b);
      expect_product(as_bf16(a), as_bf16(b), c, primitive);
    }
  }
}

TEST_F(OnednnPrecisionTest, EightBitProductsAreExact) {
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    for (const char* inputs : {"per_row", "per_tensor"}) {
      for (const char* weights : {"per_column", "per_tensor"}) {
        for (const char* primitive : {"matmul", "inner_product"}) {
          const auto device = open(precision, {{"quantisation.inputs", inputs},
                                               {"quantisation.weights", weights},
                                               {"primitive", primitive}});
          IntegerReference reference;
          reference.is_unsigned = precision == ElementType::u8s8;
          reference.input_per_tensor = std::string(inputs) == "per_tensor";
          reference.weights_per_tensor = std::string(weights) == "per_tensor";
          reference.largest_weight = largest_weight();
          for (const bool negative : {true, false}) {
            for (const auto& [m, n, k] : shapes_) {
              const Matrix<float> a = values(m, k, 1, negative);
              const Matrix<float> b = values(k, n, 2, true);
              expect_same(multiply(*device, a, b), reference(a, b),
                          std::string(name_of(precision)) + " " + inputs + " " + weights + " " +
                              primitive + " " + to_string(GemmShape{m, n, k}));
            }
          }
        }
      }
    }
  }
}

TEST_F(OnednnPrecisionTest, SignedEightBitEqualsTheSystolicArray) {
  if (largest_weight() != 127) GTEST_SKIP() << "weights have 7 bits on this processor";
  const Backend& systolic = find_backend("systolic");
  const auto array = systolic.open(load_device(systolic, "tpu-v1"), {});
  const Matrix<float> a = values(33, 200, 1, true);
  const Matrix<float> b = values(200, 40, 2, true);
  expect_same(multiply(*open(ElementType::s8), a, b), multiply(*array, a, b), "s8");
}

TEST_F(OnednnPrecisionTest, UnsignedCodesUseTheWholeRangeAfterAReLU) {
  // Without negative inputs u8 has twice as many codes as s8: half the error of the inputs.
  const Matrix<float> a = values(64, 256, 1, false);
  const Matrix<float> b = values(256, 64, 2, true);
  const auto error = [&](ElementType precision) {
    const Matrix<float> c = multiply(*open(precision), a, b);
    double squares = 0;
    for (std::int64_t i = 0; i < 64; ++i) {
      for (std::int64_t j = 0; j < 64; ++j) {
        double sum = 0;
        for (std::int64_t p = 0; p < 256; ++p) {
          sum += static_cast<double>(a(i, p)) * static_cast<double>(b(p, j));
        }
        squares += (static_cast<double>(c(i, j)) - sum) * (static_cast<double>(c(i, j)) - sum);
      }
    }
    return squares;
  };
  EXPECT_LT(error(ElementType::u8s8), error(ElementType::s8));
}

TEST_F(OnednnPrecisionTest, BothDirectionsAndUpdates) {
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    Matrix<float> b = values(23, 40, 2, true);
    const Matrix<float> delta = values(23, 40, 3, true);
    const Matrix<float> g = values(9, 40, 1, true);
    const auto device = open(precision);
    const auto plan = device->plan({9, 40, 23}, b.view(), OperandMode::stationary, {});
    IntegerReference reference;
    reference.is_unsigned = precision == ElementType::u8s8;
    reference.largest_weight = largest_weight();
    const auto transposed = [&] { return copy_as<float>(ConstMatrixRef(b.view()).transposed()); };
    Matrix<float> c(9, 23);
    plan->execute(g.view(), c.view(), {}, Direction::transposed);
    expect_same(c, reference(g, transposed()), "transposed");
    plan->update(delta.view());
    for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] += delta.data()[i];
    plan->execute(g.view(), c.view(), {}, Direction::transposed);
    expect_same(c, reference(g, transposed()), "updated, transposed");
  }
}

TEST_F(OnednnPrecisionTest, RowsMayChangeBetweenExecutions) {
  const Matrix<float> b = values(64, 48, 2, true);
  for (const ElementType precision : {ElementType::s8, ElementType::u8s8}) {
    IntegerReference reference;
    reference.is_unsigned = precision == ElementType::u8s8;
    reference.largest_weight = largest_weight();
    for (const char* primitive : {"matmul", "inner_product"}) {
      const auto device = open(precision, {{"primitive", primitive}});
      const auto plan = device->plan({64, 48, 64}, b.view(), OperandMode::stationary, {});
      for (const std::int64_t m : {64, 1, 2, 3, 7, 33, 64, 1, 100}) {
        const Matrix<float> a = values(m, 64, static_cast<std::uint64_t>(m), true);
        Matrix<float> c(m, 48);
        plan->execute(a.view(), c.view());
        expect_same(c, reference(a, b), "m = " + std::to_string(m));
      }
    }
  }
}

TEST_F(OnednnPrecisionTest, ACalibratedRangeSaturatesAndSaysSo) {
  const Matrix<float> a = values(8, 100, 1, true);
  const Matrix<float> b = values(100, 10, 2, true);
  PlanOptions options;
  options.input_range = 0.5;
  Matrix<float> c(8, 10);
  const auto device = open(ElementType::s8);
  const Execution run = device->plan({8, 10, 100}, b.view(), OperandMode::stationary, options)
                            ->execute(a.view(), c.view());
  ASSERT_EQ(run.lints.size(), 1U);
  EXPECT_EQ(run.lints[0].rfind("saturated", 0), 0U) << run.lints[0];
}

TEST_F(OnednnPrecisionTest, DepthThatCouldOverflowIsRefusedWithWhatWouldDo) {
  const Support s8 =
      open(ElementType::s8)->supports({1, 1, 133145}, OperandMode::stationary, ElementType::s8);
  EXPECT_FALSE(s8.ok);
  EXPECT_NE(s8.reason.find("133144"), std::string::npos) << s8.reason;
  const Support u8 =
      open(ElementType::u8s8)->supports({1, 1, 66312}, OperandMode::stationary, ElementType::u8s8);
  EXPECT_FALSE(u8.ok);
  EXPECT_NE(u8.reason.find("66311"), std::string::npos) << u8.reason;
  EXPECT_NE(u8.reason.find("--precision f32"), std::string::npos) << u8.reason;
}

TEST_F(OnednnPrecisionTest, FewerBitsCostLessInTheModel) {
  const DeviceSpec spec = load_device(backend_, "xeon-server");
  double last = std::numeric_limits<double>::infinity();
  for (const ElementType precision : {ElementType::f32, ElementType::bf16, ElementType::s8}) {
    const auto device = backend_.open(spec, DeviceInstance{1, 0, precision});
    const Activity activity = device->estimate({4096, 4096, 4096}, OperandMode::stationary, {});
    const double joules = price(activity, device->prices()).total_J();
    EXPECT_LT(joules, last) << name_of(precision);
    EXPECT_LE(std::pow(4096.0, 3) / activity.device_time_s, device->peak_mac_per_s());
    last = joules;
  }
}

TEST_F(OnednnPrecisionTest, ReferenceCodeOfTheLibraryIsReported) {
  EXPECT_EQ(onednn::slow_lint("brg:avx512_core"), "");
  EXPECT_EQ(onednn::slow_lint("jit_uni_int8:avx2"), "");
  EXPECT_EQ(onednn::slow_lint("ref:any").rfind("slow-implementation: ", 0), 0U);
  EXPECT_NE(onednn::slow_lint("ref_int8:any").find("ref_int8:any"), std::string::npos);
}

// Version 2 of the library can reorder f32 into f16 on CPUs and has no product of it: nothing is
// emulated, and whoever asks is told what would do.
TEST_F(OnednnPrecisionTest, F16IsThereWithVersion3OrRefusedWithWhatWouldDo) {
  const std::vector<ElementType>& has = backend_.info().precisions;
  const bool listed = std::find(has.begin(), has.end(), ElementType::f16) != has.end();
  EXPECT_EQ(listed, onednn::has_f16());
  EXPECT_EQ(onednn::has_f16(), onednn::version().rfind("2.", 0) != 0);
  const auto device = open(ElementType::f16);
  const Support support = device->supports({8, 8, 8}, OperandMode::stationary, ElementType::f16);
  if (support) {
    const Matrix<float> a = values(4, 16, 1, true);
    const Matrix<float> b = values(16, 8, 2, true);
    Matrix<float> ra(4, 16);
    Matrix<float> rb(16, 8);
    for (std::int64_t i = 0; i < a.size(); ++i) ra.data()[i] = to_float(to_float16(a.data()[i]));
    for (std::int64_t i = 0; i < b.size(); ++i) rb.data()[i] = to_float(to_float16(b.data()[i]));
    expect_product(ra, rb, multiply(*device, a, b), "f16");
    return;
  }
  EXPECT_NE(support.reason.find("use --precision bf16, or --backend cublas"), std::string::npos)
      << support.reason;
  EXPECT_NE(support.reason.find(listed ? "AVX512-FP16" : "version 3 has"), std::string::npos)
      << support.reason;
}

}  // namespace
}  // namespace jb
