// Joules to kilowatt-hours, carbon and money.

#include "results/footprint/footprint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "backends/core/error.h"
#include "results/footprint/sensitivity.h"
#include "tests/support/temp_folder.h"

namespace jb::results {
namespace {

// Products and sums of doubles in another order: a few ulp.
constexpr double kRounding = 1e-13;

void expect_near_rel(double value, double expected, double tolerance) {
  EXPECT_NEAR(value, expected, tolerance * std::abs(expected));
}

FootprintOptions options_of(const std::string& grid) {
  const FootprintData data = FootprintData::load();
  FootprintOptions options;
  options.grid = data.grid(grid, CarbonBasis::location, CarbonSignal::average);
  return options;
}

EnergyUse use_of(double kWh) {
  EnergyUse use;
  use.subject = "a test";
  use.energy_J = kWh * 3.6e6;
  use.boundary = "B3";
  use.machine_hours = 10;
  return use;
}

template <class Act>
std::string message_of(const Act& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::usage) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

TEST(Footprint, PowerTripleIsEquationOneOfStrubell) {
  const EnergyUse use = energy_of(PowerDraw{100, 20, 250, 8, 12});
  expect_near_rel(use.energy_J, 12 * 3600 * (100 + 20 + 8 * 250.0), kRounding);
  FootprintOptions options = options_of("US_strubell");
  const FootprintData data = FootprintData::load();
  options.pue = data.pue("strubell2019");
  const MethodSheet sheet = footprint_of(use, options);
  expect_near_rel(sheet.at("energy_kWh").value, 12 * 2.12, kRounding);
  expect_near_rel(sheet.at("facility_energy_kWh").value, 1.58 * 12 * 2.12, kRounding);
  EXPECT_EQ(sheet.at("facility_energy_kWh").boundary, "B3 x PUE");
  // 0.954 lb/kWh, in kilograms.
  expect_near_rel(sheet.at("carbon_kg").value, 1.58 * 12 * 2.12 * 0.954 * 0.45359237, 1e-12);
}

TEST(Footprint, IntervalsAreCarriedThroughToMoney) {
  EnergyUse use = use_of(100);
  use.low_J = use.energy_J / 2;
  use.high_J = use.energy_J * 2;
  FootprintOptions options = options_of("USA");
  options.fee = FootprintData::load().fee("15");
  const MethodSheet sheet = footprint_of(use, options);
  for (const char* name : {"energy_kWh", "carbon_kg", "carbon_fee_USD"}) {
    const Figure& figure = sheet.at(name);
    ASSERT_TRUE(figure.low && figure.high) << name;
    expect_near_rel(*figure.low, figure.value / 2, kRounding);
    expect_near_rel(*figure.high, figure.value * 2, kRounding);
  }
  expect_near_rel(sheet.at("carbon_fee_USD").value, 100 * 0.3695 * 15 / 1000, kRounding);
}

TEST(Footprint, MultiplicityMultipliesEnergyAndHours) {
  FootprintOptions options = options_of("WORLD");
  options.multiplicity = {3, 20, 2};
  options.cloud = FootprintData::load().cloud("p100");
  options.machines = 8;
  const MethodSheet sheet = footprint_of(use_of(1), options);
  expect_near_rel(sheet.at("energy_kWh").value, 120, kRounding);
  expect_near_rel(sheet.at("cloud_USD").value, 8 * 10 * 120 * 0.43, kRounding);
  expect_near_rel(*sheet.at("cloud_USD").high, 8 * 10 * 120 * 1.46, kRounding);
}

TEST(Footprint, SciIsOperationalAndEmbodiedPerUnit) {
  FootprintOptions options = options_of("500");
  options.hardware = FootprintData::load().hardware("h100");
  options.machines = 2;
  options.unit = "1000 inferences";
  options.units = 50;
  const MethodSheet sheet = footprint_of(use_of(4), options);
  const double embodied = 2 * 164 * 10 / (4 * 365.25 * 24);
  expect_near_rel(sheet.at("embodied_kg").value, embodied, kRounding);
  expect_near_rel(sheet.at("sci_kg_per_unit").value, (4 * 0.5 + embodied) / 50, kRounding);
}

TEST(Footprint, SciRefusesAnEnergyBelowWholeMachines) {
  EnergyUse use = use_of(4);
  use.boundary = "B0";
  FootprintOptions options = options_of("WORLD");
  options.unit = "runs";
  options.units = 1;
  EXPECT_NE(message_of([&] { footprint_of(use, options); }).find("B0"), std::string::npos);
}

TEST(Footprint, MarketAndLocationAreToldApart) {
  const FootprintData data = FootprintData::load();
  EXPECT_EQ(data.grid("patterson:switch", CarbonBasis::location, CarbonSignal::average).value, 403);
  EXPECT_EQ(data.grid("patterson:switch", CarbonBasis::market, CarbonSignal::average).value, 330);
  const std::string refused =
      message_of([&] { (void)data.grid("FRA", CarbonBasis::market, CarbonSignal::average); });
  EXPECT_NE(refused.find("market-based"), std::string::npos);
  EXPECT_NE(refused.find("patterson:switch"), std::string::npos) << "those that are known";
}

TEST(Footprint, UnknownNamesAreRefusedWithTheKnownOnes) {
  const FootprintData data = FootprintData::load();
  const std::string grid =
      message_of([&] { (void)data.grid("Narnia", CarbonBasis::location, CarbonSignal::average); });
  EXPECT_NE(grid.find("Narnia"), std::string::npos);
  EXPECT_NE(grid.find("FRA"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)data.electricity("cheap"); }).find("strubell2019"),
            std::string::npos);
  EXPECT_NE(message_of([&] { (void)data.cloud("abacus"); }).find("tpu-v3"), std::string::npos);
  EXPECT_NE(message_of([&] { (void)data.pue("0.99"); }).find("between 1 and"), std::string::npos);
  EXPECT_EQ(data.pue("1").value, 1);
  message_of([&] { (void)data.grid("-1", CarbonBasis::location, CarbonSignal::average); });
  message_of([&] { (void)data.fee("-3"); });
}

