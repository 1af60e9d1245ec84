// Sweeps: axes in suites, exclusion, shards and their merge.

#include <gtest/gtest.h>

#include <set>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class Sweep : public ::testing::Test {
 protected:
  CommandResult command(std::vector<std::string> arguments,
                        const std::map<std::string, std::string>& variables = {}) {
    CommandOptions options;
    options.folder = folder_.path();
    options.variables = variables;
    return joulebench(std::move(arguments), options);
  }
  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }
  [[nodiscard]] std::string journal(const std::string& run) const {
    return bytes_of_file(path(run + "/records.jsonl"));
  }
  std::vector<std::string> labels_of_suite(const std::string& block) {
    write_file(path("suite.json"),
               R"({"schema": "joulebench/suite/1", "name": "s", "points": [)" + block + "]}");
    const CommandResult result = command({"run", "suite.json", "--dry-run"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    std::vector<std::string> lines = lines_of(result.out);
    if (!lines.empty()) lines.pop_back();  // the count
    return lines;
  }
  std::vector<std::string> shard(const std::string& which, const std::string& folder) {
    return {"run",  "--backend",  "systolic,photonic", "--gemm", "5,6,7",
            "-a",   "seed=1:5:1", "--shard",           which,    "-o",
            folder, "-q"};
  }

  TempFolder folder_;
};

using Lines = std::vector<std::string>;

TEST_F(Sweep, SuitesHaveAxesThatFollowZipAndExclude) {
  EXPECT_EQ(labels_of_suite(R"({"op": "gemm", "axes": {"m": [2, 4], "n": "=m", "k": "[pow2]=1:2:1"},
                                "targets": [{"backend": "systolic"}]})"),
            (Lines{"systolic tpu-v1 gemm 2,2,2", "systolic tpu-v1 gemm 2,2,4",
                   "systolic tpu-v1 gemm 4,4,2", "systolic tpu-v1 gemm 4,4,4"}));
  EXPECT_EQ(
      labels_of_suite(
          R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"seed": [1, 2], "age_s": [0, 60]},
              "zip": [["seed", "age_s"]], "targets": [{"backend": "crossbar"}]})"),
      (Lines{"crossbar pcm-hermes gemm 2,3,4", "crossbar pcm-hermes gemm 2,3,4 seed=2 age=60"}));
  EXPECT_EQ(labels_of_suite(
                R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"n_mac": [10, 20]},
                    "exclude": [{"n_mac": 10}], "targets": [{"backend": "photonic"}]})"),
            (Lines{"photonic photonic-2025 gemm 2,3,4 n_mac=20"}));
}

TEST_F(Sweep, BadAxesOfSuitesAreRefused) {
  for (
      const char* block :
      {R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"n": "=x"}, "targets": [{"backend": "systolic"}]})",
       R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"m": []}, "targets": [{"backend": "systolic"}]})",
       R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"m": [1], "n": [1, 2]}, "zip": [["m", "n"]], "targets": [{"backend": "systolic"}]})",
       R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"seed": "1:200000:1"}, "targets": [{"backend": "systolic"}]})",
       R"({"op": "gemm", "gemm": [[2, 3, 4]], "exclude": [{"backend": "systolic"}], "targets": [{"backend": "systolic"}]})",
       R"({"op": "gemm", "gemm": [[2, 3, 4]], "axes": {"no_such_key": [1]}, "targets": [{"backend": "systolic"}]})"}) {
    write_file(path("suite.json"), R"({"schema": "joulebench/suite/1", "name": "s", "points": [)" +
                                       std::string(block) + "]}");
    const CommandResult result = command({"run", "suite.json"});
    EXPECT_EQ(result.exit_code, 2) << block << result.err;
    EXPECT_EQ(lines_of(result.err).size(), 1U) << result.err;
  }
}

TEST_F(Sweep, ExcludeLeavesPointsOut) {
  const CommandResult result = command({"run", "--backend", "photonic", "--gemm", "4,4,4", "-a",
                                        "seed=1:4:1", "--exclude", "seed=[24]$", "--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(lines_of(result.out), (Lines{"photonic photonic-2025 gemm 4,4,4",
                                         "photonic photonic-2025 gemm 4,4,4 seed=3", "2 points"}));
  EXPECT_NE(result.err.find("MACs, about"), std::string::npos) << result.err;
}

