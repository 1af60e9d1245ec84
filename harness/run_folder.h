#pragma once
// A run: points executed into a folder with run.json and records.jsonl; ended at any moment, it can
// be resumed.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/knob_search.h"
#include "harness/point.h"
#include "harness/runner.h"
#include "harness/shard.h"
#include "results/record.h"

namespace jb::harness {

struct RunRequest {
  std::vector<PointSpec> points;
  std::string suite;                   ///< name of the suite, "" for points from flags
  std::vector<std::string> command;    ///< argv, for run.json
  std::filesystem::path directory;     ///< "" = ./joulebench-runs/<run id>
  RunOptions options;                  ///< run_id "" = made here
  std::optional<SearchTarget> search;  ///< each point becomes a search for its least J/MAC
  Shard shard;                         ///< which of the points run here
  bool resume = false;                 ///< go on with the run in `directory`; its records are kept
  bool force = false;                  ///< a run that is in `directory` is removed first
  bool checked = false;                ///< the points passed check_runnable already
};

/// Counts of outcomes, for exit codes.
struct RunSummary {
  std::size_t ok = 0, failed = 0,
              not_run = 0;  ///< failed: failed, inconsistent, throttled, timeout
  [[nodiscard]] std::size_t all() const noexcept { return ok + failed + not_run; }
  void add(results::Status status) noexcept;
};
RunSummary summarize(const std::vector<results::Record>& records);

/// Told before the first point, and after each.
struct RunProgress {
  std::size_t done = 0;
  std::size_t total = 0;
  double elapsed_s = 0;
  const results::Record* last = nullptr;  ///< the point just done; null before the first
  const PointSpec* next = nullptr;        ///< the point about to start; null after the last
  std::size_t resumed = 0;                ///< of `done`: found in the folder, not run now
  const std::filesystem::path* directory = nullptr;
};
/// Returns false to stop after the current point (the journal is kept).
using ProgressCallback = std::function<bool(const RunProgress&)>;

/// A run of more points keeps its records on disk alone.
inline constexpr std::size_t kMostKept = 2000;

struct RunResult {
  std::string run_id;
  std::filesystem::path directory;
  std::vector<results::Record> records;  ///< none when there are more points than kMostKept
  RunSummary summary;                    ///< of all records, those found by a resume too
  bool interrupted = false;
  std::string trouble;  ///< why the run ended early when no signal asked for it: a full disk
  std::vector<std::string> searches;  ///< what each search found, one sentence
  bool target_missed = false;
};

/// Checks every point (check_runnable), makes the folder, writes run.json, runs the points, appends
/// a record each, and completes run.json. Points of simulators and estimates run side by side, one
/// on each core; points of real machines run alone. Records stand in the order of the points.
///
/// With `resume` the points whose record (same repro line, same versions of model, device and
/// tables) the folder holds are not run again. Usage error before anything is written when a point
/// makes no sense, the folder already holds a run (or, to resume, holds one of other points), or it
/// cannot be written. A record that cannot be written ends the run as an interruption does.
RunResult run_into_folder(const RunRequest& request, const ProgressCallback& progress);

/// The command line that started the run in `directory`; usage error when there is none.
std::vector<std::string> command_of_run(const std::filesystem::path& directory);

/// The shard that the run in `directory` is.
Shard shard_of_run(const std::filesystem::path& directory);

/// Writes into run.json that the run was interrupted; for a program that ends at once.
void mark_interrupted(const std::filesystem::path& directory) noexcept;

/// "20260131T142501Z-3f9c2a": UTC time and a short hash of time, process and points.
std::string make_run_id(const std::vector<PointSpec>& points);

/// Now, as "2026-01-31T14:25:01Z".
std::string utc_now();

}  // namespace jb::harness
