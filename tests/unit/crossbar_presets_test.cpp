// Crossbar presets against the published totals they stand on, each beside a perturbation that must
// show; tables of measured cells; parameters that contradict each other.

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "backends/core/json_file.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"
#include "backends/crossbar/config.h"
#include "backends/energy/ledger.h"
#include "tests/support/crossbar_device.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using Settings = std::initializer_list<std::pair<const char*, const char*>>;

double energy_of(Device& device, const GemmShape& shape) {
  return price(device.estimate(shape, OperandMode::stationary, {}), device.prices()).total_J();
}
double J_per_mac(const char* preset, const GemmShape& shape, Settings settings = {}) {
  const auto device = crossbar_device(preset, settings);
  return energy_of(*device, shape) / shape.macs();
}

/// The sentence with which a device of those settings is refused; "" when it is not.
std::string refusal(const char* preset, Settings settings) {
  try {
    (void)crossbar_device(preset, settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage);
    return error.what();
  }
  return "";
}

void expect_refusal(const std::string& sentence, std::initializer_list<const char*> words) {
  EXPECT_NE(sentence, "");
  for (const char* word : words) {
    EXPECT_NE(sentence.find(word), std::string::npos) << "'" << word << "' in: " << sentence;
  }
}

TEST(CrossbarPresets, UndividedRowsGiveThePublishedEnergyAndAnswerToChanges) {
  struct Published {
    const char* preset;
    std::int64_t rows, cols;
    double ops_per_J;
    double rounding;  ///< of the preset's four digits
  };
  // Le Gallo et al. 2023; Xiao et al. 2022; 55 nm NOR flash; MC2-RAM: 1 MAC = 2 ops.
  const Published published[] = {{"pcm-hermes", 256, 256, 9.76e12, 5e-4},
                                 {"sonos-sandia", 1152, 256, 20e12, 5e-4},
                                 {"flash-cmos", 256, 256, 7.48e12, 5e-4},
                                 {"sram-charge", 576, 32, 59.7e12, 5e-4}};
  for (const Published& p : published) {
    const GemmShape full{1, p.cols, p.rows};
    const double expected = 2.0 / p.ops_per_J;
    EXPECT_NEAR(J_per_mac(p.preset, full), expected, p.rounding * expected) << p.preset;
    // The row is one: component "macro (undivided)", at B1, with nothing below it.
    const auto device = crossbar_device(p.preset);
    EXPECT_EQ(device->prices().lowest, Boundary::B1) << p.preset;
    const Activity one = device->estimate(full, OperandMode::stationary, {});
    ASSERT_EQ(one.rows().size(), 1U) << p.preset;
    EXPECT_EQ(device->prices().prices[one.rows()[0].action].component, "macro (undivided)");
    // Twice the energy per product: twice the energy per MAC.
    const std::string doubled = shortest(2 * device->spec().number("energy.core_mvm_J"));
    EXPECT_NEAR(J_per_mac(p.preset, full, {{"energy.core_mvm_J", doubled.c_str()}}),
                2 * J_per_mac(p.preset, full), 1e-12 * expected)
        << p.preset;
    // Half the columns in use: twice the energy per MAC.
    EXPECT_NEAR(J_per_mac(p.preset, {1, p.cols / 2, p.rows}), 2 * J_per_mac(p.preset, full),
                1e-12 * expected)
        << p.preset;
    // One input more than a tile holds: two tiles.
    EXPECT_NEAR(energy_of(*device, {1, p.cols, p.rows + 1}), 2 * energy_of(*device, full),
                1e-12 * energy_of(*device, full))
        << p.preset;
    // An undivided figure takes nothing beside it.
    EXPECT_NE(refusal(p.preset, {{"energy.adc_J", "1e-12"}}), "") << p.preset;
  }
}

