// The closed forms of the systolic array against an array stepped cycle by cycle: cycles, accesses,
// hops and results to the last bit, for each dataflow, in s8 and bf16, over many shapes.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <tuple>
#include <vector>

#include "backends/backend.h"
#include "backends/core/number_conversion.h"
#include "backends/core/quantise.h"
#include "backends/energy/ledger.h"
#include "backends/systolic/array_counts.h"
#include "tests/unit/systolic_array_simulator.h"

namespace jb {
namespace {

using systolic::ArrayConfig;
using systolic::ArrayCounts;
using systolic::Dataflow;
using systolic::Timing;
using systolic_test::ArraySimulator;
using systolic_test::Seen;

// Sizes below, at and beyond the sides of small arrays, with odd rests.
const std::vector<std::tuple<int, int, int>> kShapes = {
    {1, 1, 1}, {1, 5, 9}, {7, 1, 3},   {4, 4, 4},   {5, 6, 7},   {8, 3, 12},
    {3, 9, 2}, {9, 8, 8}, {13, 4, 17}, {16, 12, 8}, {11, 10, 21}};
const std::vector<std::pair<int, int>> kArrays = {{1, 1}, {2, 3}, {4, 4}, {5, 2}, {3, 7}};

Matrix<std::int32_t> small_integers(std::int64_t rows, std::int64_t cols, std::uint64_t what) {
  Matrix<std::int32_t> x(rows, cols);
  const RandomStream stream(3, 0, what, 0);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < cols; ++j) {
      x(i, j) = static_cast<std::int32_t>(stream.normal(i, j, 0) * 40);
    }
  }
  return x;
}

void expect_equal(const Seen& seen, const ArrayCounts& counts, const std::string& what) {
  EXPECT_EQ(static_cast<double>(seen.cycles), counts.cycles) << what;
  EXPECT_EQ(static_cast<double>(seen.macs), counts.macs) << what;
  EXPECT_EQ(static_cast<double>(seen.slots), counts.executed_macs) << what;
  EXPECT_EQ(static_cast<double>(seen.streamed_hops) * 8 + static_cast<double>(seen.sum_moves) * 32,
            counts.register_bits)
      << what;
  EXPECT_EQ(static_cast<double>(seen.a_reads), counts.a_reads) << what;
  EXPECT_EQ(static_cast<double>(seen.b_reads), counts.b_reads) << what;
  EXPECT_EQ(static_cast<double>(seen.c_writes), counts.c_writes) << what;
  EXPECT_EQ(static_cast<double>(seen.c_reads), counts.c_reads) << what;
  EXPECT_EQ(static_cast<double>(seen.accumulator_accesses), counts.accumulator_accesses) << what;
}

Seen simulate(const ArrayConfig& config, const Matrix<std::int32_t>& a,
              const Matrix<std::int32_t>& b, Matrix<std::int32_t>& c) {
  ArraySimulator<std::int32_t, std::int32_t> array(config.rows, config.cols);
  if (config.timing == Timing::double_buffered) {
    return array.double_buffered(a.view(), b.view(), c.view(), systolic::rows_per_pass(config));
  }
  switch (config.dataflow) {
    case Dataflow::output_stationary:
      return array.output_stationary(a.view(), b.view(), c.view());
    case Dataflow::input_stationary:
      return array.input_stationary(a.view(), b.view(), c.view());
    default:
      return array.weight_stationary(a.view(), b.view(), c.view());
  }
}

void expect_product(const Matrix<std::int32_t>& a, const Matrix<std::int32_t>& b,
                    const Matrix<std::int32_t>& c, const std::string& what) {
  for (std::int64_t i = 0; i < c.rows(); ++i) {
    for (std::int64_t j = 0; j < c.cols(); ++j) {
      std::int32_t sum = 0;
      for (std::int64_t p = 0; p < a.cols(); ++p) sum += a(i, p) * b(p, j);
      ASSERT_EQ(c(i, j), sum) << what << " at " << i << ", " << j;
    }
  }
}

TEST(SystolicSimulation, ClosedFormsEqualTheArraySteppedCycleByCycle) {
  for (const auto& [rows, cols] : kArrays) {
    for (const auto& [m, n, k] : kShapes) {
      for (const auto& [dataflow, timing] :
           {std::pair{Dataflow::weight_stationary, Timing::single_buffered},
            std::pair{Dataflow::output_stationary, Timing::single_buffered},
            std::pair{Dataflow::input_stationary, Timing::single_buffered},
            std::pair{Dataflow::weight_stationary, Timing::double_buffered}}) {
        ArrayConfig config;
        config.rows = rows;
        config.cols = cols;
        config.dataflow = dataflow;
        config.timing = timing;
        config.accumulator_bytes = 4 * cols * 6;  // passes of six rows
        const auto a = small_integers(m, k, 1);
        const auto b = small_integers(k, n, 2);
        Matrix<std::int32_t> c(m, n);
        const std::string what = std::to_string(rows) + "x" + std::to_string(cols) + " dataflow " +
                                 std::to_string(static_cast<int>(dataflow)) + " timing " +
                                 std::to_string(static_cast<int>(timing)) + ", " +
                                 to_string(GemmShape{m, n, k});
        const Seen seen = simulate(config, a, b, c);
        expect_equal(seen, systolic::count_product({m, n, k}, config), what);
        expect_product(a, b, c, what);
      }
    }
  }
}