TEST_F(Sweep, ShardsJoinToTheWhole) {
  for (const char* i : {"0", "1", "2"}) {
    ASSERT_EQ(command(shard(std::string(i) + "/3", std::string("shard") + i)).exit_code, 0);
  }
  const CommandResult merged = command({"merge", "shard0", "shard1", "shard2", "-o", "whole"});
  EXPECT_EQ(merged.exit_code, 0) << merged.err;
  std::vector<std::string> all = shard("0/1", "alone");
  ASSERT_EQ(command(all).exit_code, 0);
  const auto ids = [&](const std::string& run) {
    std::set<std::string> set;
    for (const json& record : json_lines(journal(run))) set.insert(record.at("record_id"));
    return set;
  };
  EXPECT_EQ(ids("whole").size(), 10U);
  EXPECT_EQ(ids("whole"), ids("alone"));
  EXPECT_EQ(command({"compare", "alone", "whole", "--gate", "pin", "--strict"}).exit_code, 0);
  EXPECT_EQ(command({"validate", "whole", "whole/run.json"}).exit_code, 0);
}

TEST_F(Sweep, ShardsComeFromTheEnvironment) {
  ASSERT_EQ(command(shard("auto", "a"), {{"SLURM_ARRAY_TASK_ID", "7"},
                                         {"SLURM_ARRAY_TASK_MIN", "6"},
                                         {"SLURM_ARRAY_TASK_COUNT", "2"}})
                .exit_code,
            0);
  EXPECT_EQ(json_lines(journal("a")).size(), 5U);
  // Resumed outside the array it is the same shard.
  write_file(path("a/records.jsonl"), lines_of(journal("a"))[0] + "\n");
  ASSERT_EQ(command({"run", "--resume", "a", "-q"}).exit_code, 0);
  EXPECT_EQ(json_lines(journal("a")).size(), 5U);
  ASSERT_EQ(
      command(shard("auto", "b"), {{"OMPI_COMM_WORLD_RANK", "0"}, {"OMPI_COMM_WORLD_SIZE", "4"}})
          .exit_code,
      0);
  EXPECT_EQ(json_lines(journal("b")).size(), 3U);
}

TEST_F(Sweep, MergeTellsHolesAndDuplicates) {
  for (const char* i : {"0", "2"}) {
    ASSERT_EQ(command(shard(std::string(i) + "/3", std::string("shard") + i)).exit_code, 0);
  }
  const CommandResult holes = command({"merge", "shard0", "shard2", "shard0", "-o", "whole"});
  EXPECT_EQ(holes.exit_code, 1) << holes.err;
  EXPECT_NE(holes.err.find("shard 1/3 is missing: 3 points"), std::string::npos) << holes.err;
  EXPECT_NE(holes.out.find("4 duplicates, 0 of them"), std::string::npos) << holes.out;
  EXPECT_EQ(json_lines(journal("whole")).size(), 7U);
  EXPECT_EQ(json::parse(bytes_of_file(path("whole/run.json"))).at("status"), "incomplete");
  // A shard that was interrupted.
  const std::vector<std::string> lines = lines_of(journal("shard2"));
  write_file(path("shard2/records.jsonl"), lines[0] + "\n");
  const CommandResult cut = command({"merge", "shard0", "shard2", "-o", "cut"});
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_NE(cut.err.find("1 of 3 points; finish it with"), std::string::npos) << cut.err;
}

TEST_F(Sweep, MergeRefusesWhatItCannotJoin) {
  ASSERT_EQ(command(shard("0/2", "shard")).exit_code, 0);
  const std::string before = journal("shard");
  EXPECT_EQ(command({"merge", "shard", "-o", "shard"}).exit_code, 2);
  EXPECT_EQ(command({"merge", "shard", "-o", "shard", "--force"}).exit_code, 2);
  EXPECT_EQ(journal("shard"), before);
  EXPECT_EQ(command({"merge", "missing", "-o", "x"}).exit_code, 2);
  json other = json_lines(before).front();
  other["schema"] = "joulebench/record/9";
  write_file(path("other.jsonl"), other.dump() + "\n");
  const CommandResult result = command({"merge", "shard", "other.jsonl", "-o", "x"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_NE(result.err.find("joulebench/record/9"), std::string::npos) << result.err;
  // Two records of one id whose modelled numbers differ.
  json edited = json_lines(before).front();
  edited["quantities"]["energy_B1_J_per_mac"]["value"] = 1.0;
  write_file(path("edited.jsonl"), edited.dump() + "\n");
  const CommandResult contradicts = command({"merge", "shard", "edited.jsonl", "-o", "y"});
  EXPECT_EQ(contradicts.exit_code, 1);
  EXPECT_NE(contradicts.err.find("with other modelled numbers"), std::string::npos);
}

TEST_F(Sweep, MoreShardsThanPointsIsNoFailure) {
  const CommandResult result = command(
      {"run", "--backend", "systolic", "--gemm", "1,2,3", "--shard", "1/2", "-o", "empty", "-q"});
  EXPECT_EQ(result.exit_code, 0) << result.err;
}

}  // namespace
}  // namespace jb::test
