// Estimates from the command line: training runs, services, statistics of runs.

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Scale : public ::testing::Test {
 protected:
  CommandResult run(std::vector<std::string> arguments) {
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  CommandResult estimate(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "estimate");
    return run(std::move(arguments));
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_.path() / name;
  }
  static double figure(const json& sheet, const std::string& name) {
    for (const json& one : sheet.at("figures")) {
      if (one.at("name") == name) return one.at("value").get<double>();
    }
    ADD_FAILURE() << name;
    return NAN;
  }

 private:
  TempFolder folder_;
};

TEST_F(Scale, TheQuestion) {
  const CommandResult table =
      estimate({"--training", "bert-base", "--as", "strubell2019", "--backend", "all"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  EXPECT_LE(widest_line(table.out), 80);
  for (const char* text : {"1,507 kWh", "kWh x PUE", "kg CO2e", "dev-years", "not modelled",
                           "photonic-2025", "tpu-v1", "pcm-hermes", "h100", "xeon-server"}) {
    EXPECT_NE(table.out.find(text), std::string::npos) << text << "\n" << table.out;
  }
  const CommandResult lines =
      estimate({"--training", "bert-base", "--as", "strubell2019", "--backend", "all", "--json"});
  ASSERT_EQ(lines.exit_code, 0) << lines.err;
  for (const json& sheet : json_lines(lines.out)) {
    if (sheet.at("status") != "ok") {
      EXPECT_FALSE(sheet.at("reason").get<std::string>().empty());
      continue;
    }
    EXPECT_NEAR(figure(sheet, "facility_energy_kWh"), 1.58 * figure(sheet, "energy_kWh"),
                1e-9 * figure(sheet, "facility_energy_kWh"));
    EXPECT_TRUE(sheet.at("accuracy").at("class").is_string());
    EXPECT_FALSE(sheet.at("omissions").empty());
  }
}

TEST_F(Scale, AnswersAreExplained) {
  const CommandResult lines = estimate(
      {"--training", "bert-base", "--as", "strubell2019", "--backend", "photonic", "--json"});
  ASSERT_EQ(lines.exit_code, 0) << lines.err;
  write_file(path("answer.json"), lines.out);
  const CommandResult explained = run({"explain", "answer.json"});
  ASSERT_EQ(explained.exit_code, 0) << explained.err;
  for (const char* text : {"Devlin et al.", "weight gradient", "PUE = 1.58", "not counted"}) {
    EXPECT_NE(explained.out.find(text), std::string::npos) << text;
  }
}

TEST_F(Scale, ServiceAndSensitivity) {
  const CommandResult table = estimate({"--service", "bert-base", "--queries-per-day", "1e6",
                                        "--backend", "systolic,photonic", "--sensitivity"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  for (const char* text : {"1,000,000 queries a day", "J/query", "tornado", "utilisation"}) {
    EXPECT_NE(table.out.find(text), std::string::npos) << text << "\n" << table.out;
  }
}

TEST_F(Scale, ATrillionParametersOnThousandsOfMachines) {
  const CommandResult lines =
      estimate({"--training", "decoder:layers=128,width=25600,heads=160", "--steps", "71526",
                "--batch", "3072", "--devices", "3072", "--backend", "cublas", "--device", "h100",
                "--precision", "f16", "--json"});
  ASSERT_EQ(lines.exit_code, 0) << lines.err;
  const json sheet = json::parse(lines.out);
  EXPECT_EQ(sheet.at("cluster").at("devices"), 3072);
  EXPECT_GT(figure(sheet, "link_bytes"), 0);
  // 6 operations a parameter and token (Kaplan et al. 2020), 3 MACs, and attention beside them.
  EXPECT_NEAR(figure(sheet, "macs"), 3 * 1.008e12 * 71526 * 3072 * 2048,
              0.1 * 3 * 1.008e12 * 71526 * 3072 * 2048);
}

TEST_F(Scale, BadInputIsOneSentenceAndTwo) {
  const std::vector<std::string> bert = {"--training", "bert-base", "--as", "strubell2019"};
  const std::vector<std::vector<std::string>> more = {
      {"--pue", "0.5"},           {"--grid", "Narnia"},       {"--devices", "-4"},
      {"--devices", "0"},         {"--link", "string"},       {"--utilisation", "0"},
      {"--utilisation", "1.5"},   {"--reload", "sometimes"},  {"--batch", "12"},
      {"--sequence", "12"},       {"--steps", "-1"},          {"--gemm", "2,3,4"},
      {"--tensor-parallel", "x"}, {"--queries-per-day", "3"}, {"--data-parallel", "100000"},
      {"--backend", "abacus"},    {"--dist", "zeros"}};
  for (const std::vector<std::string>& extra : more) {
    std::vector<std::string> arguments = bert;
    arguments.insert(arguments.end(), extra.begin(), extra.end());
    const CommandResult result = estimate(arguments);
    EXPECT_EQ(result.exit_code, 2) << extra[0] << " " << extra[1] << "\n" << result.out;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  }
  const std::vector<std::vector<std::string>> alone = {
      {"--training", "bert-base"},
      {"--training", "bert-base", "--as", "nobody"},
      {"--training", "gpt2-xl", "--as", "strubell2019"},
      {"--training", "nonsense", "--steps", "3"},
      {"--training", "decoder:layers=3", "--steps", "3"},
      {"--service", "bert-base"},
      {"--service", "bert-base", "--queries-per-day", "-3"},
      {"--service", "bert-base", "--queries-per-day", "3", "--days", "0"},
      {"--gemm", "2,3,4", "--as", "strubell2019"},
      {"--gemm", "2,3,4", "--devices", "3"}};
  for (const std::vector<std::string>& arguments : alone) {
    const CommandResult result = estimate(arguments);
    EXPECT_EQ(result.exit_code, 2) << arguments[0] << " " << arguments[1] << "\n" << result.out;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  }
}

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

const std::vector<std::vector<std::string>> kMachines = {{"systolic", "tpu-v1"},
                                                         {"systolic", "scale-sim-32"},
                                                         {"crossbar", "pcm-hermes"},
                                                         {"photonic", "photonic-2025"},
                                                         {"photonic", "hamerly2019-nearterm"},
                                                         {"photonic", "albireo-moderate"},
                                                         {"photonic", "mzi-mesh-12"},
                                                         {"photonic", "lightening-transformer-8b"}};

TEST_F(Scale, RowsAreThoseOfTheRun) {
  for (const std::vector<std::string>& machine : kMachines) {
    for (const std::vector<std::string>& workload :
         {std::vector<std::string>{"--gemm", "33,65,129"}, {"--conv", "2,4,9,9,6,3,3,1,1"}}) {
      std::vector<std::string> arguments = {"--backend", machine[0],  "--device", machine[1],
                                            workload[0], workload[1], "--json"};
      std::vector<std::string> ran = arguments;
      ran.insert(ran.begin(), "run");
      const CommandResult functional = run(ran);
      ASSERT_EQ(functional.exit_code, 0) << functional.err;
      const json record = json::parse(functional.out);
      expect_rows(json::parse(estimate(arguments).out), record, false);
      write_file(path("run.json"), functional.out);
      arguments.insert(arguments.end(), {"--stats", "run.json"});
      const CommandResult given = estimate(arguments);
      ASSERT_EQ(given.exit_code, 0) << given.err;
      expect_rows(json::parse(given.out), record, true);
    }
  }
}

TEST_F(Scale, NetworkRowsAreThoseOfTheRun) {
  for (const std::vector<std::string>& machine : kMachines) {
    const std::vector<std::string> arguments = {"--backend", machine[0],  "--device",
                                                machine[1],  "--network", "lenet5",
                                                "--batch",   "3",         "--json"};
    std::vector<std::string> ran = arguments;
    ran.insert(ran.begin(), "run");
    const CommandResult functional = run(ran);
    if (functional.exit_code != 0) continue;
    expect_rows(json::parse(estimate(arguments).out), json::parse(functional.out), false);
  }
}

// Energies that the operands decide: within 5 % of a run on data of the same distribution, with an
// interval around the estimate.
TEST_F(Scale, WithoutStatisticsEnergiesAreWithin5Percent) {
  for (const std::vector<std::string>& machine : kMachines) {
    for (const char* dist : {"normal", "uniform", "relu", "bits", "sparse:0.3"}) {
      const std::vector<std::string> arguments = {"--backend", machine[0], "--device",
                                                  machine[1],  "--gemm",   "64,96,512",
                                                  "--dist",    dist,       "--json"};
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
            << machine[1] << " " << dist << " " << name;
        if (quantity.at("value").get<double>() == value) continue;
        ASSERT_TRUE(quantity.contains("ci_low")) << machine[1] << " " << dist << " " << name;
        EXPECT_LE(quantity.at("ci_low").get<double>(), quantity.at("value").get<double>());
      }
    }
  }
}

// (E7) of Hamerly et al. 2019 with a picojoule per symbol and readout, on an array that takes the
// product in one pass: (1/m + 1/n + 1/k) pJ per MAC, of which 1/m is the modulation of the weights.
// Light of idle lanes, which (E7) does not know, is switched off.
// At one sample nothing amortises it and it is nearly all of a fully connected layer; at 64 samples
// activations and readouts weigh as much.
TEST_F(Scale, WeightModulationDominatesFullyConnectedLayersAtOneSampleOnly) {
  for (const double m : {1.0, 64.0}) {
    const CommandResult result =
        estimate({"--backend", "photonic", "--device", "hamerly2019-nearterm", "--set",
                  "laser.gating=true", "--gemm", m == 1 ? "1,100,784" : "64,100,784", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    double weights = 0;
    double ends = 0;
    double all = 0;
    const json record = json::parse(result.out);
    for (const json& row : record.at("ledger")) {
      const double energy = row.at("energy_J").get<double>();
      const std::string component = row.at("component");
      all += energy;
      if (component.find("undivided") == std::string::npos) continue;
      ends += energy;
      if (row.at("action") == "send weight") weights += energy;
    }
    const double macs = m * 100 * 784;
    EXPECT_NEAR(ends / macs, 1e-12 * (1 / m + 1.0 / 100 + 1.0 / 784), 1e-24);
    EXPECT_NEAR(weights / macs, 1e-12 / m, 1e-24);
    if (m == 1) {
      EXPECT_GT(weights, 0.98 * all);
    } else {
      EXPECT_LT(weights, 0.6 * all);
    }
  }
}

}  // namespace
}  // namespace jb::test