TEST(SystolicSimulation, SeveralArraysShareTheFoldsAcross) {
  // Two arrays take the columns of one twice as many: as long as one array with half the columns of
  // C, and as many accesses as one with all.
  ArrayConfig two;
  two.rows = 4;
  two.cols = 3;
  two.arrays = 2;
  ArrayConfig one = two;
  one.arrays = 1;
  for (const Dataflow dataflow : {Dataflow::weight_stationary, Dataflow::output_stationary}) {
    two.dataflow = one.dataflow = dataflow;
    const ArrayCounts shared = systolic::count_product({10, 12, 9}, two);
    EXPECT_EQ(shared.cycles, systolic::count_product({10, 6, 9}, one).cycles);
    EXPECT_EQ(shared.a_reads, systolic::count_product({10, 12, 9}, one).a_reads);
    EXPECT_EQ(shared.executed_macs, systolic::count_product({10, 12, 9}, one).executed_macs);
  }
}

// bf16: the device's result, bit by bit, is what leaves the elements.
class Bf16Test : public ::testing::Test {
 protected:
  static Matrix<float> operand(std::int64_t rows, std::int64_t cols, std::uint64_t what) {
    Matrix<float> x(rows, cols);
    const RandomStream stream(5, 0, what, 0);
    for (std::int64_t i = 0; i < rows; ++i) {
      for (std::int64_t j = 0; j < cols; ++j) x(i, j) = static_cast<float>(stream.normal(i, j, 0));
    }
    return x;
  }
  static Matrix<float> rounded(const Matrix<float>& x) {
    Matrix<float> y(x.rows(), x.cols());
    for (std::int64_t i = 0; i < x.size(); ++i) y.data()[i] = to_float(to_bfloat16(x.data()[i]));
    return y;
  }
  const Backend& backend_ = find_backend("systolic");
};

TEST_F(Bf16Test, ResultsRoundAsTheArrayRounds) {
  for (const char* dataflow : {"ws", "os", "is"}) {
    for (const auto& [m, n, k] : kShapes) {
      DeviceSpec spec = load_device(backend_, "scale-sim-32");
      for (const auto& [key, value] :
           std::vector<std::pair<std::string, std::string>>{{"arithmetic", "bf16"},
                                                            {"energy.mul_bf16_J", "1e-12"},
                                                            {"energy.add_f32_J", "1e-12"},
                                                            {"rows", "4"},
                                                            {"cols", "3"},
                                                            {"dataflow", dataflow}}) {
        spec.set(key, value);
      }
      const auto device = backend_.open(spec, DeviceInstance{1, 0, ElementType::bf16});
      const Matrix<float> a = operand(m, k, 1);
      const Matrix<float> b = operand(k, n, 2);
      Matrix<float> c(m, n);
      const auto plan = device->plan({m, n, k}, b.view(), OperandMode::stationary, {});
      plan->execute(a.view(), c.view());
      EXPECT_EQ(plan->implementation(), std::string("bf16/") + dataflow);

      ArraySimulator<float, float> array(4, 3);
      const Matrix<float> a16 = rounded(a);
      const Matrix<float> b16 = rounded(b);
      Matrix<float> expected(m, n);
      if (std::string(dataflow) == "ws") {
        array.weight_stationary(a16.view(), b16.view(), expected.view());
      } else if (std::string(dataflow) == "is") {
        array.input_stationary(a16.view(), b16.view(), expected.view());
      } else {
        array.output_stationary(a16.view(), b16.view(), expected.view());
      }
      EXPECT_EQ(std::memcmp(c.data(), expected.data(),
                            static_cast<std::size_t>(c.size()) * sizeof(float)),
                0)
          << dataflow << " " << to_string(GemmShape{m, n, k});
    }
  }
}

TEST_F(Bf16Test, TheOrderOfSumsIsSeenInTheLastBits) {
  // Otherwise the test above could not tell a fold from a whole sum.
  const Matrix<float> a = rounded(operand(16, 64, 1));
  const Matrix<float> b = rounded(operand(64, 16, 2));
  Matrix<float> folded(16, 16);
  Matrix<float> whole(16, 16);
  ArraySimulator<float, float>(4, 4).weight_stationary(a.view(), b.view(), folded.view());
  ArraySimulator<float, float>(4, 4).output_stationary(a.view(), b.view(), whole.view());
  int differ = 0;
  for (std::int64_t i = 0; i < folded.size(); ++i) {
    differ += folded.data()[i] != whole.data()[i] ? 1 : 0;
  }
  EXPECT_GT(differ, 0);
}

TEST_F(Bf16Test, OperandsTakeTwoBytesAndPricesAreThoseOfBf16) {
  const DeviceSpec spec = load_device(backend_, "tpu-v4i");
  const auto bf16 = backend_.open(spec, DeviceInstance{1, 0, ElementType::bf16});
  const auto s8 = backend_.open(spec, DeviceInstance{1, 0, ElementType::s8});
  const GemmShape shape{64, 100, 784};
  EXPECT_TRUE(bf16->supports(shape, OperandMode::stationary, ElementType::bf16).ok);
  EXPECT_FALSE(bf16->supports(shape, OperandMode::stationary, ElementType::s8).ok);
  EXPECT_TRUE(s8->supports(shape, OperandMode::stationary, ElementType::s8).ok);
  const auto weights = [&](const Device& device) {
    return price(device.estimate_setup(shape, OperandMode::stationary), device.prices())
        .dram_bytes();
  };
  EXPECT_EQ(weights(*s8), 784 * 100);
  EXPECT_EQ(weights(*bf16), 2 * 784 * 100);
  const Ledger ledger = price(bf16->estimate(shape, OperandMode::stationary, {}), bf16->prices());
  EXPECT_NEAR(ledger.cumulative_J(Boundary::B0) / shape.macs(), (0.21 + 0.38) * 1e-12, 1e-17);
  EXPECT_NEAR(2 * bf16->peak_mac_per_s() / 1e12, 137.6, 0.05);  // 138 TFLOPS
}

}  // namespace
}  // namespace jb
