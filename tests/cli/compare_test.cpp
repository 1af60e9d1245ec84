// joulebench compare and validate as a user and a CI job see them.

#include <gtest/gtest.h>

#include "results/json_schema.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class CompareVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    // `reference` is a real machine of this process: its times are measured.
    const CommandResult result =
        command({"run", "--backend", "reference,systolic", "--gemm", "16,16,16", "-o", "base", "-q",
                 "--repetitions", "10", "--min-time", "0.002", "--rel-ci", "0"});
    ASSERT_EQ(result.exit_code, 0) << result.err;
    base_ = json_lines(bytes_of_file(path("base/records.jsonl")));
    ASSERT_EQ(base_.size(), 2U);
  }
  CommandResult command(std::vector<std::string> arguments) {
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }
  void write_run(const std::string& name, const std::vector<json>& records) {
    fs::create_directories(path(name));
    std::string text;
    for (const json& record : records) text += record.dump() + "\n";
    write_file(path(name + "/records.jsonl"), text);
  }
  // The measured record with ten close samples around `time_s`.
  [[nodiscard]] json measured(double time_s, double spread = 0.001) const {
    json record = base_[0];
    json times = json::array();
    for (int i = 0; i < 10; ++i) times.push_back(time_s * (1 + spread * (i - 4.5)));
    record["measurement"]["times_s"] = times;
    record["quantities"]["device_time_s"] = {
        {"value", time_s}, {"n", 10}, {"provenance", "measured"}, {"source", "clock"}};
    record["quantities"]["throughput_mac_per_s"] = {
        {"value", 4096 / time_s}, {"n", 10}, {"provenance", "measured"}, {"source", "clock"}};
    return record;
  }

  TempFolder folder_;
  std::vector<json> base_;
};

TEST_F(CompareVerb, ARunIsTheSameAsItself) {
  for (const char* gate : {"none", "model", "pin", "all"}) {
    const CommandResult result = command({"compare", "base", "base", "--gate", gate, "--strict"});
    EXPECT_EQ(result.exit_code, 0) << gate << result.out << result.err;
  }
}

TEST_F(CompareVerb, GateAllJudgesMeasuredPoints) {
  write_run("old", {measured(1e-3)});
  write_run("same", {measured(1.002e-3)});
  write_run("slow", {measured(1.3e-3)});
  write_run("fast", {measured(0.7e-3)});
  write_run("noisy", {measured(1.05e-3, 0.05)});
  EXPECT_EQ(command({"compare", "old", "same", "--gate", "all", "--strict"}).exit_code, 0);
  const CommandResult slow = command({"compare", "old", "slow", "--gate", "all"});
  EXPECT_EQ(slow.exit_code, 1) << slow.out;
  EXPECT_NE(slow.out.find("FAIL worse: reference host gemm 16,16,16  device_time_s"),
            std::string::npos)
      << slow.out;
  EXPECT_EQ(command({"compare", "old", "slow", "--gate", "model"}).exit_code, 0);
  EXPECT_EQ(command({"compare", "old", "fast", "--gate", "all", "--strict"}).exit_code, 0);
  EXPECT_EQ(command({"compare", "old", "noisy", "--gate", "all"}).exit_code, 0);
  EXPECT_EQ(command({"compare", "old", "noisy", "--gate", "all", "--strict"}).exit_code, 5);
  EXPECT_EQ(command({"compare", "old", "slow", "--gate", "all", "--band", "0.5"}).exit_code, 0);
}

TEST_F(CompareVerb, RefusesOtherMachinesBoundariesAndDefinitions) {
  write_run("old", {measured(1e-3)});
  json other = measured(1.3e-3);
  other["measurement"]["machine"] = "another";
  write_run("other", {other});
  EXPECT_EQ(command({"compare", "old", "other", "--gate", "all"}).exit_code, 6);
  EXPECT_EQ(command({"compare", "old", "other", "--gate", "model"}).exit_code, 0);
  json cut = base_[1];
  cut["quantities"].erase("energy_B3_J_per_mac");
  write_run("cut", {cut});
  EXPECT_EQ(command({"compare", "base", "cut"}).exit_code, 6);
  json edited = base_[1];
  edited["point"]["m"] = 17;
  write_run("edited", {edited});
  const CommandResult result = command({"compare", "base", "edited"});
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
}

// The machine is what run.json says, too: folders of two machines.
TEST_F(CompareVerb, TheHostOfRunJsonCounts) {
  fs::copy(path("base"), path("moved"), fs::copy_options::recursive);
  json run = json::parse(bytes_of_file(path("moved/run.json")));
  run["host"]["cpu_model"] = "Another CPU";
  write_file(path("moved/run.json"), run.dump());
  json slower = measured(2e-3);
  write_file(path("moved/records.jsonl"), slower.dump() + "\n");
  EXPECT_EQ(command({"compare", "base", "moved", "--gate", "all"}).exit_code, 6);
}

