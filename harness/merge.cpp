#include "harness/merge.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"
#include "harness/join_log.h"
#include "harness/run_description.h"
#include "results/journal.h"
#include "results/label.h"
#include "results/record_index.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostNotes = 20;  // of one kind

/// What the run.json beside a journal says; empty where there is none.
Json description_beside(const fs::path& journal) {
  std::error_code error;
  const fs::path file = journal.parent_path() / "run.json";
  if (!fs::exists(file, error)) return Json::object();
  Json json = read_json_file(file);
  const std::string schema = results::point_text(json, "schema");
  if (schema != kRunSchema) {
    fail_usage("'{}' has the schema '{}', but a run has '{}'", file.string(), schema, kRunSchema);
  }
  return json;
}

std::size_t count_in(const Json& json, const char* key) {
  const auto at = json.find(key);
  return at != json.end() && at->is_number_unsigned() ? at->get<std::size_t>() : 0;
}

/// Modelled numbers of a record as one hash: they must not depend on who computed them.
std::string modelled_hash(const results::Record& record) {
  std::string text{results::name_of(record.status)};
  for (const auto& [name, q] : record.quantities) {
    // Three digits: simulated numbers are the same within 1e-3 on other instruction sets.
    if (q.provenance != Provenance::measured) text += fmt::format("\n{} {:.3g}", name, q.value);
  }
  return hash_hex(text);
}

/// A run or a shard that goes in.
struct Part {
  fs::path journal;
  Json description;
  std::size_t records = 0;

  [[nodiscard]] std::string name() const { return journal.parent_path().string(); }
};

class Merge {
 public:
  Merge(const std::vector<fs::path>& inputs, const fs::path& output, const LogJoin* log)
      : output_(output), log_(log) {
    for (const fs::path& input : inputs) {
      indices_.push_back(std::make_unique<results::RecordIndex>(input));
      for (const fs::path& file : results::record_files(input)) {
        std::error_code error;
        if (fs::equivalent(file.parent_path(), output, error)) {
          fail_usage("-o {}: that folder is one of the inputs", output.string());
        }
        parts_.push_back({file, description_beside(file), 0});
      }
    }
  }

  /// Refuses a log that does not fit the records.
  void check_log() const {
    if (log_ == nullptr) return;
    std::size_t joined = 0;
    for (const auto& index : indices_) {
      for (std::size_t i = 0; i < index->size(); ++i) {
        results::Record record = results::record_from_json(index->read_json(i), index->where(i));
        joined += log_->join(record) ? 1 : 0;
      }
    }
    if (joined == 0) {
      fail_usage(
          "--power-log: no record waits for a log; run with 'joulebench run --times-only', which "
          "keeps the times of its windows");
    }
  }

  MergeResult run(const std::vector<std::string>& command) {
    results::JournalWriter journal(output_ / "records.jsonl");
    std::size_t part = 0;
    for (const auto& index : indices_) {
      const std::size_t first = part;
      for (std::size_t i = 0; i < index->size(); ++i) {
        part = first + index->file_number(i);
        take(*index, i, parts_[part], journal);
      }
      part = first + results::record_files(index->named()).size();
    }
    journal.sync();
    for (const Part& one : parts_) copy_files(one);
    find_holes();
    write_description(command);
    return std::move(result_);
  }

 private:
  void note(std::string text, std::size_t& shown) {
    if (++shown <= kMostNotes) result_.notes.push_back(std::move(text));
  }

  void take(const results::RecordIndex& index, std::size_t i, Part& part,
            results::JournalWriter& journal) {
    Json json = index.read_json(i);
    std::string line = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    results::Record record = results::record_from_json(std::move(json), index.where(i));
    if (log_ != nullptr && log_->join(record)) {
      line = results::to_json(record).dump(-1, ' ', false, Json::error_handler_t::replace);
      ++result_.joined;
    }
    ++part.records;
    const std::string hash = modelled_hash(record);
    const auto [at, first] = seen_.emplace(record.record_id, hash);
    if (!first) {
      ++result_.duplicates;
      const bool same = at->second == hash;
      if (!same) ++result_.contradictions;
      note(fmt::format("{} ({}) is there twice{}: the first is kept, not that of {}",
                       record.record_id, results::point_label(record.point),
                       same ? "" : " with other modelled numbers", index.where(i)),
           duplicate_notes_);
      return;
    }
    journal.add_line(line);
    ++result_.records;
    summary_.add(record.status);
    const std::string machine = results::point_text(record.measurement, "machine");
    if (!machine.empty()) machines_.insert(machine);
  }

