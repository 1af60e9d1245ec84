// What is done with records: estimate, explain, compare, validate; and doctor.

#include <gtest/gtest.h>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

class Records : public ::testing::Test {
 protected:
  CommandResult command(std::vector<std::string> arguments) {
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  // Runs simulated points into `name`.
  void make_run(const std::string& name, const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {
        "run", "--backend", "systolic,crossbar,photonic", "--gemm", "5,6,7", "-o", name, "--quiet"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    const CommandResult result = command(arguments);
    ASSERT_EQ(result.exit_code, 0) << result.err;
  }
  [[nodiscard]] std::string file(const std::string& name) const {
    return (folder_.path() / name).string();
  }
  [[nodiscard]] std::vector<json> records(const std::string& run) const {
    return json_lines(bytes_of_file(file(run + "/records.jsonl")));
  }
  // Writes a run folder with `records` as its journal.
  void write_run(const std::string& name, const std::vector<json>& records) {
    std::filesystem::create_directories(file(name));
    std::string text;
    for (const json& record : records) text += record.dump() + "\n";
    write_file(file(name + "/records.jsonl"), text);
  }

 private:
  TempFolder folder_;
};

// Rows by what they count; data-dependent rows need the operands' statistics.
std::map<std::string, double> counts_of(const json& record) {
  std::map<std::string, double> counts;
  for (const json& row : record.at("ledger")) {
    counts[row.at("component").get<std::string>() + " " + row.at("action").get<std::string>()] =
        row.at("count");
  }
  return counts;
}

TEST_F(Records, TextsOfRecordsDoNotActOnTheTerminal) {
  make_run("run");
  json record = records("run").front();
  record["point"]["device"] = "\x1b[2Jcleared";
  for (json& row : record["ledger"]) row["source"] = "\x1b[31mred";
  write_run("odd", {record});
  for (const char* verb : {"explain", "validate"}) {
    const CommandResult result = command({verb, "odd"});
    EXPECT_EQ((result.out + result.err).find('\x1b'), std::string::npos) << verb;
  }
  const CommandResult explained = command({"explain", "odd"});
  EXPECT_EQ(explained.exit_code, 0) << explained.err;
  EXPECT_NE(explained.out.find("cleared"), std::string::npos) << explained.out;
}

TEST_F(Records, EstimateCountsWhatRunCounts) {
  make_run("run");
  for (const json& ran : records("run")) {
    write_file(file("record.json"), ran.dump());
    const CommandResult result = command({"estimate", "--backend", ran.at("point").at("backend"),
                                          "--gemm", "5,6,7", "--stats", "record.json", "--json"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    const json estimated = json::parse(result.out);
    EXPECT_EQ(estimated.at("point").at("estimate"), true);
    EXPECT_EQ(ran.at("point").at("estimate"), false);
    const std::map<std::string, double> expected = counts_of(ran);
    const std::map<std::string, double> counts = counts_of(estimated);
    EXPECT_FALSE(expected.empty());
    ASSERT_EQ(counts.size(), expected.size());
    for (const auto& [row, count] : expected) {
      ASSERT_EQ(counts.count(row), 1U) << row;
      // The same function counts both; statistics pass through JSON, which keeps every bit.
      EXPECT_NEAR(counts.at(row), count, 1e-9 * count) << row;
    }
  }
}

TEST_F(Records, EstimateTakesSizesThatNobodyCouldCompute) {
  const CommandResult result = command({"estimate", "--backend", "systolic,crossbar,photonic",
                                        "--gemm", "65536,65536,65536", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const json& record : json_lines(result.out)) {
    EXPECT_EQ(record.at("status"), "ok") << record.at("reason");
    EXPECT_EQ(record.at("work").at("macs"), 281474976710656.0);  // 2^48
    EXPECT_EQ(record.at("quantities").count("relative_error_frobenius"), 0U);
  }
}

TEST_F(Records, EstimateOfAConvolutionAndIntoAFolder) {
  const CommandResult result =
      command({"estimate", "--backend", "systolic", "--conv", "1,3,8,8,4,3,3,1,1", "-o", "out"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<json> written = records("out");
  ASSERT_EQ(written.size(), 1U);
  EXPECT_EQ(written[0].at("work").at("macs"), 8 * 8 * 4 * 3 * 3 * 3);
  EXPECT_EQ(command({"validate", "out"}).exit_code, 0);
}

TEST_F(Records, ValidateAcceptsRunsAndObjectsToADoubledRow) {
  make_run("run");
  const CommandResult good = command({"validate", "run"});
  EXPECT_EQ(good.exit_code, 0) << good.out;
  std::vector<json> all = records("run");
  bool doubled = false;
  for (json& record : all) {
    json& ledger = record.at("ledger");
    if (doubled || ledger.empty()) continue;
    ledger.push_back(ledger.front());
    doubled = true;
  }
  ASSERT_TRUE(doubled);
  write_run("broken", all);
  const CommandResult bad = command({"validate", "broken"});
  EXPECT_EQ(bad.exit_code, 1);
  EXPECT_NE(bad.out.find("ledger-sum"), std::string::npos) << bad.out;
  const json report = json::parse(command({"validate", "broken", "--json"}).out);
  EXPECT_FALSE(report.at("violations").empty());
}

TEST_F(Records, ExplainShowsRowsTotalsAndSources) {
  make_run("run");
  for (const json& record : records("run")) {
    const CommandResult result = command({"explain", "run", record.at("record_id")});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    EXPECT_LE(widest_line(result.out), 80) << result.out;
    for (const json& row : record.at("ledger")) {
      EXPECT_NE(result.out.find(row.at("component").get<std::string>()), std::string::npos);
    }
    if (!record.at("ledger").empty()) {
      EXPECT_NE(result.out.find("constants and their sources"), std::string::npos);
      EXPECT_NE(result.out.find("/MAC"), std::string::npos);
    }
    EXPECT_EQ(json::parse(command({"explain", "run", record.at("record_id"), "--json"}).out),
              record);
  }
  const CommandResult several = command({"explain", "run"});
  EXPECT_EQ(several.exit_code, 2);
  EXPECT_NE(several.err.find("name one by the start of its id"), std::string::npos);
  EXPECT_EQ(command({"explain", "run", "zzzz"}).exit_code, 2);
}

TEST_F(Records, ExplainOfEveryDeviceFits80Columns) {
  for (const json& device : json::parse(command({"list", "devices", "--json"}).out)) {
    const std::vector<std::string> arguments = {"explain", "--backend", device.at("backend"),
                                                "--device", device.at("name")};
    const CommandResult result = command(arguments);
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_LE(widest_line(result.out), 80) << device.at("name");
    for (const auto& [key, parameter] : device.at("parameters").items()) {
      EXPECT_NE(result.out.find(key + " = "), std::string::npos) << key;
    }
  }
}

TEST_F(Records, CompareOfEqualRunsPassesAndOfAWorseOneFails) {
  make_run("base");
  make_run("same");
  const CommandResult same = command({"compare", "base", "same", "--gate", "pin"});
  EXPECT_EQ(same.exit_code, 0) << same.out;
  std::vector<json> worse = records("base");
  bool changed = false;
  for (json& record : worse) {
    json& quantities = record.at("quantities");
    if (changed || !quantities.contains("energy_B0_J_per_mac")) continue;
    json& value = quantities.at("energy_B0_J_per_mac").at("value");
    value = 1.5 * value.get<double>();
    changed = true;
  }
  ASSERT_TRUE(changed);
  write_run("worse", worse);
  EXPECT_EQ(command({"compare", "base", "worse"}).exit_code, 0) << "no gate";
  EXPECT_EQ(command({"compare", "base", "worse", "--gate", "model"}).exit_code, 1);
  EXPECT_EQ(command({"compare", "base", "worse", "--gate", "pin"}).exit_code, 1);
  EXPECT_EQ(command({"compare", "worse", "base", "--gate", "model"}).exit_code, 0) << "a gain";
  EXPECT_EQ(command({"compare", "worse", "base", "--gate", "pin"}).exit_code, 1);
}

TEST_F(Records, CompareTellsMissingPointsAndDisjointRuns) {
  make_run("base");
  std::vector<json> fewer = records("base");
  fewer.pop_back();
  write_run("fewer", fewer);
  EXPECT_EQ(command({"compare", "base", "fewer", "--gate", "model"}).exit_code, 1);
  EXPECT_EQ(command({"compare", "fewer", "base", "--gate", "model"}).exit_code, 0) << "added";
  make_run("other", {"--seed", "2"});
  EXPECT_EQ(command({"compare", "base", "other"}).exit_code, 0);
  EXPECT_EQ(command({"compare", "base", "other", "--strict"}).exit_code, 5);
}

TEST_F(Records, DoctorTellsWhatIsHere) {
  const CommandResult text = command({"doctor"});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_LE(widest_line(text.out), 80);
  const json report = json::parse(command({"doctor", "--json"}).out);
  for (const char* key : {"version", "build", "libraries", "host", "threads", "timing", "backends",
                          "meters", "findings"}) {
    EXPECT_TRUE(report.contains(key)) << key;
  }
  EXPECT_GE(report.at("threads").at("usable").get<int>(), 1);
}

}  // namespace
}  // namespace jb::test
