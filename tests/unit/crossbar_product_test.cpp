// Products of the crossbar: integer reference bit for bit, ideal device, determinism.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

/// Settings of the integer reference, in its own words.
struct Reference {
  std::int64_t tile;  ///< inputs per tile, "fill"
  int dac_bits;
  int cell_bits;
  int adc_bits;
  bool quantizer;
  double limit;   ///< 0: inputs of the tile
  double on_off;  ///< 0: infinite
};

struct ReferenceAdc {
  double limit;
  std::int64_t levels;

  /// Level nearest to a sum, in units of the array (lsb times a whole or half number).
  [[nodiscard]] double convert(std::int64_t sum, double unit) const {
    const double full = static_cast<double>(levels - 1) / 2.0;
    const double lsb = limit / full;
    const double z = static_cast<double>(sum) * (unit / lsb);
    const double clipped = std::fmin(std::fmax(z, -full), full);
    if (levels % 2 == 1) return std::nearbyint(clipped) * lsb;
    return (std::nearbyint(clipped + full) - full) * lsb;
  }
};

/// The machine in whole numbers: codes, int64 sums, ADC, partial sums.
template <class T>
Matrix<T> integer_reference(const Reference& r, const Matrix<T>& a, const Matrix<T>& b) {
  const auto q = static_cast<double>((std::int64_t{1} << (r.dac_bits - 1)) - 1);
  const auto steps = static_cast<double>((std::int64_t{1} << r.cell_bits) - 1);
  const double range = r.on_off == 0 ? 1.0 : 1.0 - 1.0 / r.on_off;
  double largest = 0;
  for (std::int64_t i = 0; i < b.size(); ++i) {
    largest = std::fmax(largest, std::fabs(static_cast<double>(b.data()[i])));
  }
  const auto cell = [&](std::int64_t k, std::int64_t j) {
    const double w = static_cast<double>(b(k, j)) / largest;
    const double level = std::nearbyint(std::fabs(w) * steps);
    return static_cast<std::int64_t>(w < 0 ? -level : level);
  };
  Matrix<T> c(a.rows(), b.cols());
  for (std::int64_t i = 0; i < a.rows(); ++i) {
    double scale = 0;
    for (std::int64_t k = 0; k < a.cols(); ++k) {
      scale = std::fmax(scale, std::fabs(static_cast<double>(a(i, k))));
    }
    for (std::int64_t j = 0; j < b.cols(); ++j) {
      double total = 0;
      for (std::int64_t begin = 0; begin < a.cols(); begin += r.tile) {
        const std::int64_t end = std::min(begin + r.tile, a.cols());
        std::int64_t sum = 0;
        for (std::int64_t k = begin; k < end; ++k) {
          const double x = scale > 0 ? static_cast<double>(a(i, k)) / scale : 0.0;
          sum += static_cast<std::int64_t>(std::nearbyint(x * q)) * cell(k, j);
        }
        const double limit = r.limit > 0 ? r.limit : static_cast<double>(end - begin);
        const std::int64_t levels = (std::int64_t{1} << r.adc_bits) - (r.quantizer ? 0 : 1);
        total += ReferenceAdc{limit, levels}.convert(sum, range / steps / q);
      }
      c(i, j) = static_cast<T>(total * (largest / range) * scale);
    }
  }
  return c;
}

std::unique_ptr<Device> device_of(const Reference& r) {
  DeviceSpec spec = crossbar_spec("ideal");
  spec.set("tile.rows", std::to_string(r.tile));
  spec.set("tile.cols", "5");
  spec.set("dac.bits", std::to_string(r.dac_bits));
  spec.set("cell.bits", std::to_string(r.cell_bits));
  spec.set("cell.on_off", fmt::format("{}", r.on_off));
  spec.set("adc.bits", std::to_string(r.adc_bits));
  spec.set("adc.style", r.quantizer ? "quantizer" : "sign-magnitude");
  spec.set("adc.range", r.limit > 0 ? "given" : "max");
  if (r.limit > 0) spec.set("adc.limit", fmt::format("{}", r.limit));
  return crossbar_backend().open(spec, {});
}

class IntegerCrossbar : public testing::TestWithParam<Reference> {};

