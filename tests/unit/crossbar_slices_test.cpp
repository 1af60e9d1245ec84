// What a device of slices counts, and settings of mapping, converters and wires that contradict
// each other.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/crossbar_device.h"

namespace jb::test {
namespace {

TEST(CrossbarSlices, EveryConversionOfSlicesPlanesAndUnitColumnsIsCounted) {
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

TEST(CrossbarRefusals, ContradictionsAreRefusedByName) {
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
  expect({{"adc.bits", "8"}, {"adc.low", "-1"}}, {"adc.low = -1", "adc.range = max", "given"});
  expect({{"wire.row_ohm", "3"}}, {"wire.row_ohm = 3", "wire.topology"});
  expect({{"weight.max", "2"}, {"weight.percentile", "0.9"}}, {"weight.max", "weight.percentile"});
  expect({{"cell.on_off", "1"}}, {"cell.on_off", "G_min"});
  expect({{"wire.topology", "interleaved"}, {"wire.row_ohm", "1"}, {"weight.mapping", "offset"}},
         {"wire.topology", "weight.mapping"});
}

TEST(CrossbarRefusals, TilesTooLargeToSolveExactly) {
  // 1200^4 steps are more than 2^40, which 1024^4 are; interleaved pairs take eight times as many.
  const auto message = [](const Matrix<float>& b,
                          std::initializer_list<std::pair<const char*, const char*>> settings) {
    try {
      const auto device = crossbar_device("ideal", settings);
      (void)make_plan(*device, 1, b);
    } catch (const Error& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  const Matrix<float> b = normal_matrix<float>(1200, 1200, 1);
  const std::string text = message(b, {{"wire.topology", "input-source"}, {"wire.row_ohm", "1"}});
  for (const char* word : {"wire.solution = exact", "1200", "tile.rows", "1 to 971", "ladders"}) {
    EXPECT_NE(text.find(word), std::string::npos) << text;
  }
  EXPECT_EQ(message(b, {{"wire.topology", "input-source"},
                        {"wire.row_ohm", "1"},
                        {"wire.solution", "ladders"}}),
            "accepted");
  EXPECT_EQ(message(b, {{"wire.topology", "input-source"},
                        {"wire.row_ohm", "1"},
                        {"tile.rows", "64"},
                        {"tile.cols", "64"}}),
            "accepted");
}

}  // namespace
}  // namespace jb::test