TEST(CrossbarPresets, HermesIdentities) {
  // 63.1 TOPS at 9.76 TOPS/W: 6.47 W over 64 cores of 256 x 256; 133 ns and 13.4 nJ a product,
  // 0.205 pJ/MAC; 4-phase reads 521 ns, 52.9 nJ, 0.806 pJ/MAC (16.1 TOPS at 2.48 TOPS/W).
  const auto device = crossbar_device("pcm-hermes");
  const GemmShape core{1, 256, 256};
  const double product_s = device->estimate(core, OperandMode::stationary, {}).device_time_s;
  const double core_J = energy_of(*device, core);
  EXPECT_NEAR(product_s, 133e-9, 0.5e-9);
  EXPECT_NEAR(core_J, 13.4e-9, 0.05e-9);
  EXPECT_NEAR(64 * core_J / product_s, 6.47, 0.005);
  EXPECT_NEAR(2 * device->peak_mac_per_s(), 63.1e12, 0.05e12);
  EXPECT_NEAR(core_J / core.macs(), 0.205e-12, 0.0005e-12);
  const auto four =
      crossbar_device("pcm-hermes", {{"energy.core_mvm_J", "5.285e-8"}, {"time.mvm_s", "5.21e-7"}});
  EXPECT_NEAR(energy_of(*four, core) / core.macs(), 0.806e-12, 0.0005e-12);
  EXPECT_NEAR(2 * four->peak_mac_per_s(), 16.1e12, 0.05e12);
  // A core more is a 64th more peak; a product is as fast.
  const auto larger = crossbar_device("pcm-hermes", {{"tile.count", "65"}});
  EXPECT_NEAR(larger->peak_mac_per_s() / device->peak_mac_per_s(), 65.0 / 64.0, 1e-12);
}

/// One array-cycle's energy of ISAAC by component, from the device file's own prices.
struct IsaacChip {
  std::unique_ptr<Device> device;
  explicit IsaacChip(Settings settings = {}) {
    DeviceSpec spec = crossbar_spec("reram-isaac", {{"dac.style", "unsigned"}});
    for (const auto& [key, value] : settings) spec.set(key, value);
    device = crossbar_backend().open(spec, {});
  }
  /// Power of a component when every array is at work, W.
  [[nodiscard]] double power(const std::string& component) const {
    // 16128 arrays side by side: 128 x 16 weights each, 126 x 128 of them.
    const GemmShape all{1, 16 * 126, 128 * 128};
    const Activity work = device->estimate(all, OperandMode::stationary, {});
    const Ledger ledger = price(work, device->prices());
    double joules = 0;
    for (const LedgerRow& row : ledger.rows()) {
      if (component.empty() || row.price->component == component) joules += row.energy_J;
    }
    return joules / work.device_time_s;
  }
};

TEST(CrossbarPresets, IsaacIdentities) {
  const IsaacChip chip;
  // 128 x 16 MACs in 16 cycles of 100 ns on each of 16128 arrays: 41.29 TOPS.
  EXPECT_NEAR(2 * chip.device->peak_mac_per_s(), 41.29e12, 0.005e12);
  // 85.4 mm2: 483.5 GOPS/s/mm2, the published 478.95 within 2 %.
  const double per_mm2 = 2 * chip.device->peak_mac_per_s() / 1e9 / (chip.device->area_m2() * 1e6);
  EXPECT_NEAR(per_mm2, 483.5, 0.5);
  EXPECT_NEAR(per_mm2 / 478.95, 1.0, 0.02);
  // Powers of the parts, exactly: 168 x 12 units of 16, 4, 0.01, 2.4 mW; links 10.4 W.
  const double units = 168.0 * 12.0;
  EXPECT_NEAR(chip.power("adc"), units * 16e-3, 1e-9);
  EXPECT_NEAR(chip.power("dac"), units * 4e-3, 1e-9);
  EXPECT_NEAR(chip.power("sample_hold"), units * 10e-6, 1e-9);
  EXPECT_NEAR(chip.power("cells"), units * 2.4e-3, 1e-9);
  EXPECT_NEAR(chip.power("machine"), 10.4, 1e-9);
  // 65.8 W in all, 627 GOPS/W; converters are 49 % of it.
  EXPECT_NEAR(chip.power(""), 65.8, 0.1);
  EXPECT_NEAR(2 * chip.device->peak_mac_per_s() / chip.power("") / 1e9, 627, 2);
  EXPECT_NEAR(chip.power("adc") / chip.power(""), 0.49, 0.005);
  const PresetValidation& validation = chip.device->spec().validation();
  EXPECT_NEAR(chip.power("") / chip.device->peak_mac_per_s() / validation.published_J_per_mac,
              validation.ratio, 0.005);
}

