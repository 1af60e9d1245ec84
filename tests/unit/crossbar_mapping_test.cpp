// Mappings, input codings and converter ranges of the crossbar against plain loops over the
// published equations, in combinations that a device file may give.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "backends/crossbar/config.h"
#include "backends/inspectable.h"
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
  const bool ruled = std::any_of(extra.begin(), extra.end(), [](const auto& setting) {
    return setting.first == "adc.range";  // which then gives what the reference is told
  });
  if (r.adc_bits > 0 && !ruled) {
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
ReferenceCrossbar with_adc(ReferenceCrossbar r, int bits, double limit) {
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
  add("two_sided_cells", with_adc(base(Sign::two_sided, 0.1, 5), 8, 3));
  add("sign_magnitude_adc", [&] {
    ReferenceCrossbar r = with_adc(pairs, 8, 3);
    r.sign_magnitude = true;
    return r;
  }());
  add("analog_accumulation", serial(with_adc(pairs, 8, 3), 1, true));
  add("four_bit_planes", serial(with_adc(pairs, 8, 3), 4));
  add("three_bit_planes_of_seven", serial(with_adc(pairs, 10, 3), 3));
  add("three_bit_planes_analog", serial(with_adc(pairs, 10, 3), 3, true));
  add("current_limit", [&] {
    ReferenceCrossbar r = with_adc(pairs, 8, 3);
    r.current_limit = 0.6;
    return r;
  }());
  add("current_limit_on_planes", [&] {
    ReferenceCrossbar r = serial(with_adc(pairs, 8, 3));
    r.current_limit = 0.6;
    return r;
  }());
  add("current_limit_on_analog_planes", [&] {
    ReferenceCrossbar r = serial(with_adc(base(Sign::offset, 0.1, 6), 8, 20), 1, true);
    r.current_limit = 4;
    return r;
  }());
  add("weight_max_clips", [&] {
    ReferenceCrossbar r = with_adc(pairs, 8, 5);
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
  add("unit_column", with_adc(base(Sign::unit_column, 0.01, 8), 8, 16));
  add("unit_column_serial", serial(with_adc(base(Sign::unit_column, 0.1, 8), 8, 8)));
  add("unit_column_analog", serial(with_adc(base(Sign::unit_column, 0.1, 4), 10, 16), 1, true));
  add("offset_as_crosssim", [&] {
    ReferenceCrossbar r = with_adc(base(Sign::offset, 0.1, 4), 8, 16);
    r.crosssim_gain = true;
    return r;
  }());
  add("balanced_slices", serial(with_adc(sliced(base(Sign::one_sided, 0.01), 8, 4, 2), 8, 8)));
  add("balanced_slices_multi_bit", with_adc(sliced(base(Sign::one_sided, 0.01), 8, 2, 4), 8, 8));
  add("balanced_slices_of_seven", with_adc(sliced(base(Sign::one_sided, 0.01), 8, 3, 3), 8, 8));
  add("two_sided_slices", [&] {
    ReferenceCrossbar r = serial(with_adc(sliced(base(Sign::two_sided, 0.01), 6, 2, 0), 8, 8));
    r.sign_magnitude = true;  // sums near zero would lie between a quantizer's middle codes
    return r;
  }());
  add("offset_slices", serial(with_adc(sliced(base(Sign::offset, 0.02), 8, 4, 2), 9, 24)));
  add("offset_slices_of_nine", with_adc(sliced(base(Sign::offset, 0.02), 9, 2, 5), 10, 24));
  add("unit_column_slices",
      serial(with_adc(sliced(base(Sign::unit_column, 0.02), 8, 4, 2), 9, 24)));
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
      serial(with_adc(sliced(base(Sign::offset), 8, 4, 2), 7, 16 * 4.0 / 3 * 126 / 128 * c8)),
      {{"adc.range", "max"}});
  add("balanced_slices_granular",
      serial(with_adc(sliced(base(Sign::one_sided, 0.01), 8, 4, 2), 5, 1.0 / 3 * c8 * 15)),
      {{"adc.range", "granular"}});
  // 9 bits: with 8, sums of thirds would fall halfway between codes.
  add("balanced_slices_max", serial(with_adc(sliced(base(Sign::one_sided), 8, 4, 2), 9, 20)),
      {{"adc.range", "max"}});
  add("tiles",
      [&] {
        ReferenceCrossbar r =
            serial(with_adc(sliced(base(Sign::unit_column, 0.02), 8, 4, 2), 8, 10));
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
  const Matrix<float> a32 = converted<float>(a);
  const Matrix<float> b32 = converted<float>(b);
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

TEST(CrossbarMapping, CellsWithoutErrorAreProgrammedToTheMappingsTargets) {
  // Codes of up to 12 bits are looked up in a table of conductances, others computed.
  const Matrix<double> b = normal_matrix<double>(20, 9, 2);
  const auto conductances = [&](const char* model, const char* mapping, const char* bits,
                                const char* slices) {
    const auto device = crossbar_device("ideal", {{"cell.model", model},
                                                  {"cell.on_off", "50"},
                                                  {"weight.mapping", mapping},
                                                  {"weight.bits", bits},
                                                  {"weight.slices", slices},
                                                  {"weight.max", "1.5"}});
    std::vector<float> all;
    dynamic_cast<const Inspectable&>(*make_plan(*device, 1, b))
        .inspect([&](const std::string& name, MatrixView<const double> matrix) {
          if (name.rfind("conductances", 0) != 0) return;
          for (std::int64_t i = 0; i < matrix.rows; ++i) {
            for (std::int64_t j = 0; j < matrix.cols; ++j) {
              all.push_back(static_cast<float>(matrix(i, j)));
            }
          }
        });
    return all;
  };
  for (const char* mapping :
       {"differential", "differential-two-sided", "offset", "offset-unit-column"}) {
    for (const char* bits : {"4", "8", "12", "13"}) {
      for (const char* slices : {"1", "3"}) {
        const std::vector<float> cells = conductances("generic", mapping, bits, slices);
        EXPECT_EQ(cells, conductances("ideal", mapping, bits, slices))
            << mapping << " " << bits << " " << slices;
        EXPECT_GE(cells.size(), 20U * 9U);
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

}  // namespace
}  // namespace jb::test
