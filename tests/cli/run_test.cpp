// joulebench run: table, records, exit codes, interruption. Small sizes throughout.

#include <gtest/gtest.h>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;

const std::vector<std::string> kSimulated = {"systolic", "crossbar", "photonic"};

class Run : public ::testing::Test {
 protected:
  CommandResult run(std::vector<std::string> arguments, CommandOptions options = {}) {
    arguments.insert(arguments.begin(), "run");
    options.folder = folder_.path();
    return joulebench(std::move(arguments), options);
  }
  [[nodiscard]] std::filesystem::path path(const std::string& name) const {
    return folder_.path() / name;
  }

 private:
  TempFolder folder_;
};

TEST_F(Run, PrintsATableOfAtMost80ColumnsAndIsQuietInPipes) {
  const CommandResult result =
      run({"--backend", "systolic,crossbar,photonic", "--gemm", "3,5,7", "-o", "out"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_LE(widest_line(result.out), 80);
  EXPECT_EQ(result.out.find('\x1b'), std::string::npos) << "colours in a pipe";
  EXPECT_EQ(result.err.find('\x1b'), std::string::npos);
  EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;  // where the records are
  for (const std::string& backend : kSimulated) {
    EXPECT_NE(result.out.find(backend), std::string::npos) << backend;
  }
}

TEST_F(Run, TableFollowsColumns) {
  CommandOptions wide;
  wide.variables["COLUMNS"] = "120";
  CommandOptions narrow;
  narrow.variables["COLUMNS"] = "60";
  const std::vector<std::string> arguments = {"--backend", "crossbar,photonic", "--gemm", "3,5,7"};
  EXPECT_LE(widest_line(run(arguments, wide).out), 120);
  EXPECT_LE(widest_line(run(arguments, narrow).out), 60);
}

TEST_F(Run, ColorsOnlyWhenAsked) {
  CommandOptions no_color;
  no_color.variables["NO_COLOR"] = "1";
  const std::vector<std::string> plain = {"--backend", "crossbar", "--gemm", "2,3,4"};
  std::vector<std::string> always = plain;
  always.insert(always.end(), {"--color", "always"});
  EXPECT_EQ(run(plain, no_color).out.find('\x1b'), std::string::npos);
  EXPECT_NE(run(always).out.find('\x1b'), std::string::npos);
}

TEST_F(Run, WritesRunJsonAndOneRecordAPoint) {
  const CommandResult result =
      run({"--backend", "crossbar,photonic", "--gemm", "3,5,7", "-o", "out", "--json"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(json::parse(bytes_of_file(path("out/run.json"))).is_object());
  const std::vector<json> on_disk = json_lines(bytes_of_file(path("out/records.jsonl")));
  const std::vector<json> on_stdout = json_lines(result.out);
  ASSERT_EQ(on_disk.size(), 2U);
  EXPECT_EQ(on_disk, on_stdout);
  for (const json& record : on_disk) {
    EXPECT_EQ(record.at("schema"), "joulebench/record/1");
    EXPECT_EQ(record.at("status"), "ok");
    EXPECT_EQ(record.at("point").at("m"), 3);
    EXPECT_EQ(record.at("point").at("n"), 5);
    EXPECT_EQ(record.at("point").at("k"), 7);
    EXPECT_EQ(record.at("work").at("macs"), 3 * 5 * 7);
    EXPECT_EQ(record.at("repro").get<std::string>().rfind("joulebench run ", 0), 0U);
  }
}

TEST_F(Run, DefaultFolderIsUnderJoulebenchRuns) {
  ASSERT_EQ(run({"--backend", "photonic", "--gemm", "2,2,2"}).exit_code, 0);
  std::size_t runs = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path("joulebench-runs"))) {
    ++runs;
    EXPECT_TRUE(std::filesystem::exists(entry.path() / "records.jsonl"));
  }
  EXPECT_EQ(runs, 1U);
}

TEST_F(Run, ReproLineRunsTheSamePoint) {
  const std::vector<json> first =
      json_lines(run({"--backend", "crossbar", "--gemm", "3,5,7", "--age", "3600", "--calibrate",
                      "none", "--seed", "7", "--dist", "sparse:0.5", "--json"})
                     .out);
  ASSERT_EQ(first.size(), 1U);
  std::string line = first[0].at("repro");
  ASSERT_EQ(line.rfind("joulebench ", 0), 0U);
  line.replace(0, std::string("joulebench").size(), JOULEBENCH_BINARY);
  CommandOptions options;
  options.folder = path("");
  const CommandResult again = run_command({"/bin/sh", "-c", line + " --json"}, options);
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const std::vector<json> second = json_lines(again.out);
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(first[0].at("point_id"), second[0].at("point_id"));
  EXPECT_EQ(first[0].at("record_id"), second[0].at("record_id"));
  EXPECT_EQ(first[0].at("ledger"), second[0].at("ledger"));
  EXPECT_EQ(first[0].at("quantities").at("relative_error_frobenius"),
            second[0].at("quantities").at("relative_error_frobenius"));
}

TEST_F(Run, TheKindOfARangeStandsAfterTheNameOrBeforeTheValues) {
  const auto listed = [&](const std::string& axis) {
    return run({"--backend", "photonic", "--gemm", "4,4,4", "-a", axis, "--dry-run"}).out;
  };
  EXPECT_EQ(listed("m=[pow2]=1:3:1"), listed("m[pow2]=1:3:1"));
  EXPECT_EQ(listed("n_mac=[log]=1:1e4:3"), listed("n_mac=1,100,10000"));
}

TEST_F(Run, DryRunListsPointsAndRunsNone) {
  const CommandResult result = run({"--backend", "crossbar,photonic", "--gemm", "4,4,4", "-a",
                                    "m[pow2]=1:3:1", "-a", "seed=1,2", "--dry-run", "-o", "out"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const std::vector<std::string> lines = lines_of(result.out);
  ASSERT_EQ(lines.size(), 2U * 3U * 2U + 1U);
  EXPECT_EQ(lines.front(), "crossbar pcm-hermes gemm 2,4,4");
  EXPECT_EQ(lines[1], "crossbar pcm-hermes gemm 2,4,4 seed=2");
  EXPECT_EQ(lines.back(), "12 points");
  EXPECT_FALSE(std::filesystem::exists(path("out")));
  EXPECT_FALSE(std::filesystem::exists(path("joulebench-runs")));
}

TEST_F(Run, AxesOverRangesAndDeviceParameters) {
  const auto labels = [this](std::vector<std::string> axes) {
    axes.insert(axes.begin(), {"--backend", "photonic", "--gemm", "4,4,4", "--dry-run"});
    return lines_of(run(axes).out);
  };
  EXPECT_EQ(labels({"-a", "m=2:8:3"}),
            (std::vector<std::string>{"photonic photonic-2025 gemm 2,4,4",
                                      "photonic photonic-2025 gemm 5,4,4",
                                      "photonic photonic-2025 gemm 8,4,4", "3 points"}));
  EXPECT_EQ(labels({"-a", "k[log]=1:1000:4"}).at(2), "photonic photonic-2025 gemm 4,4,100");
  EXPECT_EQ(labels({"-a", "gemm=1x2x3,4x5x6"}).size(), 0U) << "--gemm is given too";
  EXPECT_EQ(labels({"-a", "m=1,2", "-a", "n=3,4", "--zip", "m,n"}),
            (std::vector<std::string>{"photonic photonic-2025 gemm 1,3,4",
                                      "photonic photonic-2025 gemm 2,4,4", "2 points"}));
  const CommandResult swept =
      run({"--backend", "photonic", "--gemm", "4,4,4", "-a", "n_mac=100,200", "--json"});
  ASSERT_EQ(swept.exit_code, 0) << swept.err;
  const std::vector<json> records = json_lines(swept.out);
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].at("point").at("set").at("n_mac"), "100");
  EXPECT_NE(records[0].at("point_id"), records[1].at("point_id"));
}

TEST_F(Run, DefaultSuiteCoversEveryBackend) {
  const CommandResult result = run({"--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const char* target :
       {"reference ", "onednn ", "cublas ", "systolic ideal", "systolic tpu-v1",
        "systolic scale-sim-32", "crossbar ideal", "crossbar pcm-hermes", "photonic ideal",
        "photonic hamerly2019-sql", "photonic photonic-2025"}) {
    EXPECT_NE(result.out.find(target), std::string::npos) << target << "\n" << result.out;
  }
}

TEST_F(Run, BackendAndFilterSelectFromASuite) {
  const CommandResult result =
      run({"--backend", "crossbar", "--filter", "pcm-hermes.*gemm", "--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  for (const std::string& line : lines_of(result.out)) {
    if (line.find(" points") != std::string::npos) continue;
    EXPECT_EQ(line.rfind("crossbar pcm-hermes ", 0), 0U) << line;
  }
}

TEST_F(Run, DeviceAloneNamesItsBackend) {
  const CommandResult result = run({"--device", "pcm-hermes", "--gemm", "2,3,4", "--dry-run"});
  EXPECT_EQ(lines_of(result.out).front(), "crossbar pcm-hermes gemm 2,3,4") << result.err;
}

TEST_F(Run, UnavailableBackendIsSkippedWithItsReason) {
  const CommandResult listed = joulebench({"list", "backends", "--json"});
  for (const json& backend : json::parse(listed.out)) {
    if (backend.at("available").get<bool>()) continue;
    const std::string id = backend.at("id");
    const CommandResult both = run({"--backend", id + ",photonic", "--gemm", "2,3,4", "--json"});
    EXPECT_EQ(both.exit_code, 0) << both.err;
    const std::vector<json> records = json_lines(both.out);
    ASSERT_EQ(records.size(), 2U);
    EXPECT_EQ(records[0].at("status"), "unavailable");
    EXPECT_FALSE(records[0].at("reason").get<std::string>().empty());
    EXPECT_EQ(run({"--backend", id + ",photonic", "--gemm", "2,3,4", "--strict"}).exit_code, 3);
    EXPECT_EQ(run({"--backend", id, "--gemm", "2,3,4"}).exit_code, 3) << "none could run";
  }
}

TEST_F(Run, QuietPrintsNothing) {
  const CommandResult result =
      run({"--backend", "photonic", "--gemm", "2,3,4", "-o", "out", "--quiet"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "");
  EXPECT_TRUE(std::filesystem::exists(path("out/records.jsonl")));
}

TEST_F(Run, PlainProgressNamesEachPoint) {
  const CommandResult result =
      run({"--backend", "photonic", "--gemm", "2,3,4", "--progress", "plain"});
  EXPECT_NE(result.err.find("[1/1] photonic photonic-2025 gemm 2,3,4"), std::string::npos)
      << result.err;
}

TEST_F(Run, InterruptKeepsWholeRecordsAndExits130) {
  CommandOptions options;
  options.signal = SIGINT;
  options.signal_after = "[3/";
  const CommandResult result = run({"--backend", "photonic", "--gemm", "64,64,64", "-a",
                                    "seed=1:500:1", "--progress", "plain", "-o", "out"},
                                   options);
  EXPECT_EQ(result.exit_code, 130);
  const std::string journal = bytes_of_file(path("out/records.jsonl"));
  ASSERT_FALSE(journal.empty());
  EXPECT_EQ(journal.back(), '\n');
  const std::size_t records = json_lines(journal).size();
  EXPECT_GE(records, 2U);
  EXPECT_LT(records, 500U);
  EXPECT_NE(result.err.find("interrupted"), std::string::npos);
}

TEST_F(Run, ExistingRunIsNotOverwritten) {
  ASSERT_EQ(run({"--backend", "photonic", "--gemm", "2,3,4", "-o", "out"}).exit_code, 0);
  const std::string before = bytes_of_file(path("out/records.jsonl"));
  const CommandResult again = run({"--backend", "photonic", "--gemm", "2,3,4", "-o", "out"});
  EXPECT_EQ(again.exit_code, 2) << again.err;
  EXPECT_EQ(bytes_of_file(path("out/records.jsonl")), before);
}

}  // namespace
}  // namespace jb::test
