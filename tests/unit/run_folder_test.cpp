// Runs in folders: what is written when, and what is refused before anything is.

#include "harness/run_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "results/journal.h"
#include "tests/support/temp_folder.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

RunRequest request_in(const fs::path& directory, std::size_t points) {
  RunRequest request;
  request.suite = "test";
  request.command = {"joulebench", "run"};
  request.directory = directory;
  for (std::size_t i = 0; i < points; ++i) {
    PointSpec point;
    point.backend = "systolic";
    point.device = "tpu-v1";
    point.gemm = {4, 8, 16};
    point.seed = i + 1;
    request.points.push_back(point);
  }
  return request;
}

Json run_json(const fs::path& directory) { return read_json_file(directory / "run.json"); }

TEST(RunFolder, HoldsTheRunAndItsRecords) {
  const test::TempFolder folder;
  const fs::path dir = folder.path() / "new" / "run";
  std::vector<std::string> told;
  const RunResult result = run_into_folder(request_in(dir, 3), [&](const RunProgress& progress) {
    told.push_back(fmt::format("{}/{} {} {}", progress.done, progress.total,
                               progress.last != nullptr, progress.next != nullptr));
    return true;
  });
  EXPECT_EQ(told, (std::vector<std::string>{"0/3 false true", "1/3 true true", "2/3 true true",
                                            "3/3 true false"}));
  EXPECT_FALSE(result.interrupted);
  EXPECT_EQ(result.directory, dir);
  const std::vector<results::Record> read = results::load_results(dir);
  ASSERT_EQ(read.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(read[i].record_id, result.records[i].record_id);
    EXPECT_EQ(read[i].run_id, result.run_id);
    EXPECT_EQ(read[i].status, results::Status::ok) << read[i].reason;
  }
  const Json json = run_json(dir);
  EXPECT_EQ(json.at("schema").get<std::string>(), "joulebench/run/1");
  EXPECT_EQ(json.at("run_id").get<std::string>(), result.run_id);
  EXPECT_EQ(json.at("status").get<std::string>(), "done");
  EXPECT_EQ(json.at("suite").get<std::string>(), "test");
  EXPECT_EQ(json.at("summary").at("ok").get<int>(), 3);
  for (const char* key : {"command", "build", "libraries", "tables_hash", "host", "findings",
                          "started_utc", "finished_utc"}) {
    EXPECT_TRUE(json.contains(key) && !json.at(key).is_null()) << key;
  }
}

TEST(RunFolder, NeverWritesOverARun) {
  const test::TempFolder folder;
  run_into_folder(request_in(folder.path(), 1), nullptr);
  const std::string before = test::bytes_of_file(folder.path() / "records.jsonl");
  EXPECT_THROW(run_into_folder(request_in(folder.path(), 2), nullptr), Error);
  EXPECT_EQ(test::bytes_of_file(folder.path() / "records.jsonl"), before);
}

TEST(RunFolder, BadPointsAndFoldersAreRefusedBeforeAnythingIsWritten) {
  const test::TempFolder folder;
  RunRequest request = request_in(folder.path() / "run", 2);
  request.points[1].device = "no-such-device";
  EXPECT_THROW(run_into_folder(request, nullptr), Error);
  EXPECT_FALSE(fs::exists(folder.path() / "run"));
  const fs::path file = folder.write("file", "x");
  EXPECT_THROW(run_into_folder(request_in(file, 1), nullptr), Error);
  EXPECT_THROW(run_into_folder(request_in(file / "below", 1), nullptr), Error);
}

TEST(RunFolder, StopsWhenToldAndKeepsTheJournal) {
  const test::TempFolder folder;
  const RunResult result =
      run_into_folder(request_in(folder.path() / "run", 3),
                      [](const RunProgress& progress) { return progress.done < 2; });
  EXPECT_TRUE(result.interrupted);
  EXPECT_EQ(results::load_results(folder.path() / "run").size(), 2U);
  EXPECT_EQ(run_json(folder.path() / "run").at("status").get<std::string>(), "interrupted");
}

TEST(RunFolder, RunIdsAreUniqueTimesAndText) {
  const RunRequest request = request_in("", 1);
  const std::string a = make_run_id(request.points);
  EXPECT_EQ(a.size(), std::string("20260131T142501Z-3f9c2a").size()) << a;
  EXPECT_NE(a, make_run_id(request.points));
  EXPECT_EQ(utc_now().size(), std::string("2026-01-31T14:25:01Z").size());
}

TEST(RunFolder, SummaryCountsOutcomes) {
  using results::Status;
  std::vector<results::Record> records(5);
  records[1].status = Status::unsupported;
  records[2].status = Status::failed;
  records[3].status = Status::inconsistent;
  records[4].status = Status::unavailable;
  const RunSummary summary = summarize(records);
  EXPECT_EQ(summary.ok, 1U);
  EXPECT_EQ(summary.failed, 2U);
  EXPECT_EQ(summary.not_run, 2U);
}

}  // namespace
}  // namespace jb::harness
