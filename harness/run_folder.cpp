#include "harness/run_folder.h"

#include <fmt/chrono.h>
#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <set>
#include <system_error>

#include "backends/core/text.h"
#include "backends/energy/price_table.h"
#include "harness/environment.h"
#include "harness/findings.h"
#include "harness/knob_search.h"
#include "harness/metered_group.h"
#include "harness/point_identity.h"
#include "harness/workload_cache.h"
#include "results/journal.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;
using SteadyClock = std::chrono::steady_clock;

constexpr const char* kRunSchema = "joulebench/run/1";

std::tm utc_tm() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::gmtime(now);
}

/// Makes the folder, or takes an empty one; never one that holds a run.
void make_folder(const fs::path& dir) {
  std::error_code error;
  for (const char* file : {"run.json", "records.jsonl", "predictions", "layers"}) {
    if (fs::exists(dir / file, error)) {
      fail_usage("'{}' already holds a run ({}): name another folder with -o, or remove it",
                 dir.string(), file);
    }
  }
  fs::create_directories(dir, error);
  if (error || !fs::is_directory(dir)) {
    fail_usage("cannot make the run folder '{}': {}", dir.string(),
               error ? error.message() : "a file of that name is there");
  }
  if (::access(dir.c_str(), W_OK | X_OK) != 0) {
    fail_usage("cannot write into the run folder '{}': {}", dir.string(),
               std::error_code(errno, std::generic_category()).message());
  }
}

/// The commit that is being tested, as CI tells it; "" elsewhere.
std::string commit_of_environment() {
  for (const char* name : {"JOULEBENCH_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA"}) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

/// The presets that the points run on, and what each was checked against.
Json devices_json(const std::vector<PointSpec>& points) {
  Json list = Json::array();
  std::set<std::pair<std::string, std::string>> seen;
  for (const PointSpec& point : points) {
    if (!point.map.empty() || !seen.insert({point.backend, point.device}).second) continue;
    try {
      const Backend& backend = find_backend(point.backend);
      const DeviceSpec spec =
          load_device(backend, point.device.empty() ? backend.info().default_device : point.device);
      Json device = {
          {"backend", point.backend}, {"device", spec.name()}, {"device_hash", spec.hash()}};
      const PresetValidation& validation = spec.validation();
      if (!validation.against.empty()) device["validated_against"] = validation.against;
      if (validation.published_J_per_mac > 0) {
        device["published_J_per_mac"] = validation.published_J_per_mac;
        device["model_to_published_ratio"] = validation.ratio;
      }
      list.push_back(std::move(device));
    } catch (const Error&) {
      continue;  // the point itself will say what is wrong
    }
  }
  return list;
}

Json run_description(const RunRequest& request, const std::string& run_id) {
  const HostDescription host = describe_host();
  Json json = Json::object();
  json["schema"] = kRunSchema;
  json["run_id"] = run_id;
  json["status"] = "running";
  json["started_utc"] = utc_now();
  json["finished_utc"] = nullptr;
  json["suite"] = request.suite;
  json["command"] = request.command;
  json["points"] = request.points.size();
  if (const std::string commit = commit_of_environment(); !commit.empty()) {
    json["commit"] = commit;
  }
  json["build"] = build_description();
  json["libraries"] = library_versions();
  json["tables_hash"] = tables_hash();
  json["devices"] = devices_json(request.points);
  json["host"] = to_json(host);
  const meter::Bench* bench =
      request.options.metering ? request.options.metering->bench.get() : nullptr;
  json["meters"] = meters_json(bench);
  json["findings"] = findings_json(host, bench);
  return json;
}

void finish(Json& description, const RunResult& result) {
  const RunSummary summary = summarize(result.records);
  description["status"] = result.interrupted ? "interrupted" : "done";
  description["finished_utc"] = utc_now();
  description["summary"] = {{"records", result.records.size()},
                            {"ok", summary.ok},
                            {"failed", summary.failed},
                            {"not_run", summary.not_run}};
}

/// A point that turns out to be bad input only while it runs is a failed point: the run goes on.
results::Record run_one(const PointSpec& point, const RunOptions& options) {
  try {
    return run_point(point, options);
  } catch (const Error& error) {
    return failed_record(point, options, error.what());
  }
}

}  // namespace

std::string utc_now() { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", utc_tm()); }

std::string make_run_id(const std::vector<PointSpec>& points) {
  std::string seed =
      fmt::format("{} {}", std::chrono::system_clock::now().time_since_epoch().count(), ::getpid());
  for (const PointSpec& point : points) seed += "\n" + repro_line(point);
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{}", utc_tm(), hash_hex(seed).substr(0, 6));
}

RunSummary summarize(const std::vector<results::Record>& records) {
  using results::Status;
  RunSummary summary;
  for (const results::Record& record : records) {
    switch (record.status) {
      case Status::ok:
        ++summary.ok;
        break;
      case Status::unsupported:
      case Status::unavailable:
      case Status::skipped:
        ++summary.not_run;
        break;
      default:
        ++summary.failed;
    }
  }
  return summary;
}

RunResult run_into_folder(const RunRequest& request, const ProgressCallback& progress) {
  check_runnable(request.points);
  RunResult result;
  RunOptions options = request.options;
  result.run_id = options.run_id.empty() ? make_run_id(request.points) : options.run_id;
  options.run_id = result.run_id;
  if (!options.workloads) options.workloads = std::make_shared<WorkloadCache>();
  result.directory =
      request.directory.empty() ? fs::path("joulebench-runs") / result.run_id : request.directory;
  make_folder(result.directory);
  options.directory = result.directory.string();
  Json description = run_description(request, result.run_id);
  const fs::path run_file = result.directory / "run.json";
  write_file_atomically(run_file, description.dump(2) + "\n");
  results::JournalWriter journal(result.directory / "records.jsonl");

  const SteadyClock::time_point start = SteadyClock::now();
  std::vector<PointSpec> points = request.points;
  std::vector<KnobSearch> searches;
  if (request.search) {
    for (const PointSpec& base : request.points) searches.emplace_back(base, *request.search);
    points = {*searches.front().next()};
  }
  GroupedPoints grouped(options, run_one);
  std::size_t search = 0;
  for (std::size_t done = 0;; ++done) {
    if (search < searches.size() && done > 0) {
      searches[search].take(result.records.back());
      while (search < searches.size() && !searches[search].next()) ++search;
      if (search < searches.size()) points.push_back(*searches[search].next());
    }
    const std::size_t total = points.size();
    const double elapsed_s = std::chrono::duration<double>(SteadyClock::now() - start).count();
    const PointSpec* next = done < total ? &points[done] : nullptr;
    const results::Record* last = done > 0 ? &result.records.back() : nullptr;
    if (progress && !progress({done, total, elapsed_s, last, next}) && next != nullptr) {
      result.interrupted = true;
      break;
    }
    if (next == nullptr) break;
    GroupedPoints::Points in_order;
    for (const PointSpec& point : points) in_order.push_back(&point);
    auto record = grouped.record(in_order, done);
    if (!record) {
      result.interrupted = true;
      break;
    }
    result.records.push_back(std::move(*record));
    journal.append(result.records.back());
  }
  for (const KnobSearch& one : searches) {
    description["searches"].push_back(one.to_json());
    result.searches.push_back(one.summary());
    result.target_missed = result.target_missed || !one.met();
  }
  finish(description, result);
  write_file_atomically(run_file, description.dump(2) + "\n");
  return result;
}

}  // namespace jb::harness