TEST(Footprint, HoursAndWattsThatMakeNoSenseAreRefused) {
  message_of([] { energy_of(PowerDraw{100, 0, 0, 0, -1}); });
  message_of([] { energy_of(PowerDraw{100, 0, 0, 0, 0}); });
  message_of([] { energy_of(PowerDraw{100, 0, 0, 0, 1e9}); });
  message_of([] { energy_of(PowerDraw{-100, 0, 300, 1, 1}); });
  message_of([] { energy_of(PowerDraw{0, 0, 1e12, 1, 1}); });
  message_of([] { energy_of(PowerDraw{0, 0, 0, 0, 1}); });
}

TEST(Footprint, UsersAddTheirOwnGrids) {
  const jb::test::TempFolder folder;
  const auto write = [&](const char* name, const std::string& grids) {
    const auto path = folder.path() / name;
    write_file_atomically(path,
                          R"({"schema": "joulebench/footprint-data/1", "grids": [)" + grids + "]}");
    return path.string();
  };
  const std::string own = write("own.json", R"({"name": "roof", "value": 41.5, "unit": "g/kWh",
      "year": 2025, "signal": "marginal", "source": "meter on the roof"})");
  const FootprintData data = FootprintData::load({own});
  const FootprintConstant roof = data.grid("roof", CarbonBasis::location, CarbonSignal::marginal);
  EXPECT_EQ(roof.value, 41.5);
  EXPECT_EQ(roof.cited(), "meter on the roof [2025]");
  const auto refused = [&](const char* name, const std::string& grids) {
    return message_of([&] { FootprintData::load({write(name, grids)}); });
  };
  EXPECT_NE(refused("a.json", R"({"name": "x", "value": -2, "unit": "g/kWh", "year": 2025,
      "source": "s"})")
                .find("'x'"),
            std::string::npos);
  EXPECT_NE(refused("b.json", R"({"name": "x", "value": 2, "unit": "kg/kWh", "year": 2025,
      "source": "s"})")
                .find("g/kWh"),
            std::string::npos);
  EXPECT_NE(refused("c.json", R"({"name": "x", "value": 2, "unit": "g/kWh", "source": "s"})")
                .find("year"),
            std::string::npos);
  EXPECT_NE(refused("d.json", R"({"name": "x", "value": 2, "unit": "g/kWh", "year": 2025})")
                .find("source"),
            std::string::npos);
}

