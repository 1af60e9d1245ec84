#include "harness/run_folder.h"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <utility>

#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/metered_group.h"
#include "harness/ordered_pool.h"
#include "harness/run_description.h"
#include "harness/workload_cache.h"
#include "results/journal.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

std::tm utc_tm() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::gmtime(now);
}

/// A point that turns out to be bad input only while it runs is a failed point: the run goes on.
results::Record run_one(const PointSpec& point, const RunOptions& options) {
  try {
    return run_point(point, options);
  } catch (const Error& error) {
    return failed_record(point, options, error.what());
  }
}

std::vector<PointSpec> points_of_shard(const RunRequest& request) {
  if (request.shard.whole()) return request.points;
  std::vector<PointSpec> points;
  for (std::size_t i = 0; i < request.points.size(); ++i) {
    if (request.shard.takes(i)) points.push_back(request.points[i]);
  }
  return points;
}

/// One run from the folder's making to the last line of run.json.
class FolderRun {
 public:
  FolderRun(const RunRequest& request, const ProgressCallback& progress)
      : request_(request), progress_(progress), points_(points_of_shard(request)) {
    if (!request.checked) check_runnable(points_);
  }

  RunResult run() {
    open_folder();
    start_ = SteadyClock::now();
    try {
      open_journal();
      request_.search ? run_searches() : run_points();
    } catch (const results::WriteFailed& error) {
      result_.interrupted = true;
      result_.trouble = error.what();
    }
    finish();
    return std::move(result_);
  }

 private:
  void open_folder() {
    options_ = request_.options;
    result_.directory = request_.directory;
    std::error_code error;
    const bool found = request_.resume && fs::exists(request_.directory / "run.json", error);
    if (found) {
      description_ = resume_description(request_);
      result_.run_id = description_.value("run_id", std::string());
      description_["resumed_utc"].push_back(utc_now());
      description_["status"] = "running";
    } else {
      result_.run_id = options_.run_id.empty() ? make_run_id(request_.points) : options_.run_id;
      if (result_.directory.empty())
        result_.directory = fs::path("joulebench-runs") / result_.run_id;
      // A run killed before its first file was written left an empty folder.
      make_run_folder(result_.directory, request_.force);
      description_ = begin_description(request_, result_.run_id, points_.size());
    }
    options_.run_id = result_.run_id;
    options_.directory = result_.directory.string();
    if (!options_.workloads) options_.workloads = std::make_shared<WorkloadCache>();
    if (found) {
      // Nothing of a run that another process is writing is touched: the lock comes first.
      open_journal();
      remove_leftovers();
      read_recorded();
    }
    write_description();
  }

  void open_journal() {
    if (journal_ == nullptr) {
      journal_ = std::make_unique<results::JournalWriter>(result_.directory / "records.jsonl");
    }
  }