TEST_F(CompareVerb, ASuspectIsMeasuredAgainBeforeItFails) {
  // Records that claim twice the time of what this program takes: both programs are this one, so
  // that measuring again shows no difference.
  json claims = measured(base_[0]["quantities"]["device_time_s"]["value"].get<double>() * 2);
  write_run("old", {measured(base_[0]["quantities"]["device_time_s"]["value"].get<double>())});
  write_run("new", {claims});
  EXPECT_EQ(command({"compare", "old", "new", "--gate", "all"}).exit_code, 1);
  const CommandResult again = command({"compare", "old", "new", "--gate", "all", "--base-program",
                                       JOULEBENCH_BINARY, "--rounds", "1"});
  EXPECT_EQ(again.exit_code, 0) << again.out << again.err;
  EXPECT_NE(again.err.find("measuring again"), std::string::npos) << again.err;
  // A repro line is no shell command.
  claims["repro"] = "joulebench run; touch " + path("touched").string();
  write_run("hostile", {claims});
  command({"compare", "old", "hostile", "--gate", "all", "--base-program", JOULEBENCH_BINARY,
           "--rounds", "1"});
  EXPECT_FALSE(fs::exists(path("touched")));
}

TEST_F(CompareVerb, WritesMarkdownAndJUnitAndOverwritesNothing) {
  write_run("old", {measured(1e-3)});
  write_run("slow", {measured(1.3e-3)});
  const std::vector<std::string> words = {"compare",    "old",  "slow",    "--gate", "all",
                                          "--markdown", "s.md", "--junit", "j.xml"};
  EXPECT_EQ(command(words).exit_code, 1);
  EXPECT_NE(bytes_of_file(path("s.md")).find("### joulebench: worse"), std::string::npos);
  EXPECT_NE(bytes_of_file(path("j.xml")).find("<failure"), std::string::npos);
  EXPECT_EQ(command(words).exit_code, 2) << "the files are there";
  std::vector<std::string> forced = words;
  forced.push_back("--force");
  EXPECT_EQ(command(forced).exit_code, 1);
}

TEST_F(CompareVerb, BadInputIsOneSentence) {
  write_file(path("empty.jsonl"), "");
  fs::create_directories(path("nothing"));
  json other = base_[1];
  other["schema"] = "joulebench/record/2";
  write_run("other", {other});
  write_file(path("torn.jsonl"), base_[1].dump().substr(0, 100) + "\n" + base_[1].dump() + "\n");
  write_file(path("long.jsonl"), std::string((16U << 20U) + 10, 'x'));
  struct Case {
    std::vector<std::string> words;
    const char* says;
  };
  for (const Case& c : {Case{{"compare", "base", "missing"}, "missing"},
                        Case{{"compare", "base", "nothing"}, "no records.jsonl"},
                        Case{{"compare", "base", "empty.jsonl"}, "holds no record"},
                        Case{{"compare", "base", "other"}, "joulebench/record/2"},
                        Case{{"validate", "other"}, "joulebench/record/2"},
                        Case{{"validate", "nothing"}, "no records.jsonl"},
                        Case{{"validate", "torn.jsonl"}, "torn.jsonl:1"},
                        Case{{"validate", "long.jsonl"}, "longer than"},
                        Case{{"compare", "base", "base", "--band", "2"}, "--band"},
                        Case{{"compare", "base", "base", "--gate", "al"}, "did you mean"},
                        Case{{"compare", "base", "base", "--rounds", "2"}, "--base-program"},
                        Case{{"validate"}, "RESULTS"}}) {
    const CommandResult result = command(c.words);
    EXPECT_EQ(result.exit_code, 2) << c.says << result.out << result.err;
    EXPECT_NE(result.err.find(c.says), std::string::npos) << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  }
}

TEST_F(CompareVerb, ValidateFindsEditedLedgersDuplicatesAndMixedMachines) {
  json edited = base_[1];
  edited["ledger"][0]["energy_J"] = 1.0;
  write_run("edited", {edited});
  const CommandResult ledger = command({"validate", "edited"});
  EXPECT_EQ(ledger.exit_code, 1);
  EXPECT_NE(ledger.out.find("row-product"), std::string::npos) << ledger.out;
  write_run("twice", {base_[1], base_[1]});
  const CommandResult twice = command({"validate", "twice"});
  EXPECT_EQ(twice.exit_code, 1);
  EXPECT_NE(twice.out.find("duplicate-record"), std::string::npos) << twice.out;
  json broken = base_[1];
  broken["quantities"]["device_time_s"]["provenance"] = "guessed";
  write_run("broken", {broken, base_[0]});
  const CommandResult schema = command({"validate", "broken", "--json"});
  EXPECT_EQ(schema.exit_code, 1) << schema.err;
  EXPECT_EQ(json::parse(schema.out).at("violations").at(0).at("rule"), "schema") << schema.out;
}

