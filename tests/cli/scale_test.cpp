// Estimates from the command line: training runs, services, statistics of runs.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "tests/support/estimate_command.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Scale : public EstimateCommand {
 protected:
  static double figure(const json& sheet, const std::string& name) {
    for (const json& one : sheet.at("figures")) {
      if (one.at("name") == name) return one.at("value").get<double>();
    }
    ADD_FAILURE() << name;
    return NAN;
  }
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

// Every device file there is stands in the answer: with figures, or with the reason why not.
TEST_F(Scale, AllMeansEveryBackendAndPreset) {
  const CommandResult listed = run({"list", "devices", "--json"});
  ASSERT_EQ(listed.exit_code, 0) << listed.err;
  std::vector<std::string> presets;
  for (const json& device : json::parse(listed.out)) {
    presets.push_back(device.at("backend").get<std::string>() + " " +
                      device.at("name").get<std::string>());
  }
  for (const std::vector<std::string>& question : std::vector<std::vector<std::string>>{
           {"--training", "bert-base", "--as", "strubell2019"},
           {"--service", "bert-base", "--queries-per-day", "1e6"}}) {
    std::vector<std::string> arguments = question;
    arguments.insert(arguments.end(), {"--backend", "all", "--json"});
    const CommandResult result = estimate(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::string> answered;
    for (const json& answer : json_lines(result.out)) {
      answered.push_back(answer.at("backend").get<std::string>() + " " +
                         answer.at("device").get<std::string>());
      if (answer.at("status") != "ok") {
        EXPECT_FALSE(answer.at("reason").get<std::string>().empty()) << answered.back();
        continue;
      }
      // B3 and B3 x PUE; carbon and device-years of the same energy.
      EXPECT_GT(figure(answer, "energy_kWh"), 0) << answered.back();
      EXPECT_GT(figure(answer, "facility_energy_kWh"), 1.5 * figure(answer, "energy_kWh"));
      EXPECT_GT(figure(answer, "carbon_kg"), 0);
    }
    EXPECT_EQ(answered, presets);
    arguments.pop_back();
    const CommandResult table = estimate(arguments);
    EXPECT_LE(widest_line(table.out), 80);
    for (const char* text : {"kWh x PUE", "dev-years", "not modelled:", "no numbers:"}) {
      EXPECT_NE(table.out.find(text), std::string::npos) << text << "\n" << table.out;
    }
  }
}

// Points take the backends' default devices; --device all takes all of theirs.
TEST_F(Scale, AllDevicesOfABackend) {
  const CommandResult result = estimate(
      {"--backend", "systolic,photonic", "--device", "all", "--gemm", "8,16,32", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::set<std::string> devices;
  for (const json& record : json_lines(result.out)) {
    devices.insert(record.at("point").at("device").get<std::string>());
  }
  for (const char* device : {"tpu-v1", "scale-sim-32", "photonic-2025", "wdm-mrr-12"}) {
    EXPECT_EQ(devices.count(device), 1U) << device;
  }
  const CommandResult alone = estimate({"--device", "all", "--gemm", "8,16,32"});
  EXPECT_EQ(alone.exit_code, 2);
  EXPECT_EQ(lines_of(alone.err).size(), 1U) << alone.err;
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

// The same as a figure: well-formed, a bar an assumption, the answers of the table in it.
TEST_F(Scale, TornadoIsAFigureToo) {
  const std::vector<std::string> question = {"--training", "bert-base", "--as",     "strubell2019",
                                             "--backend",  "photonic",  "--tornado"};
  std::vector<std::string> arguments = question;
  arguments.insert(arguments.end(), {"swings.svg", "--sensitivity", "--json"});
  const CommandResult result = estimate(arguments);
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::string figure = bytes_of_file(path("swings.svg"));
  EXPECT_EQ(figure.rfind("<svg ", 0), 0U);
  EXPECT_NE(figure.find("</svg>"), std::string::npos);
  const json swings = json::parse(result.out).at("sensitivity").at("swings");
  ASSERT_GT(swings.size(), 5U);
  for (const char* assumption : {"PUE", "grid", "ADC energy", "batch", "utilisation", "reload"}) {
    EXPECT_NE(figure.find(">" + std::string(assumption) + "</text>"), std::string::npos)
        << assumption;
  }
  EXPECT_NE(figure.find(fmt::format(">{:.4g}</text>", swings[0].at("answer_low").get<double>())),
            std::string::npos);
  arguments = question;
  arguments.emplace_back("nowhere/swings.svg");
  const CommandResult nowhere = estimate(arguments);
  EXPECT_EQ(nowhere.exit_code, 2) << nowhere.out;
  EXPECT_EQ(lines_of(nowhere.err).size(), 1U) << nowhere.err;
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

json gemm_ledger(const CommandResult& result) {
  EXPECT_EQ(result.exit_code, 0) << result.err;
  return json::parse(result.out).at("ledger");
}

// (E7) of Hamerly et al. 2019 with a picojoule per symbol and readout, on an array that takes the
// product in one pass: (1/m + 1/n + 1/k) pJ per MAC, of which 1/m is the modulation of B (weights).
// Light of idle lanes, which (E7) does not know, is switched off. Between m = 1 and m = 64 the term
// of B falls from 1000 to 15.6 fJ, the others stay at 1/n + 1/k = 11.3 fJ: B is 89 times all of
// them, then 1.4 times. It dominates where it is an order of magnitude more than all the rest; at
// 64 it is of the same order, and from m = n k / (n + k) = 88.7 on less than half of the whole.
TEST_F(Scale, WeightModulationDominatesFullyConnectedLayersAtOneSampleOnly) {
  constexpr double kN = 100;
  constexpr double kK = 784;
  for (const int m : {1, 64, 88, 89}) {
    const CommandResult result =
        estimate({"--backend", "photonic", "--device", "hamerly2019-nearterm", "--set",
                  "laser.gating=true", "--gemm", std::to_string(m) + ",100,784", "--json"});
    double weights = 0;
    double ends = 0;
    double all = 0;
    for (const json& row : gemm_ledger(result)) {
      const double energy = row.at("energy_J").get<double>();
      const std::string component = row.at("component");
      all += energy;
      if (component.find("undivided") == std::string::npos) continue;
      ends += energy;
      if (row.at("action") == "send weight") weights += energy;
    }
    const double macs = m * kN * kK;
    // Sums of three products of doubles: a few roundings.
    EXPECT_NEAR(ends / macs, 1e-12 * (1.0 / m + 1 / kN + 1 / kK), 1e-14 * ends / macs);
    EXPECT_NEAR(weights / macs, 1e-12 / m, 1e-14 * weights / macs);
    const double to_the_rest = weights / (ends - weights);
    EXPECT_NEAR(to_the_rest, kN * kK / (kN + kK) / m, 1e-12 * to_the_rest);
    if (m == 1) {
      EXPECT_GT(to_the_rest, 10);
      EXPECT_GT(weights, 10 * (all - weights)) << "light included";
    } else {
      EXPECT_LT(to_the_rest, 10);
    }
    EXPECT_EQ(weights > ends / 2, m < 89) << m;
    write_file(path("record.json"), result.out);
    const CommandResult explained = run({"explain", "record.json"});
    ASSERT_EQ(explained.exit_code, 0) << explained.err;
    for (const char* text : {"(E7) of Hamerly", "modulation of B (weights), amortised over m ="}) {
      EXPECT_NE(explained.out.find(text), std::string::npos) << text << "\n" << explained.out;
    }
  }
}

// The same on a machine with converters, modulators and light of its own: at one sample the DACs
// and modulators of B take more than half of all that B0 holds; at 64 less than those of A.
TEST_F(Scale, WeightModulationDominatesPhotonic2025AtOneSampleOnly) {
  for (const int m : {1, 64}) {
    double weights = 0;
    double activations = 0;
    double all = 0;
    for (const json& row :
         gemm_ledger(estimate({"--backend", "photonic", "--device", "photonic-2025", "--gemm",
                               std::to_string(m) + ",100,784", "--json"}))) {
      if (row.at("boundary") != "B0") continue;
      const double energy = row.at("energy_J").get<double>();
      const std::string component = row.at("component");
      all += energy;
      if (component != "dac" && component != "modulator") continue;
      (row.at("action").get<std::string>().find("weight") != std::string::npos ? weights
                                                                               : activations) +=
          energy;
    }
    EXPECT_EQ(weights > all / 2, m == 1) << m << ": " << weights / all;
    EXPECT_EQ(weights > activations, m == 1) << m;
  }
}

}  // namespace
}  // namespace jb::test
