// Mappings, input codings and converter ranges of the crossbar against plain loops over the
// published equations, in combinations that a device file may give.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "backends/core/threads.h"
#include "backends/crossbar/config.h"
#include "tests/support/crossbar_device.h"
#include "tests/support/crossbar_reference.h"

namespace jb::test {
namespace {

using Sign = ReferenceCrossbar::Sign;
using Settings = std::vector<std::pair<std::string, std::string>>;

struct Combination {
  std::string name;
  ReferenceCrossbar reference;
  Settings extra;  // what the reference's numbers do not say: how the range is given
};

DeviceSpec spec_of(const ReferenceCrossbar& r, const Settings& extra) {
  DeviceSpec spec = crossbar_spec("ideal");
  const char* const names[] = {"differential", "differential-two-sided", "offset",
                               "offset-unit-column"};
  spec.set("weight.mapping", names[static_cast<int>(r.sign)]);
  spec.set("cell.on_off", r.g_min == 0 ? "0" : fmt::format("{:.17g}", 1 / r.g_min));
  spec.set("cell.bits", std::to_string(r.cell_bits));
  spec.set("weight.bits", std::to_string(r.weight_bits));
  spec.set("weight.slices", std::to_string(r.slices));
  spec.set("weight.max", fmt::format("{:.17g}", r.weight_max));
  spec.set("emulate_crosssim_offset_gain", r.crosssim_gain ? "true" : "false");
  spec.set("dac.bits", std::to_string(r.dac_bits));
  spec.set("dac.style", r.unsigned_inputs ? "unsigned" : "sign-magnitude");
  spec.set("input.range", "fixed");
  spec.set("input.coding", r.serial ? "bit-serial" : "multi-bit");
  spec.set("input.plane_bits", std::to_string(r.plane_bits));
  spec.set("input.accumulation", r.analog ? "analog" : "digital");
  spec.set("column.current_limit", fmt::format("{:.17g}", r.current_limit));
  spec.set("adc.bits", std::to_string(r.adc_bits));
  spec.set("adc.style", r.sign_magnitude ? "sign-magnitude" : "quantizer");
  spec.set("adc.range", "given");
  if (r.adc_bits > 0) {
    spec.set("adc.low", fmt::format("{:.17g}", r.low));
    spec.set("adc.high", fmt::format("{:.17g}", r.high));
  }
  for (const auto& [key, value] : extra) spec.set(key, value);
  return spec;
}

ReferenceCrossbar base(Sign sign, double g_min = 0, int cell_bits = 7) {
  ReferenceCrossbar r;
  r.sign = sign;
  r.g_min = g_min;
  r.cell_bits = cell_bits;
  r.dac_bits = 8;
  return r;
}
ReferenceCrossbar converted(ReferenceCrossbar r, int bits, double limit) {
  r.adc_bits = bits;
  r.low = -limit;
  r.high = limit;
  return r;
}
ReferenceCrossbar serial(ReferenceCrossbar r, int plane_bits = 1, bool analog = false) {
  r.serial = true;
  r.plane_bits = plane_bits;
  r.analog = analog;
  return r;
}
ReferenceCrossbar sliced(ReferenceCrossbar r, int weight_bits, int slices, int cell_bits) {
  r.weight_bits = weight_bits;
  r.slices = slices;
  r.cell_bits = cell_bits;
  return r;
}
ReferenceCrossbar positive(ReferenceCrossbar r, int bits) {
  r.unsigned_inputs = true;
  r.dac_bits = bits;
  return r;
}
ReferenceCrossbar ranged(ReferenceCrossbar r, int bits, double low, double high) {
  r.adc_bits = bits;
  r.low = low;
  r.high = high;
  return r;
}

std::vector<Combination> combinations() {
  std::vector<Combination> all;
  const auto add = [&](std::string name, ReferenceCrossbar r, Settings extra = {}) {
    all.push_back({std::move(name), std::move(r), std::move(extra)});
  };
  const ReferenceCrossbar pairs = base(Sign::one_sided);
  const double c8 = 128.0 / 127;
  const double c16 = 65536.0 / 65535;
  add("two_sided", base(Sign::two_sided, 0.01, 0));
  add("two_sided_cells", converted(base(Sign::two_sided, 0.1, 5), 8, 3));
  add("sign_magnitude_adc", [&] {
    ReferenceCrossbar r = converted(pairs, 8, 3);
    r.sign_magnitude = true;
    return r;
  }());
  add("analog_accumulation", serial(converted(pairs, 8, 3), 1, true));
  add("four_bit_planes", serial(converted(pairs, 8, 3), 4));
  add("three_bit_planes_of_seven", serial(converted(pairs, 10, 3), 3));
  add("three_bit_planes_analog", serial(converted(pairs, 10, 3), 3, true));
  add("current_limit", [&] {
    ReferenceCrossbar r = converted(pairs, 8, 3);
    r.current_limit = 0.6;
    return r;
  }());
  add("current_limit_on_planes", [&] {
    ReferenceCrossbar r = serial(converted(pairs, 8, 3));
    r.current_limit = 0.6;
    return r;
  }());
  add("current_limit_on_analog_planes", [&] {
    ReferenceCrossbar r = serial(converted(base(Sign::offset, 0.1, 6), 8, 20), 1, true);
    r.current_limit = 4;
    return r;
  }());
  add("weight_max_clips", [&] {
    ReferenceCrossbar r = converted(pairs, 8, 5);
    r.weight_max = 0.5;
    return r;
  }());
  add("weight_max_without_converters", [&] {
    ReferenceCrossbar r = base(Sign::one_sided, 0, 0);
    r.dac_bits = 0;
    r.weight_max = 0.5;
    return r;
  }());
  add("offset_analog_cells", base(Sign::offset, 0.05, 0));
  add("offset_unsigned_inputs", positive(ranged(base(Sign::offset, 0.1, 6), 9, 0, 20), 6));
  add("unit_column", converted(base(Sign::unit_column, 0.01, 8), 8, 16));
  add("unit_column_serial", serial(converted(base(Sign::unit_column, 0.1, 8), 8, 8)));
  add("unit_column_analog", serial(converted(base(Sign::unit_column, 0.1, 4), 10, 16), 1, true));
  add("offset_as_crosssim", [&] {
    ReferenceCrossbar r = converted(base(Sign::offset, 0.1, 4), 8, 16);
    r.crosssim_gain = true;
    return r;
  }());
  add("balanced_slices", serial(converted(sliced(base(Sign::one_sided, 0.01), 8, 4, 2), 8, 8)));
  add("balanced_slices_multi_bit", converted(sliced(base(Sign::one_sided, 0.01), 8, 2, 4), 8, 8));
  add("balanced_slices_of_seven", converted(sliced(base(Sign::one_sided, 0.01), 8, 3, 3), 8, 8));
  add("two_sided_slices", [&] {
    ReferenceCrossbar r = serial(converted(sliced(base(Sign::two_sided, 0.01), 6, 2, 0), 8, 8));
    r.sign_magnitude = true;  // sums near zero would lie between a quantizer's middle codes
    return r;
  }());
  add("offset_slices", serial(converted(sliced(base(Sign::offset, 0.02), 8, 4, 2), 9, 24)));
  add("offset_slices_of_nine", converted(sliced(base(Sign::offset, 0.02), 9, 2, 5), 10, 24));
  add("unit_column_slices",
      serial(converted(sliced(base(Sign::unit_column, 0.02), 8, 4, 2), 9, 24)));
  // CrossSim's ranges. Granular: a step is the least current of one cell (isaac_16b: 9 bits).
  add("isaac_granular",
      serial(positive(
          ranged(sliced(base(Sign::unit_column, 1e-3), 16, 8, 2), 9, 0, 1.0 / 3 * c16 * 511), 16)),
      {{"adc.range", "granular"}});
  add("isaac_max",
      serial(positive(
          ranged(sliced(base(Sign::offset), 16, 8, 2), 6, 0, 16 * 4.0 / 3 * 63 / 64 * c16), 16)),
      {{"adc.range", "max"}});
  add("signed_offset_slices_max",
      serial(converted(sliced(base(Sign::offset), 8, 4, 2), 7, 16 * 4.0 / 3 * 126 / 128 * c8)),
      {{"adc.range", "max"}});
  add("balanced_slices_granular",
      serial(converted(sliced(base(Sign::one_sided, 0.01), 8, 4, 2), 5, 1.0 / 3 * c8 * 15)),
      {{"adc.range", "granular"}});
  // 9 bits: with 8, sums of thirds would fall halfway between codes.
  add("balanced_slices_max", serial(converted(sliced(base(Sign::one_sided), 8, 4, 2), 9, 20)),
      {{"adc.range", "max"}});
  add("tiles",
      [&] {
        ReferenceCrossbar r =
            serial(converted(sliced(base(Sign::unit_column, 0.02), 8, 4, 2), 8, 10));
        r.tiles = {7, 7, 6};
        return r;
      }(),
      {{"tile.rows", "7"}, {"tile.cols", "3"}});
  return all;
}

Matrix<double> inputs(const ReferenceCrossbar& r) {
  Matrix<double> a = normal_matrix<double>(9, 20, 11);
  for (std::int64_t i = 0; i < a.size(); ++i) {
    double& x = a.data()[i];
    x = std::clamp(x / 3, -1.0, 1.0);
    if (r.unsigned_inputs) x = std::abs(x);
  }
  return a;
}

class Mapping : public testing::TestWithParam<Combination> {};

TEST_P(Mapping, EqualsThePublishedEquations) {
  const ReferenceCrossbar& r = GetParam().reference;
  const Matrix<double> a = inputs(r);
  const Matrix<double> b = normal_matrix<double>(20, 8, 12);
  const Matrix<double> expected = r.multiply(a, b);
  const auto device = crossbar_backend().open(spec_of(r, GetParam().extra), {});
  const Matrix<double> c = run(*make_plan(*device, 9, b), a, 8);
  double largest = 0;
  for (std::int64_t i = 0; i < c.size(); ++i) {
    largest = std::max(largest, std::abs(expected.data()[i]));
  }
  // Sums of at most 20 products in another order, planes and slices weighted up to 2^14.
  for (std::int64_t i = 0; i < c.size(); ++i) {
    EXPECT_NEAR(c.data()[i], expected.data()[i], 1e-10 * largest) << i;
  }
}

TEST_P(Mapping, Float32FollowsWithinAStep) {
  // Sums in float32 may fall on the other side of a code; without converters they are rounded.
  const ReferenceCrossbar& r = GetParam().reference;
  const Matrix<double> a = inputs(r);
  const Matrix<double> b = normal_matrix<double>(20, 8, 12);
  Matrix<float> a32(9, 20);
  Matrix<float> b32(20, 8);
  std::copy(a.data(), a.data() + a.size(), a32.data());
  std::copy(b.data(), b.data() + b.size(), b32.data());
  const auto device = crossbar_backend().open(spec_of(r, GetParam().extra), {});
  const Matrix<double> exact = run(*make_plan(*device, 9, b), a, 8);
  const Matrix<float> c = run(*make_plan(*device, 9, b32), a32, 8);
  EXPECT_LT(relative_error(c, exact), r.adc_bits == 0 ? 1e-5 : 0.02);
}

INSTANTIATE_TEST_SUITE_P(Combinations, Mapping, testing::ValuesIn(combinations()),
                         [](const auto& test) { return test.param.name; });

TEST(CrossbarMapping, PulseWidthsAreMultiBitInputsInNumbers) {
  const Matrix<double> a = normal_matrix<double>(5, 20, 1);
  const Matrix<double> b = normal_matrix<double>(20, 6, 2);
  const auto result = [&](const char* coding) {
    const auto device =
        crossbar_device("ideal", {{"dac.bits", "8"}, {"adc.bits", "8"}, {"input.coding", coding}});
    return run(*make_plan(*device, 5, b), a, 6);
  };
  EXPECT_TRUE(same_bytes(result("pulse-width"), result("multi-bit")));
}

TEST(CrossbarMapping, FlippedColumnsHalveTheRangeAndChangeNothingElse) {
  // All weights positive: every top slice is more than half full. With the complement stored, no
  // column exceeds half of R (2^b - 1), which a converter of one bit less takes without clipping.
  Matrix<double> a(9, 20);
  std::fill(a.data(), a.data() + a.size(), 1.0);
  for (std::int64_t i = 0; i < 9; ++i) a(i, i) = 0.3;
  Matrix<double> b = normal_matrix<double>(20, 6, 2);
  for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] = std::abs(b.data()[i]);
  const auto result = [&](const char* flip, const char* bits, const char* high) {
    const auto device = crossbar_device("ideal", {{"weight.mapping", "offset"},
                                                  {"weight.bits", "8"},
                                                  {"weight.slices", "4"},
                                                  {"cell.bits", "2"},
                                                  {"cell.on_off", "1000"},
                                                  {"dac.bits", "8"},
                                                  {"dac.style", "unsigned"},
                                                  {"input.range", "fixed"},
                                                  {"input.coding", "bit-serial"},
                                                  {"weight.flip", flip},
                                                  {"adc.bits", bits},
                                                  {"adc.style", "quantizer"},
                                                  {"adc.range", "given"},
                                                  {"adc.high", high}});
    return run(*make_plan(*device, 9, b), a, 6);
  };
  // Steps of a third of a cell's full current: 64 levels reach 21 cells, 32 reach 10.33.
  const Matrix<double> exact = result("false", "16", "21");
  EXPECT_LT(relative_error(result("true", "16", "21"), exact), 1e-4);
  const double with_flip = relative_error(result("true", "5", "10.333333333333334"), exact);
  const double without = relative_error(result("false", "5", "10.333333333333334"), exact);
  EXPECT_LT(with_flip, 0.01);  // g_min alone is between steps
  EXPECT_GT(without, 10 * with_flip);
}

TEST(CrossbarMapping, CalibratedRangesFollowTheSignal) {
  // 256 inputs: signals are far below the largest possible, so a measured range loses less.
  const Matrix<double> a = normal_matrix<double>(20, 256, 1);
  const Matrix<double> b = normal_matrix<double>(256, 30, 2);
  const Matrix<double> exact = plain_product(a, b);
  for (const char* coding : {"multi-bit", "bit-serial"}) {
    const auto error = [&](const char* range) {
      const auto device = crossbar_device("ideal", {{"weight.bits", "8"},
                                                    {"weight.slices", "4"},
                                                    {"cell.bits", "2"},
                                                    {"dac.bits", "8"},
                                                    {"adc.bits", "8"},
                                                    {"input.coding", coding},
                                                    {"adc.range", range}});
      return relative_error(run(*make_plan(*device, 20, b), a, 30), exact);
    };
    EXPECT_LT(error("calibrated"), 0.25 * error("max")) << coding;
    EXPECT_LT(error("calibrated"), 0.1) << coding;
  }
}

TEST(CrossbarMapping, SlicesOfNoisyCellsKeepTheirPromises) {
  const auto make_device = [] {
    auto device = crossbar_device("pcm-hermes", {{"weight.bits", "8"},
                                                 {"weight.slices", "4"},
                                                 {"tile.rows", "100"},
                                                 {"input.coding", "bit-serial"},
                                                 {"read.white", "0.02"},
                                                 {"adc.gain_error", "0.01"},
                                                 {"adc.offset_error", "1"}});
    device->set_epoch({.age_s = 3600});
    return device;
  };
  const Matrix<float> a = normal_matrix<float>(150, 300, 1);
  const Matrix<float> b = normal_matrix<float>(300, 70, 2);
  const int threads = thread_count();
  std::vector<Matrix<float>> results;
  for (const int count : {1, 2, 3}) {
    set_thread_count(count);
    const auto device = make_device();
    const auto plan = make_plan(*device, 150, b);
    (void)device->calibrate("column");
    results.push_back(run(*plan, a, 70, {.call = 5}));
  }
  set_thread_count(threads);
  EXPECT_TRUE(same_bytes(results[0], results[1]));
  EXPECT_TRUE(same_bytes(results[0], results[2]));
  const auto device = make_device();
  const auto plan = make_plan(*device, 150, b);
  (void)device->calibrate("column");
  for (const std::int64_t step : {1, 7, 64}) {
    Matrix<float> c(150, 70);
    for (std::int64_t row = 0; row < 150; row += step) {
      const std::int64_t rows = std::min<std::int64_t>(step, 150 - row);
      const MatrixView<const float> part = std::as_const(a).view().block(row, 0, rows, 300);
      (void)plan->execute(part, c.view().block(row, 0, rows, 70), {.call = 5, .row_offset = row},
                          Direction::forward);
    }
    EXPECT_TRUE(same_bytes(results[0], c)) << "blocks of " << step;
  }
}

TEST(CrossbarMapping, BytesGiveWhatFloat64GivesBitForBit) {
  // Ideal quantised cells: whole numbers up to the converter, on any way through the product.
  const Matrix<float> a = normal_matrix<float>(70, 300, 1);
  const Matrix<float> b = normal_matrix<float>(300, 45, 2);
  Matrix<double> a64(70, 300);
  Matrix<double> b64(300, 45);
  std::copy(a.data(), a.data() + a.size(), a64.data());
  std::copy(b.data(), b.data() + b.size(), b64.data());
  for (const char* mapping : {"differential", "offset", "offset-unit-column"}) {
    for (const char* coding : {"multi-bit", "bit-serial"}) {
      for (const char* style : {"sign-magnitude", "unsigned"}) {
        const auto device = crossbar_device("ideal", {{"weight.mapping", mapping},
                                                      {"weight.bits", "8"},
                                                      {"weight.slices", "4"},
                                                      {"cell.bits", "2"},
                                                      {"tile.rows", "128"},
                                                      {"tile.cols", "20"},
                                                      {"dac.bits", "7"},
                                                      {"dac.style", style},
                                                      {"input.coding", coding},
                                                      {"adc.bits", "7"},
                                                      {"adc.style", "quantizer"},
                                                      {"adc.gain_error", "0.01"},
                                                      {"adc.offset_error", "0.3"}});
        const Matrix<float> c = run(*make_plan(*device, 70, b), a, 45);
        const Matrix<double> expected = run(*make_plan(*device, 70, b64), a64, 45);
        std::int64_t different = 0;
        for (std::int64_t i = 0; i < c.size(); ++i) {
          different += c.data()[i] != static_cast<float>(expected.data()[i]) ? 1 : 0;
        }
        EXPECT_EQ(different, 0) << mapping << " " << coding << " " << style;
      }
    }
  }
}

TEST(CrossbarMapping, LookUpTablesFollowFloat64OnNoisyCells) {
  // Sums reach 128 steps, in 22 roundings of 6e-8 and as many of the table's entries: 5e-5 of a
  // step at most about, so that one conversion in 1e4 falls on the other side of a code. An output
  // is made of up to 96 of them; one in 20 may differ, by one code of one slice and plane.
  const Matrix<float> a = normal_matrix<float>(70, 300, 1);
  const Matrix<float> b = normal_matrix<float>(300, 45, 2);
  Matrix<double> a64(70, 300);
  Matrix<double> b64(300, 45);
  std::copy(a.data(), a.data() + a.size(), a64.data());
  std::copy(b.data(), b.data() + b.size(), b64.data());
  for (const char* mapping : {"differential", "offset", "offset-unit-column"}) {
    for (const char* style : {"sign-magnitude", "unsigned"}) {
      for (const char* rows : {"0", "128"}) {
        for (const char* white : {"0", "0.02"}) {
          const auto device = crossbar_device("pcm-hermes", {{"weight.mapping", mapping},
                                                             {"weight.bits", "8"},
                                                             {"weight.slices", "4"},
                                                             {"tile.rows", rows},
                                                             {"tile.cols", "20"},
                                                             {"dac.bits", "8"},
                                                             {"dac.style", style},
                                                             {"input.coding", "bit-serial"},
                                                             {"adc.style", "quantizer"},
                                                             {"adc.limit", "40"},
                                                             {"adc.gain_error", "0.01"},
                                                             {"read.white", white}});
          const Matrix<float> c = run(*make_plan(*device, 70, b), a, 45);
          const Matrix<double> expected = run(*make_plan(*device, 70, b64), a64, 45);
          double largest = 0;
          for (std::int64_t i = 0; i < c.size(); ++i) {
            largest = std::max(largest, std::abs(expected.data()[i]));
          }
          std::int64_t different = 0;
          for (std::int64_t i = 0; i < c.size(); ++i) {
            const double d = std::abs(static_cast<double>(c.data()[i]) - expected.data()[i]);
            different += d > 1e-6 * largest ? 1 : 0;
          }
          EXPECT_LE(different, c.size() / 20)
              << mapping << " " << style << " " << rows << " " << white;
          EXPECT_LT(relative_error(c, expected), 0.03);
        }
      }
    }
  }
}

TEST(CrossbarMapping, ProductsWithBTransposedUseTheSameSlices) {
  const Matrix<double> b = normal_matrix<double>(50, 30, 2);
  const Matrix<double> g = normal_matrix<double>(8, 30, 1);
  for (const char* mapping : {"differential", "offset", "offset-unit-column"}) {
    const auto device = crossbar_device("ideal", {{"weight.mapping", mapping},
                                                  {"weight.bits", "16"},
                                                  {"weight.slices", "4"},
                                                  {"tile.rows", "16"},
                                                  {"tile.cols", "8"},
                                                  {"cell.on_off", "100"}});
    const auto plan = make_plan(*device, 8, b);
    // 16-bit weights: 2^-16 of the largest, over 30 terms.
    EXPECT_LT(
        relative_error(run(*plan, g, 50, {}, Direction::transposed), plain_product(g, b, true)),
        1e-3)
        << mapping;
  }
}

TEST(CrossbarMapping, EveryConversionOfSlicesPlanesAndUnitColumnsIsCounted) {
  const GemmShape shape{5, 40, 70};  // 70 inputs on tiles of 32: 3; 40 outputs on tiles of 16: 3
  const auto counted = [&](std::initializer_list<std::pair<const char*, const char*>> settings) {
    DeviceSpec spec = crossbar_spec("ideal", {{"tile.rows", "32"},
                                              {"tile.cols", "16"},
                                              {"dac.bits", "8"},
                                              {"adc.bits", "8"},
                                              {"energy.adc_J", "1e-12"},
                                              {"energy.dac_J", "1e-12"},
                                              {"energy.program_cell_J", "1e-12"},
                                              {"time.step_s", "1e-7"}});
    for (const auto& [key, value] : settings) spec.set(key, value);
    const auto device = crossbar_backend().open(spec, {});
    const auto count = [&](const Activity& activity, const char* name) {
      double sum = 0;
      for (std::size_t i = 0; i < device->prices().prices.size(); ++i) {
        const Price& price = device->prices().prices[i];
        if (price.action == name && price.category != Category::calibration) {
          sum += activity.count(static_cast<ActionId>(i));
        }
      }
      return sum;
    };
    const Activity product = device->estimate(shape, OperandMode::stationary, {});
    const Activity setup = device->estimate_setup(shape, OperandMode::stationary);
    return std::vector<double>{count(product, "convert"), count(product, "drive"),
                               count(setup, "program"), product.device_time_s};
  };
  const auto expect = [](const std::vector<double>& seen, std::vector<double> expected) {
    for (std::size_t i = 0; i < seen.size(); ++i) {
      EXPECT_NEAR(seen[i], expected[i], 1e-9 * expected[i]) << i;
    }
  };
  const double conversions = 5 * 40 * 3;
  const double drives = 5 * 70 * 3;
  const double cells = 2 * 70 * 40;
  expect(counted({}), {conversions, drives, cells, 5 * 1e-7});
  expect(counted({{"weight.bits", "8"}, {"weight.slices", "4"}, {"input.coding", "bit-serial"}}),
         {28 * conversions, 7 * drives, 4 * cells, 35 * 1e-7});
  expect(counted({{"weight.bits", "8"},
                  {"weight.slices", "4"},
                  {"input.coding", "bit-serial"},
                  {"input.accumulation", "analog"}}),
         {4 * conversions, 7 * drives, 4 * cells, 35 * 1e-7});
  expect(counted({{"weight.mapping", "offset-unit-column"}}),
         {5.0 * 43 * 3, drives, 70.0 * 43, 5 * 1e-7});
  expect(counted({{"input.coding", "pulse-width"}}), {conversions, drives, cells, 5 * 127e-7});
}

TEST(CrossbarMapping, ContradictionsAreRefusedByName) {
  const auto message = [](std::initializer_list<std::pair<const char*, const char*>> settings) {
    try {
      (void)crossbar_device("ideal", settings);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const auto expect = [&](std::initializer_list<std::pair<const char*, const char*>> settings,
                          std::initializer_list<const char*> words) {
    const std::string text = message(settings);
    for (const char* word : words) EXPECT_NE(text.find(word), std::string::npos) << text;
  };
  expect({{"weight.bits", "4"}, {"weight.slices", "8"}},
         {"weight.slices", "weight.bits", "1 to 3"});
  expect({{"weight.slices", "4"}}, {"weight.slices", "weight.bits = 0"});
  expect({{"weight.bits", "4"}, {"weight.slices", "2"}, {"cell.bits", "6"}},
         {"cell.bits = 6", "weight.bits", "2 to 4"});
  expect({{"weight.bits", "8"}, {"weight.slices", "2"}, {"cell.bits", "2"}},
         {"cell.bits = 2", "4 bits of a slice"});
  expect({{"adc.bits", "8"},
          {"adc.style", "quantizer"},
          {"adc.range", "given"},
          {"adc.low", "2"},
          {"adc.high", "1"}},
         {"adc.low", "adc.high", "empty"});
  expect({{"cell.on_off", "0.5"}}, {"cell.on_off", "above 1"});
  expect({{"input.coding", "bit-serial"}}, {"input.coding", "dac.bits"});
  expect({{"input.coding", "bit-serial"}, {"dac.bits", "4"}, {"input.plane_bits", "5"}},
         {"input.plane_bits", "1 to 3"});
  expect({{"weight.mapping", "offset"}, {"cell.bits", "1"}}, {"cell.bits", "2 to 16"});
  expect({{"weight.flip", "true"}}, {"weight.flip", "offset"});
  expect({{"emulate_crosssim_offset_gain", "true"}}, {"emulate_crosssim_offset_gain", "offset"});
  expect({{"adc.bits", "8"}, {"adc.range", "granular"}}, {"adc.range", "cell.bits"});
  expect({{"wire.topology", "input-source"}, {"wire.row_ohm", "1e6"}},
         {"wire.row_ohm", "too resistive", "give 0 to 40000"});
  expect({{"wire.topology", "interleaved"}, {"wire.row_ohm", "1"}, {"weight.mapping", "offset"}},
         {"wire.topology", "weight.mapping"});
}

}  // namespace
}  // namespace jb::test
