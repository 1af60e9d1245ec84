// joulebench footprint as a user types it.

#include <gtest/gtest.h>

#include <cmath>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Footprint : public ::testing::Test {
 protected:
  CommandResult run(std::vector<std::string> arguments) {
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  CommandResult footprint(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "footprint");
    return run(std::move(arguments));
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_.path() / name;
  }
  static json figure(const json& sheet, const std::string& name) {
    for (const json& one : sheet.at("figures")) {
      if (one.at("name") == name) return one;
    }
    ADD_FAILURE() << name << " is not in " << sheet.dump(1);
    return {};
  }

 private:
  TempFolder folder_;
};

TEST_F(Footprint, AlonePrintsThePublishedTrainings) {
  const CommandResult result = footprint({});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(widest_line(result.out), 80);
  for (const char* text : {"BERT base", "1,507", "1,438", "3,751-12,571", "626,155", "79.2",
                           "32,633", "GPT-3", "1289.4", "NAS corrected", "126,000"}) {
    EXPECT_NE(result.out.find(text), std::string::npos) << text;
  }
}

TEST_F(Footprint, RecordsBecomeCarbonWithTheirInterval) {
  ASSERT_EQ(run({"run", "--backend", "systolic,photonic", "--gemm", "8,16,32", "-o", "out", "-q"})
                .exit_code,
            0);
  const CommandResult result =
      footprint({"out", "--grid", "FRA", "--pue", "1.2", "--executions", "1000000", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<json> sheets = json_lines(result.out);
  const std::vector<json> records = json_lines(bytes_of_file(path("out/records.jsonl")));
  ASSERT_EQ(sheets.size(), records.size());
  for (std::size_t i = 0; i < sheets.size(); ++i) {
    const json& quantities = records[i].at("quantities");
    const double per_mac = quantities.at("energy_B3_J_per_mac").at("value").get<double>();
    const double setup = quantities.at("setup_energy_J").at("value").get<double>();
    const double joules = per_mac * 8 * 16 * 32 * 1e6 + setup;
    const json carbon = figure(sheets[i], "carbon_kg");
    const double expected = joules / 3.6e6 * 1.2 * 56.0 / 1000;
    EXPECT_NEAR(carbon.at("value").get<double>(), expected, 1e-12 * expected);
    EXPECT_EQ(carbon.at("boundary"), "B3 x PUE");
    // The record's interval, from the classes of its constants, in the same proportion.
    const json& energy = quantities.at("energy_B3_J_per_mac");
    const double low = energy.at("ci_low").get<double>() / per_mac;
    const double high = energy.at("ci_high").get<double>() / per_mac;
    EXPECT_LT(low, 1);
    EXPECT_GT(high, 1);
    EXPECT_NEAR(carbon.at("low").get<double>(), expected * low, 1e-12 * expected);
    EXPECT_NEAR(carbon.at("high").get<double>(), expected * high, 1e-12 * expected);
    EXPECT_FALSE(sheets[i].at("omissions").empty());
  }
}

TEST_F(Footprint, ARunAddsUp) {
  ASSERT_EQ(
      run({"run", "--backend", "photonic", "--gemm", "8,16,32", "-a", "n=16,32", "-o", "out", "-q"})
          .exit_code,
      0);
  double sum = 0;
  for (const json& sheet : json_lines(footprint({"out", "--json"}).out)) {
    sum += figure(sheet, "carbon_kg").at("value").get<double>();
  }
  const std::vector<json> total = json_lines(footprint({"out", "--total", "--json"}).out);
  ASSERT_EQ(total.size(), 1U);
  EXPECT_NEAR(figure(total[0], "carbon_kg").at("value").get<double>(), sum, 1e-12 * sum);
  // Machines that stop at different boundaries have no sum.
  ASSERT_EQ(run({"run", "--backend", "crossbar,photonic", "--gemm", "2,3,4", "-o", "two", "-q"})
                .exit_code,
            0);
  EXPECT_EQ(footprint({"two", "--total"}).exit_code, 6);
}

TEST_F(Footprint, PowerTripleWithHours) {
  const CommandResult result =
      footprint({"--cpu", "100", "--dram", "20", "--gpu", "250", "--gpus", "8", "--hours", "12",
                 "--pue", "strubell2019", "--grid", "US_strubell", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json sheet = json::parse(result.out);
  EXPECT_NEAR(figure(sheet, "facility_energy_kWh").at("value").get<double>(),
              1.58 * 12 * 2120 / 1000, 1e-9);
}

TEST_F(Footprint, PowerLogsAreIntegratedAndGapsBridgedOnlyWhenAsked) {
  write_file(path("even.csv"), "time,watts\n0,100\n1,100\n2,100\n3,100\n");
  const CommandResult even = footprint({"even.csv", "--json"});
  ASSERT_EQ(even.exit_code, 0) << even.err;
  EXPECT_NEAR(figure(json::parse(even.out), "energy_kWh").at("value").get<double>(), 300 / 3.6e6,
              1e-15);
  write_file(path("gap.csv"), "time,watts\n0,100\n1,100\n2,100\n60,100\n");
  const CommandResult refused = footprint({"gap.csv"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("gap"), std::string::npos) << refused.err;
  const CommandResult bridged = footprint({"gap.csv", "--bridge"});
  EXPECT_EQ(bridged.exit_code, 0) << bridged.err;
  EXPECT_NE(bridged.out.find("bridged"), std::string::npos) << bridged.out;
  write_file(path("back.csv"), "time,watts\n0,100\n2,100\n1,100\n3,100\n");
  const CommandResult back = footprint({"back.csv"});
  EXPECT_EQ(back.exit_code, 2);
  EXPECT_NE(back.err.find("backwards"), std::string::npos) << back.err;
}

TEST_F(Footprint, ExplainPrintsTheMethodSheet) {
  const CommandResult made = footprint({"--gpu", "300", "--hours", "5", "--grid", "DEU", "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  write_file(path("sheet.json"), made.out);
  const CommandResult explained = run({"explain", "sheet.json"});
  EXPECT_EQ(explained.exit_code, 0) << explained.err;
  for (const char* text : {"method sheet", "intensity = 381", "Our World in Data", "not counted",
                           "t (p_c + p_r + g p_g)"}) {
    EXPECT_NE(explained.out.find(text), std::string::npos) << text << "\n" << explained.out;
  }
  ASSERT_EQ(run({"run", "--backend", "photonic", "--gemm", "2,3,4", "-o", "out", "-q"}).exit_code,
            0);
  const CommandResult record = run({"explain", "out"});
  EXPECT_NE(record.out.find("method sheet: record"), std::string::npos);
  EXPECT_NE(record.out.find("not counted"), std::string::npos);
}

TEST_F(Footprint, SensitivityNamesWhatMovesTheAnswer) {
  ASSERT_EQ(
      run({"run", "--backend", "photonic", "--gemm", "1,100,784", "-o", "out", "-q"}).exit_code, 0);
  const CommandResult table = footprint({"out", "--pue", "1.2", "--sensitivity"});
  ASSERT_EQ(table.exit_code, 0) << table.err;
  for (const char* text : {"PUE", "grid", "adc energy", "tornado", "====|"}) {
    EXPECT_NE(table.out.find(text), std::string::npos) << text << "\n" << table.out;
  }
  const json swings =
      json::parse(footprint({"out", "--sensitivity", "--json"}).out).at("sensitivity").at("swings");
  double last = INFINITY;
  for (const json& swing : swings) {
    const double width =
        std::abs(swing.at("answer_high").get<double>() - swing.at("answer_low").get<double>());
    EXPECT_LE(width, last) << swing.at("assumption");
    last = width;
  }
}

TEST_F(Footprint, JoulesPerPointOfAccuracy) {
  const auto record = [&](const std::string& name, double accuracy, double energy) {
    const json quantity = {{"provenance", "modelled"}, {"source", "test"}, {"n", 1}};
    json acc = quantity;
    acc["value"] = accuracy;
    json per_mac = quantity;
    per_mac["value"] = energy;
    const json line = {
        {"schema", "joulebench/record/1"},
        {"record_id", name + std::string(16 - name.size(), '0')},
        {"point_id", name + std::string(16 - name.size(), '0')},
        {"run_id", "r"},
        {"time_utc", "2026-01-01T00:00:00Z"},
        {"status", "ok"},
        {"reason", ""},
        {"repro", ""},
        {"point", {{"op", "network"}}},
        {"work", {{"macs", 1000}, {"executed_macs", 1000}, {"compulsory_bytes", 0}}},
        {"quantities", {{"accuracy_top1_frac", acc}, {"energy_B3_J_per_mac", per_mac}}},
        {"ledger", json::array()},
        {"verification", json::object()},
        {"measurement", json::object()},
        {"lints", json::array()}};
    write_file(path(name + ".json"), line.dump() + "\n");
  };
  record("a", 0.90, 1);
  record("b", 0.95, 3);
  const CommandResult gained = footprint({"b.json", "--base", "a.json", "--json"});
  ASSERT_EQ(gained.exit_code, 0) << gained.err;
  EXPECT_NEAR(figure(json::parse(gained.out), "energy_per_point_J").at("value").get<double>(),
              2000 / 5.0, 1e-9);
  const CommandResult lost = footprint({"a.json", "--base", "b.json"});
  EXPECT_EQ(lost.exit_code, 0) << lost.err;
  EXPECT_NE(lost.out.find("no accuracy was gained"), std::string::npos) << lost.out;
}

TEST_F(Footprint, BadInputIsOneSentenceAndTwo) {
  const std::vector<std::vector<std::string>> bad = {
      {"--gpu", "300", "--hours", "-3"},
      {"--gpu", "300", "--hours", "1e12"},
      {"--gpu", "-300", "--hours", "3"},
      {"--gpu", "1e30", "--hours", "3"},
      {"--gpu", "nan", "--hours", "3"},
      {"--gpu", "300"},
      {"--gpu", "300", "--hours", "3", "--pue", "0.99"},
      {"--gpu", "300", "--hours", "3", "--pue", "-1"},
      {"--gpu", "300", "--hours", "3", "--grid", "Narnia"},
      {"--gpu", "300", "--hours", "3", "--price", "cheap"},
      {"--gpu", "300", "--hours", "3", "--fee", "-1"},
      {"--gpu", "300", "--hours", "3", "--basis", "moon"},
      {"--gpu", "300", "--hours", "3", "--duty", "0"},
      {"--gpu", "300", "--hours", "3", "--trials", "0"},
      {"--gpu", "300", "--hours", "3", "--footprint-data", "none.json"},
      {"no-such-run"},
      {"no-such.csv"},
      {"--hours", "3"}};
  for (const std::vector<std::string>& arguments : bad) {
    const CommandResult result = footprint(arguments);
    std::string line;
    for (const std::string& word : arguments) line += word + " ";
    EXPECT_EQ(result.exit_code, 2) << line << result.out;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << line << result.err;
  }
  EXPECT_NE(footprint({"--gpu", "1", "--hours", "1", "--grid", "Narnia"}).err.find("FRA"),
            std::string::npos)
      << "the known ones are listed";
}

}  // namespace
}  // namespace jb::test
