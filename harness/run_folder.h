#pragma once
// A run: points executed in order into a folder with run.json and records.jsonl.

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/knob_search.h"
#include "harness/point.h"
#include "harness/runner.h"
#include "results/record.h"

namespace jb::harness {

struct RunRequest {
  std::vector<PointSpec> points;
  std::string suite;                   ///< name of the suite, "" for points from flags
  std::vector<std::string> command;    ///< argv, for run.json
  std::filesystem::path directory;     ///< "" = ./joulebench-runs/<run id>
  RunOptions options;                  ///< run_id "" = made here
  std::optional<SearchTarget> search;  ///< each point becomes a search for its knob's least setting
};

/// Told before the first point, and after each.
struct RunProgress {
  std::size_t done = 0;
  std::size_t total = 0;
  double elapsed_s = 0;
  const results::Record* last = nullptr;  ///< the point just done; null before the first
  const PointSpec* next = nullptr;        ///< the point about to start; null after the last
};
/// Returns false to stop after the current point (the journal is kept).
using ProgressCallback = std::function<bool(const RunProgress&)>;

struct RunResult {
  std::string run_id;
  std::filesystem::path directory;
  std::vector<results::Record> records;
  bool interrupted = false;
  std::vector<std::string> searches;  ///< what each search found, one sentence
  bool target_missed = false;
};

/// Checks every point (check_runnable), makes the folder, writes run.json, runs the points, appends
/// a record each, and completes run.json. Usage error before anything is written when a point makes
/// no sense, the folder already holds a run, or it cannot be written.
RunResult run_into_folder(const RunRequest& request, const ProgressCallback& progress);

/// "20260131T142501Z-3f9c2a": UTC time and a short hash of time, process and points.
std::string make_run_id(const std::vector<PointSpec>& points);

/// Counts of outcomes, for exit codes.
struct RunSummary {
  std::size_t ok = 0, failed = 0,
              not_run = 0;  ///< failed: failed, inconsistent, throttled, timeout
};
RunSummary summarize(const std::vector<results::Record>& records);

/// Now, as "2026-01-31T14:25:01Z".
std::string utc_now();

}  // namespace jb::harness