TEST_P(IntegerCrossbar, EqualsTheIntegerReferenceBitForBit) {
  const Reference& r = GetParam();
  for (const std::int64_t k : {1, 16, 37}) {
    const Matrix<float> a32 = normal_matrix<float>(9, k, 1);
    const Matrix<float> b32 = normal_matrix<float>(k, 11, 2);
    const auto device32 = device_of(r);
    const auto plan32 = make_plan(*device32, 9, b32);
    EXPECT_TRUE(same_bytes(run(*plan32, a32, 11), integer_reference(r, a32, b32))) << "f32 " << k;

    const Matrix<double> a64 = normal_matrix<double>(9, k, 3);
    const Matrix<double> b64 = normal_matrix<double>(k, 11, 4);
    const auto plan64 = make_plan(*device32, 9, b64);
    EXPECT_TRUE(same_bytes(run(*plan64, a64, 11), integer_reference(r, a64, b64))) << "f64 " << k;
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, IntegerCrossbar,
                         testing::Values(Reference{16, 8, 7, 8, false, 3.0, 0},
                                         Reference{16, 8, 7, 8, true, 3.0, 0},
                                         Reference{16, 6, 4, 7, false, 0, 100},
                                         Reference{16, 6, 4, 7, true, 0, 10},
                                         Reference{100, 4, 2, 5, true, 1.5, 0},
                                         Reference{100, 12, 12, 12, false, 4.0, 0}));

TEST(CrossbarProduct, SumsBeyondFloat32StayExact) {
  // 700 x 2047 x 4095 = 5.9e9 > 2^24: float32 sums would round.
  const Reference r{1000, 12, 12, 16, false, 40.0, 0};
  Matrix<float> a(4, 700);
  for (std::int64_t i = 0; i < a.size(); ++i) {
    a.data()[i] = 1.0F - 1e-3F * static_cast<float>(i % 7);
  }
  Matrix<float> b = normal_matrix<float>(700, 3, 6);
  const auto device = device_of(r);
  const auto plan = make_plan(*device, 4, b);
  EXPECT_TRUE(same_bytes(run(*plan, a, 3), integer_reference(r, a, b)));
}

TEST(CrossbarProduct, WeightBitsAloneMakeIntegersToo) {
  // 8-bit weights have 127 steps each way, a 7-bit cell 127 steps up from G_min.
  const Matrix<float> a = normal_matrix<float>(5, 40, 1);
  const Matrix<float> b = normal_matrix<float>(40, 6, 2);
  const auto weights = crossbar_device("ideal", {{"weight.bits", "8"}, {"dac.bits", "8"}});
  const auto cells = crossbar_device("ideal", {{"cell.bits", "7"}, {"dac.bits", "8"}});
  EXPECT_TRUE(
      same_bytes(run(*make_plan(*weights, 5, b), a, 6), run(*make_plan(*cells, 5, b), a, 6)));
}

TEST(CrossbarProduct, IdealDeviceEqualsFloat64ToRounding) {
  for (const std::int64_t k : {1, 7, 129, 500}) {
    const Matrix<double> a = normal_matrix<double>(13, k, 1);
    const Matrix<double> b = normal_matrix<double>(k, 17, 2);
    const auto device = crossbar_device("ideal");
    const auto plan = make_plan(*device, 13, b);
    const Matrix<double> c = run(*plan, a, 17);
    const Matrix<double> expected = plain_product(a, b);
    // Both sums err by at most k eps sum |a b|; normal operands keep |a b| below 30.
    const double tolerance = 2.0 * static_cast<double>(k * k) * 30.0 * 2.22e-16;
    for (std::int64_t i = 0; i < c.size(); ++i) {
      ASSERT_NEAR(c.data()[i], expected.data()[i], tolerance);
    }
    EXPECT_LT(relative_error(c, expected), 1e-14);
  }
}

TEST(CrossbarProduct, IdealDeviceIsTheSameOnTilesAndOnFiniteOnOffRatio) {
  const Matrix<double> a = normal_matrix<double>(6, 100, 1);
  const Matrix<double> b = normal_matrix<double>(100, 30, 2);
  const Matrix<double> expected = plain_product(a, b);
  const auto tiled = crossbar_device(
      "ideal", {{"tile.rows", "16"}, {"tile.cols", "8"}, {"tile.partition", "equal"}});
  EXPECT_LT(relative_error(run(*make_plan(*tiled, 6, b), a, 30), expected), 1e-14);
  // An ADC of 16 bits over +-100: a step is 200 / 65534 array units, its error step / sqrt(12);
  // outputs are sums of 100 products w x with w, x relative to their largest.
  const auto converted = crossbar_device("ideal", {{"adc.bits", "16"}, {"cell.on_off", "10"}});
  EXPECT_LT(relative_error(run(*make_plan(*converted, 6, b), a, 30), expected), 3e-3);
}

TEST(CrossbarProduct, TransposedUsesTheSameCells) {
  const Matrix<double> g = normal_matrix<double>(8, 30, 1);
  const Matrix<double> b = normal_matrix<double>(50, 30, 2);
  const auto ideal = crossbar_device("ideal", {{"tile.rows", "16"}, {"tile.cols", "8"}});
  const auto plan = make_plan(*ideal, 8, b);
  EXPECT_LT(relative_error(run(*plan, g, 50, {}, Direction::transposed), plain_product(g, b, true)),
            1e-14);
  // With cell errors: the matrix seen by one-hot inputs from either side is one and the same.
  const auto noisy = crossbar_device("pcm-hermes", {{"adc.bits", "0"}, {"dac.bits", "0"}});
  const auto noisy_plan = make_plan(*noisy, 8, b);
  Matrix<double> rows(50, 50);
  Matrix<double> cols(30, 30);
  for (std::int64_t i = 0; i < 50; ++i) rows(i, i) = 1;
  for (std::int64_t i = 0; i < 30; ++i) cols(i, i) = 1;
  const Matrix<double> w = run(*noisy_plan, rows, 30);
  const Matrix<double> wt = run(*noisy_plan, cols, 50, {}, Direction::transposed);
  for (std::int64_t i = 0; i < 50; ++i) {
    for (std::int64_t j = 0; j < 30; ++j) ASSERT_DOUBLE_EQ(w(i, j), wt(j, i));
  }
  EXPECT_GT(relative_error(w, b), 0.01);  // the cells do err
}

TEST(CrossbarProduct, SameBytesForAnyThreadsAndRowBlocks) {
  expect_same_for_threads_and_cuts(
      normal_matrix<float>(150, 300, 1), normal_matrix<float>(300, 40, 2), [] {
        auto device = crossbar_device(
            "pcm-hermes",
            {{"read.white", "0.02"}, {"adc.gain_error", "0.01"}, {"adc.offset_error", "1"}});
        device->set_epoch({.age_s = 3600});
        return device;
      });
}

TEST(CrossbarProduct, StridedAndTransposedViewsGiveTheSame) {
  const Matrix<float> a = normal_matrix<float>(20, 30, 1);
  const Matrix<float> b = normal_matrix<float>(30, 10, 2);
  Matrix<float> at(30, 20);
  for (std::int64_t i = 0; i < 20; ++i) {
    for (std::int64_t j = 0; j < 30; ++j) at(j, i) = a(i, j);
  }
  const auto device = crossbar_device("pcm-hermes");
  const auto plan = make_plan(*device, 20, b);
  const Matrix<float> straight = run(*plan, a, 10);
  Matrix<float> turned(10, 20);
  (void)plan->execute(std::as_const(at).view().transposed(), turned.view().transposed(), {},
                      Direction::forward);
  for (std::int64_t i = 0; i < 20; ++i) {
    for (std::int64_t j = 0; j < 10; ++j) ASSERT_EQ(straight(i, j), turned(j, i));
  }
}

TEST(CrossbarProduct, EmptySizesAreAllowed) {
  const auto device = crossbar_device("pcm-hermes");
  const Matrix<float> b(0, 4);
  const auto plan = make_plan(*device, 3, b);
  Matrix<float> c(3, 4);
  std::fill(c.data(), c.data() + c.size(), 7.0F);
  const Matrix<float> a(3, 0);
  (void)plan->execute(a.view(), c.view(), {}, Direction::forward);
  for (std::int64_t i = 0; i < c.size(); ++i) EXPECT_EQ(c.data()[i], 0.0F);
  const Matrix<float> zero(8, 4);
  const auto zero_plan = make_plan(*device, 3, zero);
  const Matrix<float> in = normal_matrix<float>(3, 8, 1);
  const Matrix<float> out = run(*zero_plan, in, 4);
  for (std::int64_t i = 0; i < out.size(); ++i) EXPECT_EQ(out.data()[i], 0.0F);
}

}  // namespace
}  // namespace jb::test