  void copy_files(const Part& part) const {
    for (const char* folder : {"predictions", "layers"}) {
      std::error_code error;
      const fs::path from = part.journal.parent_path() / folder;
      if (!fs::is_directory(from, error)) continue;
      fs::copy(from, output_ / folder,
               fs::copy_options::recursive | fs::copy_options::skip_existing, error);
      if (error) {
        fail_usage("cannot copy '{}' into '{}': {}", from.string(), output_.string(),
                   error.message());
      }
    }
  }

  void find_holes() {
    std::map<std::string, std::map<std::size_t, const Part*>> runs;  // by points_hash, shard
    std::map<std::string, std::size_t> counts;
    std::size_t shown = 0;
    for (const Part& part : parts_) {
      const std::size_t points = count_in(part.description, "points");
      if (part.records < points) {
        result_.missing += points - part.records;
        note(fmt::format("{} holds {} of {} points; finish it with 'joulebench run --resume {}'",
                         part.name(), part.records, points, part.name()),
             shown);
      }
      const std::string hash = results::point_text(part.description, "points_hash");
      const auto shard = part.description.find("shard");
      if (hash.empty() || shard == part.description.end() || !shard->is_object()) continue;
      const std::string key = fmt::format("{} {}", hash, count_in(*shard, "count"));
      runs[key].emplace(count_in(*shard, "index"), &part);
      counts[key] = count_in(*shard, "count");
    }
    for (const auto& [key, shards] : runs) {
      const Shard whole{0, std::max<std::size_t>(1, counts[key])};
      const std::size_t all = count_in(shards.begin()->second->description, "points_in_all");
      for (std::size_t i = 0; i < whole.count; ++i) {
        if (shards.count(i) != 0) continue;
        const std::size_t points = all / whole.count + (i < all % whole.count ? 1 : 0);
        if (points == 0) continue;
        result_.missing += points;
        note(fmt::format("shard {}/{} is missing: {} points", i, whole.count, points), shown);
      }
    }
    if (machines_.size() > 1) {
      result_.notes.push_back(
          fmt::format("measured points come from {} machines ({}); compare none of them with "
                      "another's",
                      machines_.size(),
                      join(std::vector<std::string>(machines_.begin(), machines_.end()), "; ")));
    }
  }

  void write_description(const std::vector<std::string>& command) const {
    Json json = Json::object();
    json["schema"] = kRunSchema;
    json["run_id"] = make_run_id({});
    json["status"] = result_.missing == 0 ? "done" : "incomplete";
    json["started_utc"] = utc_now();
    json["finished_utc"] = utc_now();
    json["command"] = command;
    json["points"] = result_.records + result_.missing;
    const Json& first = parts_.front().description;
    for (const char* key : {"suite", "build", "libraries", "tables_hash", "host", "findings"}) {
      const bool alike = std::all_of(parts_.begin(), parts_.end(), [&](const Part& part) {
        return part.description.contains(key) && first.contains(key) &&
               (std::string(key) == "host" || std::string(key) == "findings"
                    ? results::machine_text(host_of(part)) ==
                          results::machine_text(host_of(parts_.front()))
                    : part.description[key] == first[key]);
      });
      if (alike) json[key] = first[key];
    }
    for (const Part& part : parts_) {
      json["merged_from"].push_back({{"path", part.name()},
                                     {"run_id", results::point_text(part.description, "run_id")},
                                     {"shard", part.description.value("shard", Json(nullptr))},
                                     {"records", part.records}});
    }
    json["summary"] = {{"records", summary_.all()},
                       {"ok", summary_.ok},
                       {"failed", summary_.failed},
                       {"not_run", summary_.not_run}};
    write_file_atomically(output_ / "run.json", json.dump(2) + "\n");
  }

  static Json host_of(const Part& part) {
    return part.description.value("host", Json(Json::object()));
  }

  fs::path output_;
  const LogJoin* log_;
  std::vector<std::unique_ptr<results::RecordIndex>> indices_;
  std::vector<Part> parts_;
  std::unordered_map<std::string, std::string> seen_;  ///< record_id: modelled numbers
  std::set<std::string> machines_;
  RunSummary summary_;
  std::size_t duplicate_notes_ = 0;
  MergeResult result_;
};

}  // namespace

MergeResult merge_runs(const std::vector<fs::path>& inputs, const fs::path& output, bool force,
                       const std::vector<std::string>& command, const LogJoin* log) {
  Merge merge(inputs, output, log);
  merge.check_log();
  make_run_folder(output, force);
  return merge.run(command);
}

}  // namespace jb::harness