  /// Files that were being written when the run was killed.
  void remove_leftovers() const {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(result_.directory, error)) {
      if (entry.path().filename().string().rfind("run.json.", 0) != 0) continue;
      std::error_code ignored;
      fs::remove(entry.path(), ignored);
    }
  }

  void write_description() const {
    write_file_atomically(result_.directory / "run.json", description_.dump(2) + "\n");
  }

  /// What an earlier start of this run has recorded.
  void read_recorded() {
    results::read_journal(result_.directory / "records.jsonl", [this](results::Record&& record) {
      // A point that could not even be started has a record without its device's hash.
      ++recorded_[record.status == results::Status::failed ? record.repro : record_key(record)];
      ++resumed_;
      keep(std::move(record));
    });
  }

  void keep(results::Record&& record) {
    result_.summary.add(record.status);
    last_ = std::move(record);
    has_last_ = true;
    if (points_.size() <= kMostKept) result_.records.push_back(last_);
  }

  /// Tells how far the run is; false when it is to stop.
  bool tell(const PointSpec* next, std::size_t total) {
    if (!progress_) return true;
    RunProgress now;
    now.done = done_;
    now.total = total;
    now.elapsed_s = std::chrono::duration<double>(SteadyClock::now() - start_).count();
    now.last = has_last_ ? &last_ : nullptr;
    now.next = next;
    now.resumed = resumed_;
    now.directory = &result_.directory;
    return progress_(now);
  }

  bool take_recorded(const std::string& key) {
    const auto found = recorded_.find(key);
    if (found == recorded_.end() || found->second == 0) return false;
    --found->second;
    return true;
  }

  /// Points that have no record yet, in order.
  std::vector<const PointSpec*> missing_points() {
    std::vector<const PointSpec*> missing;
    for (const PointSpec& point : points_) {
      if (recorded_.empty() ||
          (!take_recorded(record_key(point)) && !take_recorded(repro_line(point)))) {
        missing.push_back(&point);
      }
    }
    resumed_ = points_.size() - missing.size();
    return missing;
  }

  void run_points() {
    const std::vector<const PointSpec*> todo = missing_points();
    done_ = points_.size() - todo.size();
    if (!tell(todo.empty() ? nullptr : todo.front(), points_.size()) && !todo.empty()) {
      result_.interrupted = true;
      return;
    }
    GroupedPoints grouped(options_, run_one);
    std::size_t at = 0;
    while (at < todo.size() && !result_.interrupted) {
      std::size_t end = at;
      while (end < todo.size() && runs_beside_others(*todo[end])) ++end;
      if (end > at + 1) {
        at = run_together(todo, at, end);
      } else {
        // Metered neighbours are run in turn, which is why the list is handed over.
        std::optional<results::Record> record = grouped.record(todo, at);
        if (!record) {
          result_.interrupted = true;
          break;
        }
        std::vector<results::Record> one;
        one.push_back(std::move(*record));
        ++at;
        commit(std::move(one), todo, at);
      }
    }
  }

  /// Simulated points side by side; where it stopped.
  std::size_t run_together(const std::vector<const PointSpec*>& todo, std::size_t begin,
                           std::size_t end) {
    RunOptions options = options_;
    options.alone = false;
    std::size_t at = begin;
    const int threads =
        std::min(available_threads(), static_cast<int>(std::min<std::size_t>(end - begin, 1024)));
    run_in_order(
        end - begin, threads, [&](std::size_t job) { return run_one(*todo[begin + job], options); },
        [&](std::vector<results::Record>&& ready) {
          at += ready.size();
          commit(std::move(ready), todo, at);
          return !result_.interrupted;
        });
    return at;
  }

  /// Writes records and tells of each; `next` is the first point after them. Records that follow a
  /// request to stop are not kept: their points are run by the resume.
  void commit(std::vector<results::Record>&& records, const std::vector<const PointSpec*>& todo,
              std::size_t next) {
    std::size_t at = next - records.size();
    for (results::Record& record : records) {
      if (result_.interrupted) break;
      journal_->add(record);
      keep(std::move(record));
      ++done_;
      ++at;
      const PointSpec* following = at < todo.size() ? todo[at] : nullptr;
      if (!tell(following, points_.size()) && following != nullptr) result_.interrupted = true;
    }
    journal_->sync();
  }

  void run_searches();

  void finish() {
    finish_description(description_, result_);
    try {
      write_description();
    } catch (const Error& error) {
      result_.interrupted = true;
      if (result_.trouble.empty()) result_.trouble = error.what();
    }
  }

  const RunRequest& request_;
  const ProgressCallback& progress_;
  std::vector<PointSpec> points_;
  RunOptions options_;
  RunResult result_;
  Json description_;
  RecordedPoints recorded_;
  std::size_t resumed_ = 0;
  std::unique_ptr<results::JournalWriter> journal_;
  SteadyClock::time_point start_;
  std::size_t done_ = 0;
  results::Record last_;
  bool has_last_ = false;
};

/// Probes of searches lie in a journal of their own: a search that is resumed takes up those that
/// ran, and records.jsonl holds what was found.
void FolderRun::run_searches() {
  const fs::path probes_file = result_.directory / "probes.jsonl";
  std::map<std::string, results::Record> probes;
  std::error_code error;
  if (fs::exists(probes_file, error)) {
    results::read_journal(probes_file, [&probes](results::Record&& record) {
      std::string key = record_key(record);
      probes.insert_or_assign(std::move(key), std::move(record));
    });
  }
  results::JournalWriter probe_journal(probes_file);
  const std::size_t recorded = result_.summary.all();
  description_.erase("searches");  // told again, from the probes
  for (std::size_t i = 0; i < points_.size(); ++i) {
    KnobSearch search(points_[i], *request_.search);
    while (const std::optional<PointSpec> probe = search.next()) {
      const auto known = probes.find(record_key(*probe));
      if (known != probes.end()) {
        search.take(known->second);
        continue;
      }
      if (!tell(&*probe, points_.size())) {
        result_.interrupted = true;
        return;
      }
      std::optional<results::Record> record = GroupedPoints(options_, run_one).record({&*probe}, 0);
      if (!record) {
        result_.interrupted = true;
        return;
      }
      last_ = std::move(*record);
      has_last_ = true;
      probe_journal.append(last_);
      search.take(last_);
    }
    description_["searches"].push_back(search.to_json());
    result_.searches.push_back(search.summary());
    result_.target_missed = result_.target_missed || !search.met();
    ++done_;
    if (i < recorded) continue;  // an earlier start wrote what this search found
    results::Record found = search.found();
    journal_->append(found);
    keep(std::move(found));
  }
  tell(nullptr, points_.size());
}

}  // namespace

std::string utc_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc_tm()); }

std::string make_run_id(const std::vector<PointSpec>& points) {
  std::string seed =
      fmt::format("{} {}", std::chrono::system_clock::now().time_since_epoch().count(), ::getpid());
  for (const PointSpec& point : points) seed += "\n" + repro_line(point);
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{}", utc_tm(), hash_hex(seed).substr(0, 6));
}

void RunSummary::add(results::Status status) noexcept {
  using results::Status;
  switch (status) {
    case Status::ok:
      ++ok;
      break;
    case Status::unsupported:
    case Status::unavailable:
    case Status::skipped:
      ++not_run;
      break;
    default:
      ++failed;
  }
}

RunSummary summarize(const std::vector<results::Record>& records) {
  RunSummary summary;
  for (const results::Record& record : records) summary.add(record.status);
  return summary;
}

RunResult run_into_folder(const RunRequest& request, const ProgressCallback& progress) {
  return FolderRun(request, progress).run();
}

}  // namespace jb::harness