TEST(CrossbarPresets, IsaacAnswersToPerturbations) {
  const IsaacChip chip;
  const double base = chip.power("");
  // Twice the energy of a conversion: 32.26 W more, nothing else moves.
  const IsaacChip dear({{"energy.adc_J", "3.125e-12"}});
  EXPECT_NEAR(dear.power("") - base, 168 * 12 * 16e-3, 1e-9);
  EXPECT_NEAR(dear.power("dac"), chip.power("dac"), 1e-12);
  // Half the outputs of an array in use: its conversions halve, its cycle's other energy stays.
  const GemmShape full{1, 16, 128};
  const GemmShape half{1, 8, 128};
  const auto joules = [&chip](const GemmShape& shape) {
    return price(chip.device->estimate(shape, OperandMode::stationary, {}), chip.device->prices())
        .cumulative_J(Boundary::B1);
  };
  const double per_output = 1.5625e-12 + 9.765625e-16 + 1.953125e-14;
  EXPECT_NEAR(joules(full) - joules(half), 16 * 8 * 8 * per_output, 1e-15);
  EXPECT_GT(joules(half) / half.macs(), 1.4 * joules(full) / full.macs());
  // A tile of arrays more: 96 more of 16128 in peak, area and arrays at work.
  const IsaacChip larger({{"tile.count", "16224"}});
  EXPECT_NEAR(larger.device->peak_mac_per_s() / chip.device->peak_mac_per_s(), 169.0 / 168.0,
              1e-12);
  EXPECT_NEAR(larger.device->area_m2() - chip.device->area_m2(), 0.372e-6, 1e-12);
  // One input more than 128: a second array, and twice the energy of cycles and conversions.
  EXPECT_NEAR(joules({1, 16, 129}), 2 * joules(full) - 16 * 127 * 3.90625e-13, 0.02 * joules(full));
  // The converters' own rate: 106.7 ns a cycle, 453 GOPS/s/mm2.
  const IsaacChip slow({{"adc.rate_Hz", "1.2e9"}});
  EXPECT_NEAR(2 * slow.device->peak_mac_per_s() / 1e9 / (slow.device->area_m2() * 1e6), 453, 1);
}

TEST(CrossbarCounts, ConvertersMayHoldUpAReading) {
  const auto time_of = [](Settings settings) {
    DeviceSpec spec = crossbar_spec("ideal", {{"tile.rows", "128"},
                                              {"tile.cols", "128"},
                                              {"tile.count", "10"},
                                              {"adc.bits", "8"},
                                              {"time.step_s", "1e-7"}});
    for (const auto& [key, value] : settings) spec.set(key, value);
    return crossbar_backend()
        .open(spec, {})
        ->estimate({1, 128, 128}, OperandMode::stationary, {})
        .device_time_s;
  };
  EXPECT_DOUBLE_EQ(time_of({}), 1e-7);
  // 128 conversions at 1.2 GS/s: 106.7 ns (crossbar reference 4.3); two converters: the cells wait.
  EXPECT_DOUBLE_EQ(time_of({{"adc.rate_Hz", "1.2e9"}}), 128 / 1.2e9);
  EXPECT_DOUBLE_EQ(time_of({{"adc.rate_Hz", "1.2e9"}, {"adc.per_tile", "2"}}), 1e-7);
}

TEST(CrossbarArea, IsThatOfTilesAndOfTheChip) {
  const Settings parts = {{"tile.rows", "128"},           {"tile.cols", "128"},
                          {"tile.count", "10"},           {"area.array_m2", "1e-10"},
                          {"area.converters_m2", "2e-9"}, {"area.periphery_m2", "3e-9"},
                          {"area.chip_m2", "1e-6"}};
  EXPECT_DOUBLE_EQ(crossbar_device("ideal", parts)->area_m2(), 10 * 5.1e-9 + 1e-6);
  EXPECT_EQ(crossbar_device("ideal")->area_m2(), 0.0);
}