TEST_F(CompareVerb, ValidateOfASubmissionAsksForWhatRulesSay) {
  const CommandResult bare = command({"validate", "--submission", "base"});
  EXPECT_EQ(bare.exit_code, 1);
  EXPECT_NE(bare.out.find("declaration"), std::string::npos) << bare.out;
  json declared;
  for (const char* key : {"submitter", "licence", "hardware_availability", "power_management",
                          "ambient", "device_sharing", "modelled_components", "carbon"}) {
    declared[key] = "answered";
  }
  write_file(path("base/declaration.json"), declared.dump());
  const CommandResult good = command({"validate", "--submission", "base"});
  EXPECT_EQ(good.exit_code, 0) << good.out << good.err;
  EXPECT_EQ(command({"validate", "base", "--division", "modelled"}).exit_code, 0);
  EXPECT_EQ(command({"validate", "base", "--division", "measured"}).exit_code, 1);
  EXPECT_EQ(command({"validate", "--list"}).exit_code, 0);
  EXPECT_TRUE(json::accept(command({"validate", "--schema", "record"}).out));
}

TEST_F(CompareVerb, SchemasDescribeWhatTheProgramWrites) {
  if (!results::schemas_available()) GTEST_SKIP() << results::schemas_available().reason;
  EXPECT_EQ(command({"validate", "base/run.json"}).exit_code, 0);
  const results::JsonSchema network("network");
  const Json networks = parse_json(command({"list", "networks", "--json"}).out, "list");
  EXPECT_GT(networks.size(), 3U);
  for (const Json& one : networks) EXPECT_EQ(network.error_in(one), std::nullopt) << one.dump();
}

TEST_F(CompareVerb, ParetoShowsTheFrontWithIntervals) {
  ASSERT_EQ(command({"run", "--backend", "systolic,photonic", "--gemm", "64,100,784", "-o", "front",
                     "-q"})
                .exit_code,
            0);
  const CommandResult result = command({"pareto", "front", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const json fronts = json::parse(result.out);
  ASSERT_EQ(fronts.size(), 1U);
  std::size_t on_front = 0;
  for (const json& row : fronts[0].at("rows")) {
    on_front += row.at("on_front").get<bool>() ? 1 : 0;
    EXPECT_LT(row.at("energy_ci")[0].get<double>(), row.at("energy_J_per_mac").get<double>());
    EXPECT_GT(row.at("energy_ci")[1].get<double>(), row.at("energy_J_per_mac").get<double>());
  }
  EXPECT_GE(on_front, 1U);
  EXPECT_EQ(command({"pareto", "front", "--boundary", "B9"}).exit_code, 2);
  EXPECT_EQ(command({"pareto", "front"}).exit_code, 0);
}

TEST_F(CompareVerb, TargetErrorOfAProductFindsTheKnobAndLeavesEvidence) {
  const CommandResult result =
      command({"run", "--backend", "photonic", "--device", "photonic-2025", "--gemm", "64,100,784",
               "--target-error", "0.2", "-o", "iso", "-q"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<json> records = json_lines(bytes_of_file(path("iso/records.jsonl")));
  ASSERT_EQ(records.size(), 1U);
  const json& record = records[0];
  EXPECT_LE(record.at("quantities").at("relative_error_frobenius").at("value"), 0.2);
  EXPECT_EQ(record.at("search").at("knob"), "n_mac");
  EXPECT_EQ(record.at("search").at("inferences"), 10000);
  EXPECT_GT(record.at("search").at("probes").size(), 3U);
  EXPECT_GE(record.at("quantities").at("amortised_energy_J_per_mac").at("value").get<double>(),
            record.at("quantities").at("energy_B3_J_per_mac").at("value").get<double>());
  EXPECT_EQ(command({"validate", "iso"}).exit_code, 0);
  // Resumed, a search that is done runs nothing again.
  const std::string probes = bytes_of_file(path("iso/probes.jsonl"));
  EXPECT_EQ(command({"run", "--resume", "iso", "-q"}).exit_code, 0);
  EXPECT_EQ(bytes_of_file(path("iso/probes.jsonl")), probes);
  EXPECT_EQ(json_lines(bytes_of_file(path("iso/records.jsonl"))).size(), 1U);
  EXPECT_EQ(command({"run", "--backend", "photonic", "--gemm", "8,8,8", "--target-error", "1e-12",
                     "-o", "missed", "-q"})
                .exit_code,
            3);
}

}  // namespace
}  // namespace jb::test
