// joulebench report as a user types it: formats, files, refusals.

#include <gtest/gtest.h>

#include <fstream>

#include "results/report/formats.h"
#include "results/report/terminal_table.h"
#include "tests/support/hostile_record.h"
#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

namespace fs = std::filesystem;

class Report : public ::testing::Test {
 protected:
  void SetUp() override { write_run("run", "20260101T000000Z-000001", 1); }

  // A run folder with the table's records, energies times `factor`.
  void write_run(const std::string& name, const std::string& run_id, double factor) {
    fs::create_directories(folder_.path() / name);
    std::ofstream out(folder_.path() / name / "records.jsonl");
    for (results::Record record : table_records()) {
      record.run_id = run_id;
      record.time_utc = run_id.substr(0, 4) + "-01-01T00:00:00Z";
      for (auto& entry : record.quantities) {
        if (entry.first.rfind("energy_", 0) == 0) entry.second.value *= factor;
      }
      out << results::to_json(record).dump() << "\n";
    }
  }

  CommandResult report(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "report");
    CommandOptions options;
    options.folder = folder_.path();
    return joulebench(arguments, options);
  }

  [[nodiscard]] std::string read(const std::string& name) const {
    std::ifstream in(folder_.path() / name, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TempFolder folder_;
};

TEST_F(Report, EveryFormatOnStandardOutput) {
  for (const char* format : {"table", "md", "tex", "csv", "html", "bmf", "gab", "gbench"}) {
    const CommandResult result = report({"run", "--format", format});
    EXPECT_EQ(result.exit_code, 0) << format << result.err;
    EXPECT_GT(result.out.size(), 500U) << format;
  }
}

TEST_F(Report, TerminalTableFitsEightyColumns) {
  const CommandResult result = report({"run"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_LE(widest_line(result.out), 80);
  EXPECT_LE(widest_line(report({"run", "--literature", "all"}).out), 80);
}

TEST_F(Report, JsonFormatsAreJson) {
  EXPECT_TRUE(nlohmann::json::parse(report({"run", "--format", "bmf"}).out).is_object());
  EXPECT_TRUE(nlohmann::json::parse(report({"run", "--format", "gab"}).out).is_array());
  EXPECT_TRUE(nlohmann::json::parse(report({"run", "--format", "gbench"}).out).contains("context"));
}

TEST_F(Report, LatexWritesItsBib) {
  EXPECT_EQ(report({"run", "--format", "tex", "-o", "table.tex"}).exit_code, 0);
  EXPECT_NE(read("table.tex").find("\\bottomrule"), std::string::npos);
  EXPECT_TRUE(fs::exists(folder_.path() / "table.bib"));
}

TEST_F(Report, NothingIsOverwrittenWithoutForce) {
  write_file(folder_.path() / "out.md", "mine");
  const CommandResult refused = report({"run", "--format", "md", "-o", "out.md"});
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_NE(refused.err.find("--force"), std::string::npos);
  EXPECT_EQ(read("out.md"), "mine");
  EXPECT_EQ(report({"run", "--format", "md", "-o", "out.md", "--force"}).exit_code, 0);
  EXPECT_NE(read("out.md"), "mine");
}

TEST_F(Report, TheBibIsNotOverwrittenEither) {
  write_file(folder_.path() / "table.bib", "mine");
  EXPECT_EQ(report({"run", "--format", "tex", "-o", "table.tex"}).exit_code, 2);
  EXPECT_EQ(read("table.bib"), "mine");
  EXPECT_FALSE(fs::exists(folder_.path() / "table.tex"));
}

TEST_F(Report, BothDirectionsForTheAction) {
  EXPECT_EQ(report({"run", "--format", "gab", "--better", "both", "-o", "b.json"}).exit_code, 0);
  EXPECT_NE(read("b.json").find("energy_B0_J_per_mac"), std::string::npos);
  EXPECT_NE(read("b-bigger.json").find("throughput_mac_per_s"), std::string::npos);
  fs::create_directory(folder_.path() / "both");
  EXPECT_EQ(report({"run", "--format", "gab", "-o", "both"}).exit_code, 0);
  EXPECT_TRUE(fs::exists(folder_.path() / "both" / "customBiggerIsBetter.json"));
}

TEST_F(Report, WideCsvHasARecordALine) {
  const CommandResult result = report({"run", "--format", "csv", "--layout", "wide"});
  EXPECT_EQ(lines_of(result.out).size(), 1 + table_records().size());
}

TEST_F(Report, LiteratureIsMarked) {
  const CommandResult result =
      report({"run", "--format", "md", "--literature", "asic-tpuv1-die-cnn0"});
  EXPECT_NE(result.out.find("Google TPUv1, die only"), std::string::npos);
  EXPECT_NE(result.out.find("930 fJ\\*"), std::string::npos) << result.out;
  EXPECT_NE(result.out.find("literature"), std::string::npos);
}

TEST_F(Report, HistoryTellsSteps) {
  write_run("later", "20270101T000000Z-000002", 1.5);
  write_file(folder_.path() / "later" / "run.json", R"({"commit": "abc123"})");
  const CommandResult result = report({"run", "later", "--history", "--format", "json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto history = nlohmann::json::parse(result.out);
  EXPECT_EQ(history["runs"], 2);
  ASSERT_FALSE(history["steps"].empty());
  for (const auto& step : history["steps"]) {
    EXPECT_NEAR(step["ratio"].get<double>(), 1.5, 1e-9);
    EXPECT_EQ(step["verdict"], "worse");
    EXPECT_EQ(step["run"], "abc123");
  }
  EXPECT_LE(widest_line(report({"run", "later", "--history"}).out), 80);
  EXPECT_EQ(report({"run", "--history"}).exit_code, 2);
}

// A torn report leaves nothing behind, and what was there as it was.
TEST_F(Report, AFailedReportLeavesNoFile) {
  write_file(folder_.path() / "bad.jsonl", read("run/records.jsonl") + "{\"schema\": \"x\"}\n");
  for (const char* format : {"csv", "html"}) {
    const std::string name = std::string("out.") + format;
    EXPECT_EQ(report({"bad.jsonl", "--format", format, "-o", name}).exit_code, 2);
    EXPECT_FALSE(fs::exists(folder_.path() / name));
    EXPECT_FALSE(fs::exists(folder_.path() / (name + ".part")));
    write_file(folder_.path() / name, "mine");
    EXPECT_EQ(report({"bad.jsonl", "--format", format, "-o", name, "--force"}).exit_code, 2);
    EXPECT_EQ(read(name), "mine");
  }
}

TEST_F(Report, FilterKeepsMatchingPoints) {
  const CommandResult result = report({"run", "--format", "csv", "--filter", "tpu-v1 gemm"});
  for (const std::string& line : lines_of(result.out)) {
    EXPECT_TRUE(line.rfind("record_id", 0) == 0 || line.find("tpu-v1") != std::string::npos);
  }
  EXPECT_EQ(report({"run", "--filter", "no such machine"}).exit_code, 2);
  EXPECT_EQ(report({"run", "--filter", "("}).exit_code, 2);
}

// The records' errors are 1.23e-2 (tpu-v1), 3.4e-2 (photonic-2025) and 5.1e-2 (pcm-hermes).
TEST_F(Report, IsoAccuracyLeavesOutWhatErrsMore) {
  const std::string text =
      report({"run", "--format", "md", "--max-error", "0.04", "--filter", "gemm"}).out;
  EXPECT_NE(text.find("systolic tpu-v1"), std::string::npos);
  EXPECT_NE(text.find("photonic photonic-2025"), std::string::npos);
  EXPECT_EQ(text.find("crossbar pcm-hermes"), std::string::npos);
  EXPECT_EQ(report({"run", "--max-error", "0.04"}).exit_code, 2);
  EXPECT_EQ(report({"run", "--format", "md", "--max-error", "2"}).exit_code, 2);
}

TEST_F(Report, RunTellsHowFarModelsAreFromPapers) {
  CommandOptions options;
  options.folder = folder_.path();
  ASSERT_EQ(
      joulebench({"run", "-q", "--backend", "systolic", "--gemm", "4,5,6", "-o", "made"}, options)
          .exit_code,
      0);
  const auto run = nlohmann::json::parse(read("made/run.json"));
  ASSERT_EQ(run["devices"].size(), 1U);
  const auto& device = run["devices"][0];
  EXPECT_EQ(device["device"], "tpu-v1");
  const double model_J = device["published_J_per_mac"].get<double>() *
                         device["model_to_published_ratio"].get<double>();
  const std::string text = report({"made", "--format", "md"}).out;
  EXPECT_NE(text.find("## Model and paper"), std::string::npos);
  EXPECT_NE(text.find(results::format_energy(model_J)), std::string::npos) << text;
}

TEST_F(Report, BadInputIsOneSentence) {
  fs::create_directory(folder_.path() / "empty");
  write_file(folder_.path() / "other.jsonl", "{\"schema\": \"other/record/7\"}\n");
  write_file(folder_.path() / "torn.jsonl", "");
  // A file of 2 GiB that holds no line: refused after 16 MiB of it.
  { std::ofstream out(folder_.path() / "huge.jsonl"); }
  fs::resize_file(folder_.path() / "huge.jsonl", std::uintmax_t{2} << 30U);
  { std::ofstream out(folder_.path() / "huge.json"); }
  fs::resize_file(folder_.path() / "huge.json", std::uintmax_t{2} << 30U);
  const std::vector<std::vector<std::string>> commands{
      {"empty"},
      {"nowhere"},
      {"other.jsonl"},
      {"torn.jsonl"},
      {"huge.jsonl", "--format", "html"},
      {"huge.json"},
      {"run", "--format", "pdf"},
      {"run", "--format", "md", "-o", "no/such/folder/x.md"},
      {"run", "--format", "md", "-o", "."},
      {"run", "--layout", "tall"},
      {"run", "--literature", "tpu"},
      {"run", "--format", "html", "--history"},
  };
  for (const auto& command : commands) {
    const CommandResult result = report(command);
    EXPECT_EQ(result.exit_code, 2) << command.front() << result.out.substr(0, 200);
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
    EXPECT_TRUE(result.out.empty());
  }
  EXPECT_NE(report({"run", "--format", "htm"}).err.find("html"), std::string::npos);
}

}  // namespace
}  // namespace jb::test