TEST(CrossbarPresets, ValuesWithoutUnitSourceOrClassDoNotLoad) {
  const std::filesystem::path folder = presets_dir() / "crossbar";
  std::size_t presets = 0;
  for (const char* name :
       {"ideal", "pcm-hermes", "reram-isaac", "sonos-sandia", "flash-cmos", "sram-charge"}) {
    const Json preset = read_json_file(folder / (std::string(name) + ".json"));
    TempFolder temp;
    for (const char* part : {"unit", "source", "class"}) {
      Json broken = preset;
      Json& parameters = broken.at("parameters");
      parameters.begin().value().erase(part);
      const std::filesystem::path file = temp.path() / "broken.json";
      std::ofstream(file) << broken.dump();
      try {
        (void)load_device(crossbar_backend().parameters(), "crossbar", file.string());
        ADD_FAILURE() << name << " loaded without " << part;
      } catch (const Error& error) {
        expect_refusal(error.what(), {part, parameters.begin().key().c_str()});
      }
    }
    ++presets;
  }
  EXPECT_EQ(presets, 6U);
}

class MeasuredCells : public ::testing::Test {
 protected:
  /// A device file beside `table`, which it names.
  DeviceSpec device_with(const std::string& table, const std::string& name = "cells.csv") {
    std::ofstream(folder_.path() / "cells.csv") << table;
    Json json = Json::object();
    json["schema"] = "joulebench/device/1";
    json["backend"] = "crossbar";
    json["name"] = "mine";
    json["description"] = "cells measured here";
    const auto value = [](const Json& v, const char* unit) {
      return Json{{"value", v}, {"unit", unit}, {"source", "measured"}, {"class", "B"}};
    };
    json["parameters"] = {{"cell.model", value("table", "1")},
                          {"cell.table", value(name, "1")},
                          {"cell.g_max_uS", value(100, "uS")}};
    const std::filesystem::path file = folder_.path() / "mine.json";
    std::ofstream(file) << json.dump();
    return load_device(crossbar_backend().parameters(), "crossbar", file.string());
  }
  std::string refusal_of(const std::string& table, const std::string& name = "cells.csv") {
    try {
      (void)crossbar_backend().open(device_with(table, name), {});
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::usage);
      return error.what();
    }
    return "";
  }

  TempFolder folder_;
};

constexpr const char* kTable =
    "age_s,target_uS,mean_uS,std_uS,read_std_uS\n"
    "0,0,0.5,0.2,0.1\n"
    "0,100,99,2,1\n"
    "1000,0,0.4,0.3,0.1\n"
    "1000,100,80,4,1\n";

TEST_F(MeasuredCells, AreProgrammedAndAgedAsTheTableSays) {
  const DeviceSpec spec = device_with(kTable);
  const crossbar::CellModel model = crossbar::cell_model_from(spec);
  // Half-way between targets at age 0; half-way along ln(age + 1) between ages.
  EXPECT_NEAR(model.retention(0.5, 0).mean, 0.4975, 1e-12);
  EXPECT_NEAR(model.retention(0.5, 0).std, 0.011, 1e-12);
  const double half_s = std::exp(0.5 * std::log1p(1000.0)) - 1;
  EXPECT_NEAR(model.retention(1, half_s).mean, 0.895, 1e-12);
  EXPECT_NEAR(model.retention(1, 1e9).mean, 0.80, 1e-12);  // held
  const auto device = crossbar_backend().open(spec, {});
  const Matrix<double> a = normal_matrix<double>(64, 128, 1);
  const Matrix<double> b = normal_matrix<double>(128, 64, 2);
  const auto plan = make_plan(*device, 64, b);
  const Matrix<double> exact = plain_product(a, b);
  const double young = relative_error(run(*plan, a, 64), exact);
  device->set_epoch({.age_s = 1000});
  const double old = relative_error(run(*plan, a, 64), exact);
  // Means shrink from 0.985 to 0.796 of the span of targets.
  EXPECT_LT(young, 0.1);
  EXPECT_NEAR(old, 0.204, 0.05);
}

