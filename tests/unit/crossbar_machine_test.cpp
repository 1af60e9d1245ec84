// The crossbar as a machine: counts against closed forms made here, residency, updates, calibration
// charges, refusals.

#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "backends/energy/ledger.h"
#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

double count_of(const Activity& activity, const PriceTable& table, const std::string& action,
                Category category) {
  double count = 0;
  for (const ActivityRow& row : activity.rows()) {
    const Price& price = table.prices[row.action];
    if (price.action == action && price.category == category) count += row.count;
  }
  return count;
}

double ceil_div(double x, double y) { return std::ceil(x / y); }

std::string refusal(const std::string& key, const std::string& value, const std::string& other = {},
                    const std::string& other_value = {}) {
  try {
    DeviceSpec spec = crossbar_spec("ideal");
    spec.set(key, value);
    if (!other.empty()) spec.set(other, other_value);
    (void)crossbar_backend().open(spec, {});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "";
}

void expect_same_activity(const Activity& x, const Activity& y) {
  EXPECT_DOUBLE_EQ(x.device_time_s, y.device_time_s);
  EXPECT_DOUBLE_EQ(x.executed_macs, y.executed_macs);
  ASSERT_EQ(x.rows().size(), y.rows().size());
  for (const ActivityRow& row : x.rows()) EXPECT_DOUBLE_EQ(row.count, y.count(row.action));
}

/// A preset that prices every part of a product, on tiles of 32 x 16.
std::unique_ptr<Device> divided_device() {
  return crossbar_device("ideal", {{"tile.rows", "32"},
                                   {"tile.cols", "16"},
                                   {"dac.bits", "6"},
                                   {"adc.bits", "7"},
                                   {"cell.on_off", "100"},
                                   {"energy.dac_J", "1e-13"},
                                   {"energy.cell_read_J", "1e-14"},
                                   {"energy.adc_J", "2e-12"},
                                   {"energy.sample_hold_J", "1e-14"},
                                   {"energy.shift_add_J", "3e-14"},
                                   {"energy.buffer_read_J", "5e-14"},
                                   {"energy.buffer_write_J", "6e-14"},
                                   {"energy.partial_sum_J", "7e-14"},
                                   {"power.static_W", "0.01"},
                                   {"time.mvm_s", "1e-7"}});
}

TEST(CrossbarCounts, UndividedMacroFollowsTheTiles) {
  const auto device = crossbar_device("pcm-hermes");
  EXPECT_EQ(device->prices().lowest, Boundary::B1);
  EXPECT_EQ(device->prices().highest, Boundary::B1);
  for (const GemmShape shape : {GemmShape{1, 100, 784}, GemmShape{64, 10, 100},
                                GemmShape{3, 257, 256}, GemmShape{2, 1, 1}}) {
    const Activity activity = device->estimate(shape, OperandMode::stationary, {});
    const double tiles =
        ceil_div(static_cast<double>(shape.k), 256) * ceil_div(static_cast<double>(shape.n), 256);
    const double m = static_cast<double>(shape.m);
    EXPECT_DOUBLE_EQ(count_of(activity, device->prices(), "core_mvm", Category::compute),
                     tiles * m);
    EXPECT_DOUBLE_EQ(activity.device_time_s, m * 1.329e-7);
    EXPECT_DOUBLE_EQ(activity.executed_macs, tiles * m * 65536.0);
    EXPECT_NEAR(price(activity, device->prices()).total_J(), tiles * m * 1.343e-8, 1e-20);
  }
  // Published: 9.76 TOPS/W on full tiles, i.e. 2 / 9.76e12 J/MAC; the preset rounds to 4 digits.
  const Activity full = device->estimate({1, 256, 256}, OperandMode::stationary, {});
  EXPECT_NEAR(price(full, device->prices()).total_J() / 65536.0, 2.0 / 9.76e12,
              5e-4 * 2.0 / 9.76e12);
  // And 63.1 TOPS over 64 tiles.
  EXPECT_NEAR(2.0 * device->peak_mac_per_s(), 63.1e12, 1e-3 * 63.1e12);
}

TEST(CrossbarCounts, ProgrammingAndReferenceReadingAreSetup) {
  const auto device = crossbar_device("pcm-hermes");
  const Matrix<float> b = normal_matrix<float>(300, 20, 1);
  const auto plan = make_plan(*device, 1, b);
  ASSERT_TRUE(plan->resident());
  const Activity& setup = plan->setup();
  const PriceTable& prices = device->prices();
  // Two polarities of two cells each.
  EXPECT_DOUBLE_EQ(count_of(setup, prices, "program", Category::programming), 4.0 * 300 * 20);
  // One-hot vectors: 256 in the first tile, 44 in the second.
  EXPECT_DOUBLE_EQ(count_of(setup, prices, "core_mvm", Category::calibration), 300.0);
  // Rows of both tiles are programmed at the same time: 256 of them; then 256 products of a tile.
  EXPECT_DOUBLE_EQ(setup.device_time_s, 256 * 2e-5 + 256 * 1.329e-7);
  expect_same_activity(setup, device->estimate_setup({1, 20, 300}, OperandMode::stationary));
  EXPECT_DOUBLE_EQ(count_of(device->calibrate("gdc"), prices, "core_mvm", Category::calibration),
                   300.0);
  EXPECT_TRUE(device->calibrate("none").rows().empty());
}

TEST(CrossbarCounts, ExecuteCountsWhatEstimateSays) {
  const auto device = divided_device();
  const Matrix<float> a = normal_matrix<float>(9, 70, 1);
  const Matrix<float> b = normal_matrix<float>(70, 40, 2);
  const auto plan = make_plan(*device, 9, b);
  Matrix<float> c(9, 40);
  const Execution run = plan->execute(a.view(), c.view());
  expect_same_activity(run.activity,
                       device->estimate({9, 40, 70}, OperandMode::stationary, run.statistics));
  const PriceTable& prices = device->prices();
  const auto expect = [&](const char* action, Category category, double count) {
    EXPECT_DOUBLE_EQ(count_of(run.activity, prices, action, category), count) << action;
  };
  const double row_tiles = 3;  // ceil(70 / 32)
  const double col_tiles = 3;  // ceil(40 / 16)
  expect("drive", Category::conversion, 9 * 70 * col_tiles);
  expect("convert", Category::conversion, 9 * 40 * row_tiles);
  expect("sample", Category::conversion, 9 * 40 * row_tiles);
  expect("shift_add", Category::compute, 9 * 40 * row_tiles);
  expect("read_bit", Category::movement, 9 * 70 * 6);
  expect("write_bit", Category::movement, 9 * 40 * 7);
  expect("partial_sum_add", Category::compute, 9 * 40 * (row_tiles - 1));
  expect("static_second", Category::static_power, 9 * 1e-7);
  // Cells: sum of x^2 (relative to the largest x) times sum of g+ + g-, from the operands' means.
  double x2 = 0;
  double largest_a = 0;
  for (std::int64_t i = 0; i < a.size(); ++i) {
    x2 += static_cast<double>(a.data()[i]) * static_cast<double>(a.data()[i]);
    largest_a = std::fmax(largest_a, std::fabs(static_cast<double>(a.data()[i])));
  }
  double w = 0;
  double largest_b = 0;
  for (std::int64_t i = 0; i < b.size(); ++i) {
    w += std::fabs(static_cast<double>(b.data()[i]));
    largest_b = std::fmax(largest_b, std::fabs(static_cast<double>(b.data()[i])));
  }
  const double g_min = 1.0 / 100;
  const double g = 2 * g_min * 70 * 40 + (1 - g_min) * w / largest_b;
  EXPECT_NEAR(count_of(run.activity, prices, "read", Category::compute),
              x2 / (largest_a * largest_a) / 70 * g, 1e-9 * g * 9);
}

TEST(CrossbarCounts, DoublingOneEnergyAddsExactlyItsRow) {
  const GemmShape shape{9, 40, 70};
  const auto device = divided_device();
  DeviceSpec doubled = device->spec();
  doubled.set("energy.adc_J", "4e-12");
  const auto other = crossbar_backend().open(doubled, {});
  const double base =
      price(device->estimate(shape, OperandMode::stationary, {}), device->prices()).total_J();
  const double more =
      price(other->estimate(shape, OperandMode::stationary, {}), other->prices()).total_J();
  EXPECT_NEAR(more - base, 9 * 40 * 3 * 2e-12, 1e-9 * base);
  EXPECT_EQ(device->prices().lowest, Boundary::B0);
  EXPECT_EQ(device->prices().highest, Boundary::B3);
  EXPECT_FALSE(crossbar_device("ideal")->prices().has_energy);
}

TEST(CrossbarResidency, OperandsBeyondTheMachineAreReloadedAndPaidFor) {
  const auto device = crossbar_device("pcm-hermes", {{"tile.count", "3"}});
  const PriceTable& prices = device->prices();
  const Matrix<float> small = normal_matrix<float>(300, 10, 1);   // 2 tiles
  const Matrix<float> second = normal_matrix<float>(300, 10, 2);  // 2 more: only 1 is left
  const auto first_plan = make_plan(*device, 1, small);
  {
    const auto second_plan = make_plan(*device, 1, second, OperandMode::stationary, 1);
    EXPECT_TRUE(first_plan->resident());
    EXPECT_FALSE(second_plan->resident());
    EXPECT_TRUE(second_plan->setup().rows().empty());
    Matrix<float> c(2, 10);
    const Matrix<float> a = normal_matrix<float>(2, 300, 3);
    const Execution run = second_plan->execute(a.view(), c.view());
    EXPECT_DOUBLE_EQ(count_of(run.activity, prices, "program", Category::programming),
                     4.0 * 300 * 10);
    EXPECT_DOUBLE_EQ(run.activity.device_time_s, 256 * 2e-5 + 2 * 1.329e-7);
  }
  // 4 x 1 tiles on 3: two rounds of programming and of reading.
  const Activity large = device->estimate({5, 256, 1024}, OperandMode::stationary, {});
  EXPECT_DOUBLE_EQ(large.device_time_s, 2 * 256 * 2e-5 + 2 * 5 * 1.329e-7);
  EXPECT_DOUBLE_EQ(count_of(large, prices, "program", Category::programming), 4.0 * 1024 * 256);
}

TEST(CrossbarResidency, DynamicOperandsPayPerExecuteAndErrAnewPerCall) {
  const auto device = crossbar_device("pcm-hermes");
  const Matrix<float> a = normal_matrix<float>(4, 100, 1);
  const Matrix<float> b = normal_matrix<float>(100, 10, 2);
  const auto plan = make_plan(*device, 4, b, OperandMode::dynamic);
  EXPECT_FALSE(plan->resident());
  EXPECT_TRUE(plan->setup().rows().empty());
  Matrix<float> c(4, 10);
  const Execution run_0 = plan->execute(a.view(), c.view());
  expect_same_activity(run_0.activity,
                       device->estimate({4, 10, 100}, OperandMode::dynamic, run_0.statistics));
  const Matrix<float> call_0 = run(*plan, a, 10, {.call = 0});
  const Matrix<float> call_1 = run(*plan, a, 10, {.call = 1});
  EXPECT_FALSE(same_bytes(call_0, call_1));
  EXPECT_TRUE(same_bytes(call_0, run(*plan, a, 10, {.call = 0})));
  // Programmed just before use, it has not drifted, whatever the age of the machine.
  device->set_epoch({.age_s = 3e7});
  EXPECT_TRUE(same_bytes(call_1, run(*plan, a, 10, {.call = 1})));
}

TEST(CrossbarUpdate, ReprogramsTheSumAndCharges) {
  const Matrix<double> a = normal_matrix<double>(4, 60, 1);
  const Matrix<double> b = normal_matrix<double>(60, 10, 2);
  const Matrix<double> delta = normal_matrix<double>(60, 10, 3);
  Matrix<double> sum(60, 10);
  for (std::int64_t i = 0; i < sum.size(); ++i) sum.data()[i] = b.data()[i] + delta.data()[i];
  const auto ideal = crossbar_device("ideal");
  const auto plan = make_plan(*ideal, 4, b);
  (void)plan->update(delta.view());
  EXPECT_LT(relative_error(run(*plan, a, 10), plain_product(a, sum)), 1e-14);

  const auto hermes = crossbar_device("pcm-hermes");
  const auto noisy = make_plan(*hermes, 4, b);
  const Matrix<double> before = run(*noisy, a, 10);
  const Matrix<double> zero(60, 10);
  const Activity cost = noisy->update(zero.view());
  expect_same_activity(cost, noisy->setup());
  EXPECT_FALSE(same_bytes(before, run(*noisy, a, 10)));  // new programming errors
  // The cells are young again: at the same machine age an updated plan has drifted less.
  const auto old_plan = make_plan(*hermes, 4, b);
  hermes->set_epoch({.age_s = 1e6});
  (void)noisy->update(zero.view());
  const Matrix<double> exact = plain_product(a, b);
  EXPECT_LT(relative_error(run(*noisy, a, 10), exact),
            relative_error(run(*old_plan, a, 10), exact));
}

TEST(CrossbarNoise, DiffersBetweenCallsAndLayersAndInstances) {
  const Matrix<double> a = normal_matrix<double>(200, 64, 1);
  const Matrix<double> b = normal_matrix<double>(64, 32, 2);
  const auto device = crossbar_device("ideal", {{"read.white", "0.05"}});
  const Matrix<double> exact = plain_product(a, b);
  const auto noise_of = [&](std::uint64_t scope, std::uint64_t call) {
    Matrix<double> c =
        run(*make_plan(*device, 200, b, OperandMode::stationary, scope), a, 32, {.call = call});
    for (std::int64_t i = 0; i < c.size(); ++i) c.data()[i] -= exact.data()[i];
    return c;
  };
  const auto correlation = [](const Matrix<double>& x, const Matrix<double>& y, std::int64_t lag) {
    double xy = 0;
    double xx = 0;
    double yy = 0;
    for (std::int64_t i = 0; i + lag < x.size(); ++i) {
      xy += x.data()[i] * y.data()[i + lag];
      xx += x.data()[i] * x.data()[i];
      yy += y.data()[i + lag] * y.data()[i + lag];
    }
    return xy / std::sqrt(xx * yy);
  };
  const Matrix<double> noise = noise_of(1, 0);
  // 6400 samples: the correlation of independent ones has deviation 1 / 80.
  const double tolerance = 5.0 / 80.0;
  EXPECT_NEAR(correlation(noise, noise_of(1, 1), 0), 0.0, tolerance);
  EXPECT_NEAR(correlation(noise, noise_of(2, 0), 0), 0.0, tolerance);
  EXPECT_NEAR(correlation(noise, noise, 1), 0.0, tolerance);
  EXPECT_NEAR(correlation(noise, noise, 32), 0.0, tolerance);
  EXPECT_TRUE(same_bytes(noise, noise_of(1, 0)));
  // Its size: var = white^2 sum_k g^2 x^2, one cell of a pair idle at 0.
  double expected = 0;
  double seen = 0;
  for (std::int64_t i = 0; i < 200; ++i) {
    for (std::int64_t j = 0; j < 32; ++j) {
      for (std::int64_t k = 0; k < 64; ++k) expected += std::pow(0.05 * b(k, j) * a(i, k), 2);
      seen += noise(i, j) * noise(i, j);
    }
  }
  // 6400 squares: relative deviation sqrt(2 / 6400) = 1.8 %.
  EXPECT_NEAR(seen / expected, 1.0, 5 * 0.018);

  const auto other = crossbar_device("pcm-hermes", {}, {.seed = 1, .instance = 1});
  const auto same = crossbar_device("pcm-hermes", {}, {.seed = 1, .instance = 0});
  EXPECT_FALSE(
      same_bytes(run(*make_plan(*other, 200, b), a, 32), run(*make_plan(*same, 200, b), a, 32)));
}

TEST(CrossbarLints, SaturationIsReported) {
  const Matrix<float> a = normal_matrix<float>(50, 64, 1);
  const Matrix<float> b = normal_matrix<float>(64, 32, 2);
  Matrix<float> c(50, 32);
  const auto narrow =
      crossbar_device("ideal", {{"adc.bits", "8"}, {"adc.range", "given"}, {"adc.limit", "0.1"}});
  const Execution clipped = make_plan(*narrow, 50, b)->execute(a.view(), c.view());
  ASSERT_EQ(clipped.lints.size(), 1U);
  EXPECT_EQ(clipped.lints[0].rfind("saturated: ", 0), 0U) << clipped.lints[0];
  const auto wide = crossbar_device("ideal", {{"adc.bits", "8"}});
  EXPECT_TRUE(make_plan(*wide, 50, b)->execute(a.view(), c.view()).lints.empty());
  const auto fixed =
      crossbar_device("ideal", {{"dac.bits", "8"}, {"input.range", "fixed"}, {"input.max", "0.5"}});
  EXPECT_EQ(make_plan(*fixed, 50, b)->execute(a.view(), c.view()).lints.size(), 1U);
}

TEST(CrossbarRefusals, NameTheParametersThatContradict) {
  EXPECT_NE(refusal("cell.on_off", "0.5").find("cell.on_off"), std::string::npos);
  EXPECT_NE(refusal("dac.bits", "1").find("dac.bits"), std::string::npos);
  EXPECT_NE(refusal("weight.bits", "1").find("weight.bits"), std::string::npos);
  EXPECT_NE(refusal("adc.bits", "1").find("adc.style"), std::string::npos);
  EXPECT_NE(refusal("adc.offset_error", "1").find("adc.bits"), std::string::npos);
  EXPECT_NE(refusal("energy.core_mvm_J", "1e-9", "energy.adc_J", "1e-12").find("energy.adc_J"),
            std::string::npos);
  EXPECT_NE(refusal("energy.core_mvm_J", "1e-9", "power.static_W", "1").find("power.static_W"),
            std::string::npos);
  EXPECT_EQ(refusal("adc.bits", "8"), "");
}

TEST(CrossbarCalibration, ADeviceNamesTheMethodItsFileAsksFor) {
  EXPECT_EQ(crossbar_device("pcm-hermes")->default_calibration(), "gdc");
  EXPECT_EQ(crossbar_device("ideal")->default_calibration(), "none");
  EXPECT_EQ(
      crossbar_device("pcm-hermes", {{"calibration.default", "column"}})->default_calibration(),
      "column");
}

TEST(CrossbarRefusals, BadOperandsMethodsAndClocks) {
  const auto device = crossbar_device("pcm-hermes");
  Matrix<float> b = normal_matrix<float>(8, 4, 1);
  const auto plan = make_plan(*device, 2, b);
  Matrix<float> a = normal_matrix<float>(2, 8, 2);
  Matrix<float> c(2, 4);
  a(1, 3) = std::nanf("");
  EXPECT_THROW((void)plan->execute(a.view(), c.view()), Error);
  b(0, 0) = INFINITY;
  EXPECT_THROW((void)make_plan(*device, 2, b), Error);
  EXPECT_THROW((void)plan->update(b.view()), Error);
  EXPECT_THROW((void)device->calibrate("gcd"), Error);
  EXPECT_THROW(device->set_epoch({.age_s = -1}), Error);
  const Matrix<float> wrong(2, 7);
  EXPECT_THROW((void)plan->execute(wrong.view(), c.view()), Error);
  EXPECT_FALSE(device->supports({1, 4, 8}, OperandMode::stationary, ElementType::s8).ok);
  EXPECT_TRUE(device->supports({1, 4, 8}, OperandMode::dynamic, ElementType::f32).ok);
}

}  // namespace
}  // namespace jb::test