TEST(Footprint, EveryShippedConstantHasASource) {
  const FootprintData data = FootprintData::load();
  for (const FootprintConstant& grid : data.grids()) {
    EXPECT_GT(grid.source.size(), 5U) << grid.name;
    if (!grid.year) {
      EXPECT_NE(grid.source.find("no year"), std::string::npos) << grid.name;
    }
  }
}

TEST(Footprint, ARecordsIntervalBoundsItsCarbon) {
  Record record;
  record.record_id = "0123456789abcdef";
  record.work.macs = 1000;
  Quantity energy;
  energy.value = 2;
  energy.ci_low = 1.5;
  energy.ci_high = 3;
  energy.interval_kind = "instances";
  record.quantities["energy_B2_J_per_mac"] = energy;
  energy.value = 9;
  record.quantities["energy_B3_J_per_mac"] = energy;
  Quantity setup;
  setup.value = 500;
  record.quantities["setup_energy_J"] = setup;
  const EnergyUse use = energy_of(record, 4, "B2");
  EXPECT_EQ(use.energy_J, 2 * 1000 * 4 + 500);
  expect_near_rel(*use.low_J, use.energy_J * 0.75, kRounding);
  expect_near_rel(*use.high_J, use.energy_J * 1.5, kRounding);
  EXPECT_EQ(energy_of(record, 1, "").boundary, "B3") << "the highest one unless told";
  message_of([&] { energy_of(record, 1, "B1"); });
  message_of([&] { energy_of(record, 1, "B9"); });
  // A meter's number goes before the model's, and holds no set-up of the model.
  energy.provenance = Provenance::measured;
  energy.value = 5;
  record.quantities["measured_energy_B2_J_per_mac"] = energy;
  EXPECT_EQ(energy_of(record, 1, "").energy_J, 5 * 1000);
  EXPECT_EQ(energy_of(record, 1, "").provenance, Provenance::measured);
}

RecordRow row_of(const char* component, const char* constant, const char* cls, double joules) {
  RecordRow row;
  row.component = component;
  row.constant = constant;
  row.cls = cls;
  row.energy_J = joules;
  return row;
}

TEST(Footprint, IntervalOfOneConstantIsItsClass) {
  expect_near_rel(interval_factor({row_of("adc", "c", "D", 3)}), 5, 1e-12);
  // The same constant in two rows is drawn once; two constants average out.
  expect_near_rel(interval_factor({row_of("adc", "c", "D", 3), row_of("dac", "c", "D", 3)}), 5,
                  1e-12);
  EXPECT_LT(interval_factor({row_of("adc", "c", "D", 3), row_of("dac", "d", "D", 3)}), 4.5);
  EXPECT_EQ(interval_factor({row_of("adc", "c", "A", 3)}), 1.3) << "at least 30 %";
}

TEST(Footprint, TornadoIsSortedAndFollowsTheLedger) {
  const FootprintData data = FootprintData::load();
  FootprintOptions options = options_of("WORLD");
  options.pue = data.pue("1.2");
  const MethodSheet sheet = footprint_of(use_of(10), options);
  const std::vector<RecordRow> rows = {row_of("adc", "c", "C", 6), row_of("dram", "d", "B", 2)};
  const Tornado tornado = carbon_tornado(sheet, rows, data, options);
  ASSERT_EQ(tornado.swings.size(), 4U);  // PUE, grid, adc, dram
  for (std::size_t i = 1; i < tornado.swings.size(); ++i) {
    EXPECT_GE(tornado.swings[i - 1].width(), tornado.swings[i].width());
  }
  for (const Swing& swing : tornado.swings) {
    if (swing.assumption != "adc energy") continue;
    // A factor 2 on three quarters of the energy.
    expect_near_rel(swing.answer_high, tornado.base * (1 + 0.75), kRounding);
    expect_near_rel(swing.answer_low, tornado.base * (1 - 0.375), kRounding);
  }
}

TEST(Footprint, SheetsReadBackAsTheyWere) {
  EnergyUse use = use_of(3);
  use.low_J = 1;
  use.high_J = 1e9;
  const MethodSheet sheet = footprint_of(use, options_of("FRA"));
  const Json json = to_json(sheet);
  EXPECT_EQ(to_json(sheet_from_json(json, "here")), json);
  message_of([] { sheet_from_json(Json{{"schema", "other"}}, "here"); });
}

}  // namespace
}  // namespace jb::results
