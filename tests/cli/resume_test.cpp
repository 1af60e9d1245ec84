// A run ended at any moment: what is on disk is whole, and a resume runs every other point once.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <set>

#include "tests/support/run_command.h"
#include "tests/support/temp_folder.h"

namespace jb::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class Resume : public ::testing::Test {
 protected:
  CommandResult command(std::vector<std::string> arguments,
                        const std::map<std::string, std::string>& variables = {}) {
    CommandOptions options;
    options.folder = folder_.path();
    options.variables = variables;
    return joulebench(std::move(arguments), options);
  }
  static std::vector<std::string> six_points(const std::string& folder) {
    return {"run",      "--backend", "systolic,crossbar,photonic",
            "--gemm",   "5,6,7",     "-a",
            "seed=1,2", "-o",        folder,
            "--quiet"};
  }
  [[nodiscard]] fs::path path(const std::string& name) const { return folder_.path() / name; }
  [[nodiscard]] std::string journal(const std::string& run) const {
    return fs::exists(path(run + "/records.jsonl")) ? bytes_of_file(path(run + "/records.jsonl"))
                                                    : std::string();
  }
  // Ids in order; every line must be a record.
  static std::vector<std::string> point_ids(const std::string& text) {
    std::vector<std::string> ids;
    for (const json& record : json_lines(text)) ids.push_back(record.at("point_id"));
    return ids;
  }
  static std::string whole_lines(const std::string& text) {
    return text.substr(0, text.rfind('\n') + 1);
  }

  // Injects the fault at every write boundary of a run and resumes after each.
  void at_every_boundary(const std::string& kind, const std::set<int>& allowed_exit_codes) {
    ASSERT_EQ(command(six_points("whole")).exit_code, 0);
    const std::vector<std::string> wanted = point_ids(journal("whole"));
    ASSERT_EQ(wanted.size(), 6U);
    constexpr int kMostBoundaries = 200;
    int boundary = 1;
    for (; boundary < kMostBoundaries; ++boundary) {
      SCOPED_TRACE(kind + " at boundary " + std::to_string(boundary));
      fs::remove_all(path("run"));
      const CommandResult cut =
          command(six_points("run"), {{"LD_PRELOAD", JOULEBENCH_FAULTY_IO},
                                      {"ASAN_OPTIONS", "verify_asan_link_order=0"},
                                      {"FAULT_FOLDER", path("run").string()},
                                      {"FAULT_KIND", kind},
                                      {"FAULT_AT", std::to_string(boundary)}});
      if (cut.exit_code == 0) break;
      EXPECT_EQ(allowed_exit_codes.count(cut.exit_code), 1U) << cut.exit_code << cut.err;
      const std::string kept = whole_lines(journal("run"));
      // Before run.json is there only the flags can say what the run is.
      const bool started = fs::exists(path("run/run.json"));
      std::vector<std::string> again = {"run", "--resume", "run", "--quiet"};
      if (!started) {
        EXPECT_EQ(command(again).exit_code, 2);
        again = six_points("run");
        again.insert(again.end(), {"--resume", "run"});
      }
      const CommandResult resumed = command(again);
      ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
      const std::string all = journal("run");
      EXPECT_EQ(all.substr(0, kept.size()), kept) << "a record that was whole is kept as it was";
      EXPECT_EQ(point_ids(all), wanted) << "every point once";
      EXPECT_EQ(json::parse(bytes_of_file(path("run/run.json"))).at("status"), "done");
    }
    EXPECT_GT(boundary, 10) << "boundaries that were tried";
    EXPECT_LT(boundary, kMostBoundaries);
  }

  TempFolder folder_;
};

TEST_F(Resume, AfterAKillBeforeAnyWrite) { at_every_boundary("kill", {128 + SIGKILL}); }

TEST_F(Resume, AfterAKillInTheMiddleOfAnyWrite) { at_every_boundary("kill_half", {128 + SIGKILL}); }

// 2: nothing was begun. 130: begun, and can be resumed.
TEST_F(Resume, AfterADiskThatFillsAtAnyWrite) { at_every_boundary("full", {2, 130}); }

TEST_F(Resume, AFullDiskIsSaidAndLeavesWholeRecords) {
  const CommandResult cut =
      command(six_points("run"), {{"LD_PRELOAD", JOULEBENCH_FAULTY_IO},
                                  {"ASAN_OPTIONS", "verify_asan_link_order=0"},
                                  {"FAULT_FOLDER", path("run").string()},
                                  {"FAULT_KIND", "full"},
                                  {"FAULT_AT", "6"}});
  EXPECT_EQ(cut.exit_code, 130) << cut.err;
  EXPECT_NE(cut.err.find("No space left on device"), std::string::npos) << cut.err;
  EXPECT_NE(cut.err.find("--resume"), std::string::npos) << cut.err;
  const std::string text = journal("run");
  EXPECT_TRUE(text.empty() || text.back() == '\n');
}