TEST_F(MeasuredCells, CountAsPartOfTheDevice) {
  const std::string first = device_with(kTable).hash();
  EXPECT_EQ(device_with(kTable).hash(), first);
  std::string other = kTable;
  other.replace(other.find("99"), 2, "98");
  EXPECT_NE(device_with(other).hash(), first);  // the same path, other cells
}

TEST_F(MeasuredCells, AreRefusedWithTheLineThatIsWrong) {
  const std::string header = "age_s,target_uS,mean_uS,std_uS\n";
  expect_refusal(refusal_of(""), {"cells.csv", "age_s,target_uS,mean_uS,std_uS"});
  expect_refusal(refusal_of("a,b\n1,2\n"), {"line 1", "header"});
  expect_refusal(refusal_of(header), {"no line below"});
  expect_refusal(refusal_of(header + "0,0,1\n"), {"line 2", "3 values"});
  expect_refusal(refusal_of(header + "0,0,x,1\n"), {"line 2", "'x'"});
  expect_refusal(refusal_of(header + "0,0,1,-1\n"), {"line 2", "negative"});
  expect_refusal(refusal_of(header + "0,0,1,1\n0,0,2,1\n"), {"line 3", "rise"});
  expect_refusal(refusal_of(header + "5,0,1,1\n5,9,2,1\n1,0,1,1\n"), {"line 4", "ages must rise"});
  expect_refusal(refusal_of(header + "0,0,1,1\n"), {"one target"});
  expect_refusal(refusal_of(header, "elsewhere.csv"), {"cell.table", "elsewhere.csv"});
  expect_refusal(refusal_of(header + std::string((1U << 20U) + 1, '#')), {"larger than"});
}

TEST(CrossbarRefusals, CellsNameTheKeysThatContradict) {
  expect_refusal(refusal("ideal", {{"cell.on_off", "0.5"}}), {"cell.on_off", "G_min", "above 1"});
  expect_refusal(refusal("ideal", {{"cell.model", "sonos"}, {"cell.i_max_nA", "2000"}}),
                 {"cell.i_max_nA", "1800"});
  EXPECT_EQ(
      refusal("ideal", {{"cell.model", "sonos"}, {"cell.i_max_nA", "2000"}, {"drift.scale", "0"}}),
      "");
  expect_refusal(refusal("ideal", {{"cell.model", "pcm-like"}, {"program.c0", "0.1"}}),
                 {"program.c0", "pcm-like"});
  expect_refusal(refusal("ideal", {{"cell.model", "pcm-like"}, {"drift.nu_mean", "0.1"}}),
                 {"drift.nu_mean", "pcm-like"});
  expect_refusal(refusal("ideal", {{"cell.model", "table"}}), {"cell.table"});
  expect_refusal(refusal("ideal", {{"fault.stuck_on", "0.1"}}), {"fault.stuck_on", "ideal"});
  expect_refusal(refusal("pcm-hermes", {{"fault.stuck_on", "0.7"}, {"fault.stuck_off", "0.7"}}),
                 {"fault.stuck_off", "0 .. 1"});
  expect_refusal(refusal("ideal", {{"temperature.law", "linear"}}), {"temperature.law"});
  expect_refusal(refusal("ideal", {{"adc.offset_drift", "1"}}), {"adc.offset_drift", "adc.bits"});
  expect_refusal(refusal("pcm-hermes", {{"adc.trim_step", "0.9"}}),
                 {"adc.trim_step", "adc.trim_range"});
  expect_refusal(
      refusal("ideal", {{"energy.cell_read_J", "1e-15"}, {"energy.array_cycle_J", "1e-12"}}),
      {"energy.cell_read_J", "energy.array_cycle_J"});
}

}  // namespace
}  // namespace jb::test
