// Formats that trackers of benchmarks read: Bencher, github-action-benchmark, Google Benchmark.

#include <fmt/format.h>

#include "backends/core/text.h"
#include "results/label.h"
#include "results/metrics.h"
#include "results/report/energy_row.h"
#include "results/report/formats.h"
#include "results/report/text_layout.h"

namespace jb::results {
namespace {

// Bencher's limit is 1024 characters.
constexpr int kLongestName = 1000;

// Fields of a run.json that may be another program's: what has not the right type is not there.
std::string text_in(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_string()) return {};
  return json[key].get<std::string>();
}

std::int64_t integer_in(const Json& json, const char* key) {
  if (!json.is_object() || !json.contains(key) || !json[key].is_number_integer()) return 0;
  return json[key].get<std::int64_t>();
}

Json part_of(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) ? json[key] : Json();
}

// What the name tells of a point beside machine and workload: what the user set.
std::string chosen_settings(const Json& point) {
  std::string text;
  for (const auto& setting : settings_of(point)) {
    if (setting.first.rfind("set.", 0) == 0) {
      text += " " + setting.first.substr(4) + "=" + setting.second;
    }
  }
  const std::string age = point_text(point, "age_s");
  if (!age.empty() && age != "0") text += " age_s=" + age;
  return text;
}

}  // namespace

std::string benchmark_name(const Record& record) {
  const std::string id = record.point_id.substr(0, 8);
  const std::string name = point_label(record.point) + chosen_settings(record.point);
  return shorten(printable(name), kLongestName) + " [" + id + "]";
}

void BencherReport::add(const Record& record) {
  if (record.status != Status::ok || record.quantities.empty()) return;
  nlohmann::json measures = nlohmann::json::object();
  for (const auto& entry : record.quantities) {
    nlohmann::json measure = {{"value", entry.second.value}};
    if (entry.second.ci_low) measure["lower_value"] = *entry.second.ci_low;
    if (entry.second.ci_high) measure["upper_value"] = *entry.second.ci_high;
    measures[entry.first] = std::move(measure);
  }
  benchmarks_[benchmark_name(record)] = std::move(measures);
}

std::string BencherReport::text() const { return nlohmann::json(benchmarks_).dump(2) + "\n"; }

void ActionReport::add(const Record& record) {
  if (record.status != Status::ok) return;
  for (const auto& entry : record.quantities) {
    const Metric* metric = find_metric(entry.first);
    const Better wanted = smaller_ ? Better::lower : Better::higher;
    if (metric == nullptr || metric->better != wanted) continue;
    const Quantity& q = entry.second;
    Json item = {{"name", benchmark_name(record) + " " + entry.first},
                 {"unit", metric->unit},
                 {"value", q.value}};
    if (q.ci_low && q.ci_high) {
      item["range"] = fmt::format("{} to {}", shortest(*q.ci_low), shortest(*q.ci_high));
    }
    item["extra"] =
        fmt::format("{}; {}\n{}", name_of(q.provenance), metric->description, record.repro);
    json_.push_back(std::move(item));
  }
}

GoogleReport::GoogleReport(const Json& run) : json_(Json::object()) {
  const Json host = part_of(run, "host");
  const Json build = part_of(run, "build");
  Json caches = Json::array();
  for (const Json& cache : part_of(host, "caches")) {
    caches.push_back({{"type", text_in(cache, "type")},
                      {"level", integer_in(cache, "level")},
                      {"size", integer_in(cache, "bytes")},
                      {"num_sharing", 0}});
  }
  json_["context"] = {
      {"date", text_in(run, "started_utc")},
      {"host_name", text_in(host, "host_hash")},
      {"executable", "joulebench"},
      {"num_cpus", integer_in(host, "logical_cpus")},
      {"mhz_per_cpu", 0},
      {"cpu_scaling_enabled", text_in(host, "governor") == "powersave"},
      {"caches", std::move(caches)},
      {"load_avg", Json::array()},
      {"library_build_type", text_in(build, "build_type") == "Debug" ? "debug" : "release"},
      {"json_schema_version", 1},
      {"joulebench_version", text_in(build, "version")}};
  json_["benchmarks"] = Json::array();
}

void GoogleReport::add(const Record& record) {
  constexpr double kNanosecond = 1e-9;
  Json& list = json_["benchmarks"];
  const std::string name = benchmark_name(record);
  Json item = {{"name", name},
               {"family_index", list.size()},
               {"per_family_instance_index", 0},
               {"run_name", name},
               {"run_type", "iteration"},
               {"repetitions", 1},
               {"repetition_index", 0},
               {"threads", 1}};
  if (record.status != Status::ok) {
    item["error_occurred"] = true;
    item["error_message"] = fmt::format("{}: {}", name_of(record.status), record.reason);
  }
  const Quantity* time = record.find("device_time_s");
  item["iterations"] = 1;
  item["real_time"] = time == nullptr ? 0 : time->value / kNanosecond;
  item["cpu_time"] = item["real_time"];
  item["time_unit"] = "ns";
  for (const auto& entry : record.quantities) item[entry.first] = entry.second.value;
  list.push_back(std::move(item));
}

}  // namespace jb::results
