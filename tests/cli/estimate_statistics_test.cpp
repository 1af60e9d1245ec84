// Estimates against functional runs, row by row: without a run's operand statistics and with them.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/support/estimate_command.h"

namespace jb::test {
namespace {

using nlohmann::json;

class EstimateStatistics : public EstimateCommand {
 protected:
  void expect_same_rows(const std::vector<std::string>& point);
};

std::map<std::string, json> rows_of(const json& record) {
  std::map<std::string, json> rows;
  for (const json& row : record.at("ledger")) {
    rows[row.at("component").get<std::string>() + "/" + row.at("action").get<std::string>() + "/" +
         row.value("layer", "")] = row;
  }
  return rows;
}

/// Rows of an estimate against those of the run of the same point.
void expect_rows(const json& estimated, const json& ran, bool data_dependent_too) {
  const std::map<std::string, json> rows = rows_of(estimated);
  const std::map<std::string, json> expected = rows_of(ran);
  ASSERT_EQ(rows.size(), expected.size()) << ran.at("repro");
  for (const auto& [name, row] : expected) {
    ASSERT_EQ(rows.count(name), 1U) << name;
    if (row.value("data_dependent", false) && !data_dependent_too) continue;
    const double value = row.at("energy_J").get<double>();
    EXPECT_NEAR(rows.at(name).at("energy_J").get<double>(), value, 1e-12 * value)
        << name << " of " << ran.at("repro");
  }
}

/// Energies of an estimate that data decide have intervals, and those hold the run's.
void expect_interval_holds(const json& estimated, const json& ran) {
  for (const auto& [name, quantity] : ran.at("quantities").items()) {
    if (name.rfind("energy_B", 0) != 0) continue;
    const json& own = estimated.at("quantities").at(name);
    const double value = quantity.at("value").get<double>();
    const double guess = own.at("value").get<double>();
    if (std::abs(guess - value) <= 1e-12 * value) continue;
    ASSERT_TRUE(own.contains("ci_low")) << name << " of " << ran.at("repro");
    EXPECT_LE(own.at("ci_low").get<double>(), value) << name << " of " << ran.at("repro");
    EXPECT_GE(own.at("ci_high").get<double>(), value) << name << " of " << ran.at("repro");
  }
}

/// Of each backend, with every way in which data decide counts: peaks (light), signs (passes),
/// magnitudes (cell currents, by level, by pulse width and by fixed range); with room for all
/// weights and without.
const std::vector<std::vector<std::string>> kMachines = {
    {"--backend", "systolic", "--device", "tpu-v1"},
    {"--backend", "systolic", "--device", "scale-sim-32"},
    {"--backend", "crossbar", "--device", "pcm-hermes"},
    {"--backend", "crossbar", "--device", "ideal", "--set", "energy.cell_read_J=1e-15"},
    {"--backend", "crossbar", "--device", "reram-isaac", "--set", "tile.count=2"},
    {"--backend", "crossbar", "--device", "ideal", "--set", "energy.cell_read_J=1e-15", "--set",
     "dac.bits=8", "--set", "input.coding=pulse-width"},
    {"--backend", "crossbar", "--device", "ideal", "--set", "energy.cell_read_J=1e-15", "--set",
     "dac.bits=8", "--set", "input.range=fixed"},
    {"--backend", "photonic", "--device", "photonic-2025"},
    {"--backend", "photonic", "--device", "hamerly2019-nearterm"},
    {"--backend", "photonic", "--device", "albireo-moderate"},
    {"--backend", "photonic", "--device", "mzi-mesh-12"},
    {"--backend", "photonic", "--device", "lightening-transformer-8b"}};

/// The run of a point, its estimate without and with the run's statistics: rows that data decide
/// agree with them, the others in any case.
void EstimateStatistics::expect_same_rows(const std::vector<std::string>& point) {
  std::vector<std::string> ran = point;
  ran.insert(ran.begin(), "run");
  const CommandResult functional = run(ran);
  ASSERT_EQ(functional.exit_code, 0) << functional.err << functional.out;
  const json record = json::parse(functional.out);
  const CommandResult blind = estimate(point);
  ASSERT_EQ(blind.exit_code, 0) << blind.err;
  expect_rows(json::parse(blind.out), record, false);
  expect_interval_holds(json::parse(blind.out), record);
  write_file(path("run.json"), functional.out);
  std::vector<std::string> arguments = point;
  arguments.insert(arguments.end(), {"--stats", "run.json"});
  const CommandResult given = estimate(arguments);
  ASSERT_EQ(given.exit_code, 0) << given.err;
  expect_rows(json::parse(given.out), record, true);
}

TEST_F(EstimateStatistics, RowsAreThoseOfTheRun) {
  for (const std::vector<std::string>& machine : kMachines) {
    for (const std::vector<std::string>& workload :
         {std::vector<std::string>{"--gemm", "33,65,129"},
          {"--conv", "2,4,9,9,6,3,3,1,1"},
          {"--conv", "2,4,9,7,6,3,2,2,1,1,2"}}) {
      std::vector<std::string> point = machine;
      point.insert(point.end(), {workload[0], workload[1], "--json"});
      expect_same_rows(point);
    }
  }
}

// A convolutional network on drawn inputs, and one whose last run of the test set is shorter.
TEST_F(EstimateStatistics, NetworkRowsAreThoseOfTheRun) {
  for (const std::vector<std::string>& machine : kMachines) {
    std::vector<std::string> point = machine;
    point.insert(point.end(), {"--network", "lenet5", "--batch", "3", "--json"});
    expect_same_rows(point);
  }
  for (const char* device : {"photonic-2025", "albireo-moderate"}) {
    expect_same_rows({"--backend", "photonic", "--device", device, "--network", "mlp-784-16-10",
                      "--batch", "600", "--cache", "weights", "--json"});
  }
}

// Layers on machines of their own, analog layers, ranges set on calibration data, several device
// instances, layers that merge in the record.
TEST_F(EstimateStatistics, HybridAndOddNetworksToo) {
  const std::vector<std::vector<std::string>> points = {
      {"--map", "conv*=crossbar:reram-isaac,*=photonic:photonic-2025", "--network", "lenet5",
       "--batch", "2"},
      {"--map", "conv*=photonic,*=systolic", "--network", "lenet5", "--batch", "2"},
      {"--backend", "photonic", "--set", "interlayer=analog", "--network", "mlp-784-16-10",
       "--batch", "900"},
      {"--backend", "photonic", "--network", "mlp-784-16-10", "--ptq", "max", "--batch", "900"},
      {"--backend", "photonic", "--network", "lenet5", "--batch", "2", "--instances", "2"}};
  for (std::vector<std::string> point : points) {
    point.insert(point.end(), {"--cache", "weights", "--json"});
    expect_same_rows(point);
  }
}

// Statistics are of operands, not of a machine: those that one machine saw serve another.
TEST_F(EstimateStatistics, ServeOtherMachines) {
  const CommandResult reference =
      run({"run", "--backend", "reference", "--network", "lenet5", "--batch", "3", "--json"});
  ASSERT_EQ(reference.exit_code, 0) << reference.err;
  write_file(path("reference.json"), reference.out);
  // Without noise the layers see what they see on the reference, up to rounding.
  const std::vector<std::string> point = {"--backend", "photonic",
                                          "--device",  "photonic-2025",
                                          "--set",     "noise.shot=false",
                                          "--network", "lenet5",
                                          "--batch",   "3",
                                          "--json"};
  std::vector<std::string> ran = point;
  ran.insert(ran.begin(), "run");
  const CommandResult functional = run(ran);
  ASSERT_EQ(functional.exit_code, 0) << functional.err;
  std::vector<std::string> arguments = point;
  arguments.insert(arguments.end(), {"--stats", "reference.json"});
  const CommandResult given = estimate(arguments);
  ASSERT_EQ(given.exit_code, 0) << given.err;
  const std::map<std::string, json> expected = rows_of(json::parse(functional.out));
  for (const auto& [name, row] : rows_of(json::parse(given.out))) {
    const double value = expected.at(name).at("energy_J").get<double>();
    // Converters of 8 bits and the noise of readouts move peaks by some per cent.
    EXPECT_NEAR(row.at("energy_J").get<double>(), value, 0.1 * value) << name;
  }
}

TEST_F(EstimateStatistics, TrainingRowsAreThoseOfTheRun) {
  const std::vector<std::vector<std::string>> machines = {
      {"--backend", "photonic"},
      {"--backend", "photonic", "--device", "albireo-moderate"},
      {"--backend", "crossbar", "--device", "ideal", "--set", "energy.cell_read_J=1e-15"}};
  // The last batch of an epoch is shorter.
  for (const std::vector<std::string>& machine : machines) {
    std::vector<std::string> point = {
        "train", "--network", "mlp-784-8-10", "--dataset", "synthetic-digits", "--epochs",
        "1",     "--batch",   "900",          "--json",    "--progress",       "none"};
    point.insert(point.end(), machine.begin(), machine.end());
    const CommandResult trained = run(point);
    ASSERT_EQ(trained.exit_code, 0) << trained.err;
    const json record = json::parse(trained.out);
    write_file(path("train.json"), trained.out);
    std::vector<std::string> blind = point;
    blind.insert(blind.end(), {"--estimate"});
    const json estimated = json::parse(run(blind).out);
    expect_rows(estimated, record, false);
    expect_interval_holds(estimated, record);
    blind.insert(blind.end(), {"--stats", "train.json"});
    const CommandResult given = run(blind);
    ASSERT_EQ(given.exit_code, 0) << given.err;
    expect_rows(json::parse(given.out), record, true);
  }
}

TEST_F(EstimateStatistics, BadStatisticsAreOneSentence) {
  const CommandResult lenet =
      run({"run", "--backend", "photonic", "--network", "lenet5", "--batch", "1", "--json"});
  ASSERT_EQ(lenet.exit_code, 0) << lenet.err;
  write_file(path("lenet.json"), lenet.out);
  const CommandResult gemm = run({"run", "--backend", "photonic", "--gemm", "4,5,6", "--json"});
  write_file(path("gemm.json"), gemm.out);
  json broken = json::parse(lenet.out);
  broken["statistics"]["products"]["rows"][0][0] = 7;
  write_file(path("broken.json"), broken.dump());
  const std::vector<std::vector<std::string>> cases = {
      {"--gemm", "4,5,6", "--stats", "lenet.json"},
      {"--network", "lenet5", "--stats", "gemm.json"},
      {"--network", "lenet5", "--stats", "broken.json"},
      {"--network", "mlp-784-16-10", "--stats", "lenet.json"},
      {"--network", "lenet5", "--stats", "nowhere.json"}};
  for (std::vector<std::string> arguments : cases) {
    arguments.insert(arguments.end(), {"--backend", "photonic"});
    const CommandResult result = estimate(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments[1] << arguments[3] << result.out;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  }
}

// Energies that the operands decide: within 5 % of a run on data of the same distribution, with an
// interval around the estimate.
TEST_F(EstimateStatistics, WithoutStatisticsEnergiesAreWithin5Percent) {
  for (const std::vector<std::string>& machine : kMachines) {
    for (const char* dist : {"normal", "uniform", "relu", "bits", "sparse:0.3"}) {
      std::vector<std::string> arguments = machine;
      arguments.insert(arguments.end(), {"--gemm", "64,96,512", "--dist", dist, "--json"});
      std::vector<std::string> ran = arguments;
      ran.insert(ran.begin(), "run");
      const CommandResult functional = run(ran);
      ASSERT_EQ(functional.exit_code, 0) << functional.err;
      const json record = json::parse(functional.out);
      const json estimated = json::parse(estimate(arguments).out);
      for (const auto& [name, quantity] : estimated.at("quantities").items()) {
        if (name.rfind("energy_B", 0) != 0) continue;
        const double value = record.at("quantities").at(name).at("value").get<double>();
        EXPECT_NEAR(quantity.at("value").get<double>(), value, 0.05 * value)
            << machine[3] << " " << dist << " " << name;
        if (quantity.at("value").get<double>() == value) continue;
        ASSERT_TRUE(quantity.contains("ci_low")) << machine[3] << " " << dist << " " << name;
        EXPECT_LE(quantity.at("ci_low").get<double>(), quantity.at("value").get<double>());
      }
    }
  }
}

}  // namespace
}  // namespace jb::test