TEST_F(Resume, RefusesOtherPointsAndAFinishedRunRunsNothing) {
  ASSERT_EQ(command(six_points("run")).exit_code, 0);
  const std::string before = journal("run");
  const CommandResult other =
      command({"run", "--backend", "systolic", "--gemm", "1,2,3", "--resume", "run"});
  EXPECT_EQ(other.exit_code, 2) << other.err;
  EXPECT_NE(other.err.find("other points"), std::string::npos) << other.err;
  EXPECT_EQ(command({"run", "--resume", "missing"}).exit_code, 2);
  EXPECT_EQ(command({"run", "--resume", "run", "-q"}).exit_code, 0);
  EXPECT_EQ(journal("run"), before);
}

TEST_F(Resume, ALineThatIsGoneIsRunAgain) {
  ASSERT_EQ(command(six_points("run")).exit_code, 0);
  const std::vector<std::string> lines = lines_of(journal("run"));
  std::string without;
  for (std::size_t i = 0; i < lines.size(); ++i) without += i == 2 ? "" : lines[i] + "\n";
  write_file(path("run/records.jsonl"), without);
  ASSERT_EQ(command({"run", "--resume", "run", "-q"}).exit_code, 0);
  const std::vector<std::string> after = lines_of(journal("run"));
  ASSERT_EQ(after.size(), 6U);
  EXPECT_EQ(json::parse(after.back()).at("record_id"), json::parse(lines[2]).at("record_id"));
}

TEST_F(Resume, ForceReplacesARun) {
  ASSERT_EQ(command(six_points("run")).exit_code, 0);
  std::vector<std::string> again = {"run", "--backend", "systolic", "--gemm", "1,2,3", "-o", "run"};
  EXPECT_EQ(command(again).exit_code, 2);
  again.push_back("--force");
  EXPECT_EQ(command(again).exit_code, 0);
  EXPECT_EQ(lines_of(journal("run")).size(), 1U);
}

TEST_F(Resume, SignalsEndARunCleanly) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    fs::remove_all(path("run"));
    CommandOptions options;
    options.folder = folder_.path();
    options.signal = signal;
    options.signal_after = "[3/";
    const CommandResult cut = joulebench({"run", "--backend", "photonic", "--gemm", "64,64,64",
                                          "-a", "seed=1:400:1", "--progress", "plain", "-o", "run"},
                                         options);
    EXPECT_EQ(cut.exit_code, 130) << signal;
    EXPECT_EQ(json::parse(bytes_of_file(path("run/run.json"))).at("status"), "interrupted");
    const std::string kept = journal("run");
    EXPECT_LT(point_ids(kept).size(), 400U);
  }
  ASSERT_EQ(command({"run", "--resume", "run", "-q"}).exit_code, 0);
  const std::vector<std::string> ids = point_ids(journal("run"));
  EXPECT_EQ(ids.size(), 400U);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 400U);
}

TEST_F(Resume, ALongPointDoesNotHoldAnInterruptionUp) {
  CommandOptions options;
  options.folder = folder_.path();
  options.signal = SIGTERM;
  options.signal_after = "[1/";
  // Minutes of simulation.
  const CommandResult cut = joulebench({"run", "--backend", "crossbar", "--gemm", "4096,4096,4096",
                                        "--instances", "100", "--progress", "plain", "-o", "run"},
                                       options);
  EXPECT_EQ(cut.exit_code, 130) << cut.err;
  EXPECT_EQ(json::parse(bytes_of_file(path("run/run.json"))).at("status"), "interrupted");
}

// Modelled points side by side say what they say one after the other.
TEST_F(Resume, PointsSideBySideAreTheSamePoints) {
  ASSERT_EQ(command(six_points("all")).exit_code, 0);
  const std::vector<json> together = json_lines(journal("all"));
  ASSERT_EQ(together.size(), 6U);
  for (std::size_t i = 0; i < 6; i += 2) {
    const std::string backend = together[i].at("point").at("backend");
    const CommandResult alone =
        command({"run", "--backend", backend, "--gemm", "5,6,7", "--json", "-o", backend});
    const json record = json::parse(alone.out);
    for (const auto& [name, quantity] : record.at("quantities").items()) {
      if (quantity.at("provenance") == "measured") continue;
      EXPECT_EQ(quantity, together[i].at("quantities").at(name)) << backend << " " << name;
    }
    EXPECT_EQ(record.at("ledger"), together[i].at("ledger"));
  }
}

long peak_kB_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return usage.ru_maxrss;  // of the largest child so far
}

// Ten thousand points need no more memory than one thousand, but for the list of points itself.
TEST_F(Resume, MemoryDoesNotGrowWithTheNumberOfPoints) {
  const auto sweep = [&](const std::string& last, const std::string& folder) {
    const CommandResult result = command({"estimate", "--backend", "systolic", "--gemm", "8,8,8",
                                          "-a", "seed=1:" + last + ":1", "-o", folder, "-q"});
    EXPECT_EQ(result.exit_code, 0) << result.err;
    return peak_kB_of_children();
  };
  const long thousand = sweep("2500", "small");  // above the number of records kept for a table
  const long ten_thousand = sweep("10000", "large");
  EXPECT_EQ(lines_of(journal("large")).size(), 10000U);
  // A point's description is 1 kB, twice while axes are laid out: 15 MB more for 7500 of them.
  // Their records are 8 kB each: 60 MB if they were kept.
  EXPECT_LT(ten_thousand - thousand, 30000) << thousand << " kB before";
}

}  // namespace
}  // namespace jb::test
