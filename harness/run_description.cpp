#include "harness/run_description.h"

#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <set>
#include <system_error>

#include "backends/core/text.h"
#include "backends/energy/price_table.h"
#include "harness/environment.h"
#include "harness/findings.h"
#include "harness/metering.h"
#include "harness/network_source.h"
#include "results/journal.h"
#include "results/label.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunFiles[] = {"run.json", "records.jsonl", "probes.jsonl", "predictions",
                                     "layers"};

void remove_run(const fs::path& directory) {
  std::error_code error;
  const fs::path journal = directory / "records.jsonl";
  if (fs::exists(journal, error)) {
    const results::JournalWriter nobody_writes(journal);  // its lock is taken, or this refuses
  }
  for (const char* file : kRunFiles) {
    fs::remove_all(directory / file, error);
    if (error) {
      fail_usage("--force: cannot remove '{}': {}", (directory / file).string(), error.message());
    }
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

Json shard_json(const Shard& shard) { return {{"index", shard.index}, {"count", shard.count}}; }

std::string key_of(const std::string& repro, const Json& versions) {
  std::string key = repro;
  for (const char* name : {"model_version", "device_hash", "tables_hash"}) {
    key += "\n" + results::point_text(versions, name);
  }
  return hash_hex(key);
}

}  // namespace

void make_run_folder(const fs::path& directory, bool force) {
  std::error_code error;
  if (force) remove_run(directory);
  for (const char* file : kRunFiles) {
    if (fs::exists(directory / file, error)) {
      fail_usage(
          "'{}' already holds a run ({}): name another folder with -o, go on with it by --resume, "
          "or "
          "replace it with --force",
          directory.string(), file);
    }
  }
  fs::create_directories(directory, error);
  if (error || !fs::is_directory(directory)) {
    fail_usage("cannot make the run folder '{}': {}", directory.string(),
               error ? error.message() : "a file of that name is there");
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    fail_usage("cannot write into the run folder '{}': {}", directory.string(),
               std::error_code(errno, std::generic_category()).message());
  }
}

std::string hash_of_points(const std::vector<PointSpec>& points) {
  std::string text;
  for (const PointSpec& point : points) text += repro_line(point) + "\n";
  return hash_hex(text);
}

Json begin_description(const RunRequest& request, const std::string& run_id, std::size_t points) {
  const HostDescription host = describe_host();
  Json json = Json::object();
  json["schema"] = kRunSchema;
  json["run_id"] = run_id;
  json["status"] = "running";
  json["started_utc"] = utc_now();
  json["finished_utc"] = nullptr;
  json["suite"] = request.suite;
  json["command"] = request.command;
  json["points"] = points;
  json["points_in_all"] = request.points.size();
  json["points_hash"] = hash_of_points(request.points);
  json["shard"] = shard_json(request.shard);
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

Json resume_description(const RunRequest& request) {
  const fs::path file = request.directory / "run.json";
  const Json json = read_json_file(file);
  const auto text = [&json](const char* key) { return results::point_text(json, key); };
  if (text("schema") != kRunSchema) {
    fail_usage("--resume: '{}' has the schema '{}', but a run has '{}'", file.string(),
               text("schema"), kRunSchema);
  }
  const bool other_shard = json.contains("shard") && json["shard"] != shard_json(request.shard);
  if (text("points_hash") != hash_of_points(request.points) || other_shard) {
    fail_usage(
        "--resume: the run in '{}' has other points; give the flags it was started with, or none",
        request.directory.string());
  }
  return json;
}

void finish_description(Json& description, const RunResult& result) {
  description["status"] = result.interrupted ? "interrupted" : "done";
  description["finished_utc"] = utc_now();
  description["summary"] = {{"records", result.summary.all()},
                            {"ok", result.summary.ok},
                            {"failed", result.summary.failed},
                            {"not_run", result.summary.not_run}};
}

std::string record_key(const PointSpec& point) {
  return key_of(repro_line(point), versions_now(point));
}

std::string record_key(const results::Record& record) {
  return key_of(record.repro, record.versions);
}

std::vector<std::string> command_of_run(const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    fail_usage("--resume: there is no folder '{}'", directory.string());
  }
  const fs::path file = directory / "run.json";
  if (!fs::exists(file, error)) {
    fail_usage(
        "--resume: '{}' holds no run.json; give the flags of the run too, and it begins there",
        directory.string());
  }
  const Json json = read_json_file(file);
  const auto command = json.find("command");
  if (command == json.end() || !command->is_array() || command->size() < 2) {
    fail_usage("--resume: '{}' does not say the command of the run; give its flags too",
               file.string());
  }
  std::vector<std::string> words;
  for (const Json& word : *command) {
    if (!word.is_string()) fail_usage("--resume: 'command' of '{}' must hold texts", file.string());
    words.push_back(word.get<std::string>());
  }
  return words;
}

Shard shard_of_run(const fs::path& directory) {
  const Json json = read_json_file(directory / "run.json");
  const auto shard = json.is_object() ? json.find("shard") : json.end();
  if (!json.is_object() || shard == json.end()) return {};
  return shard_from(results::point_text(*shard, "index") + "/" +
                    results::point_text(*shard, "count"));
}

void mark_interrupted(const fs::path& directory) noexcept {
  try {
    const fs::path file = directory / "run.json";
    Json json = read_json_file(file);
    json["status"] = "interrupted";
    json["finished_utc"] = utc_now();
    write_file_atomically(file, json.dump(2) + "\n");
  } catch (...) {
    // The journal is what counts; a full disk must not keep the program from ending.
    return;
  }
}

}  // namespace jb::harness
