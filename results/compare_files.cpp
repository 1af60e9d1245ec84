// Comparison of files and folders: an index first, then pairs read and judged on all cores.

#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <optional>
#include <unordered_map>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/threads.h"
#include "results/compare.h"
#include "results/compare_pair.h"
#include "results/label.h"
#include "results/record_index.h"

namespace jb::results {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBatch = 512;                // pairs in memory at a time
constexpr std::uintmax_t kMostBytes = 64U << 20U;  // of predictions

/// What run.json says of the hardware; "" where there is none or the run was joined from several.
std::string machine_in(const fs::path& folder) {
  std::error_code error;
  if (!fs::exists(folder / "run.json", error)) return {};
  const Json run = read_json_file(folder / "run.json");
  const auto host = run.is_object() ? run.find("host") : run.end();
  if (!run.is_object() || host == run.end() || !host->is_object()) return {};
  return machine_text(*host);
}

/// One side's records with what lies beside them.
struct Side {
  explicit Side(const fs::path& path) : index(path) {
    for (std::size_t i = 0; i < index.size(); ++i) {
      const std::size_t file = index.file_number(i);
      if (file < machines.size()) continue;
      machines.resize(file + 1);
      machines[file] = machine_in(index.file(i).parent_path());
    }
  }
  [[nodiscard]] SidedRecord of(const Record& record, std::size_t i) const {
    return {record, index.file(i).parent_path(), machines[index.file_number(i)]};
  }

  RecordIndex index;
  std::vector<std::string> machines;  ///< by file
};

struct Pair {
  std::size_t base;
  std::optional<std::size_t> now;
  Record record;  ///< the base's
  PairOutcome outcome;
  std::exception_ptr error;
};

/// Reads a file below a run folder; nothing when it is not there or leads outside.
std::optional<std::string> file_in(const fs::path& folder, const std::string& name) {
  const fs::path relative(name);
  if (name.empty() || folder.empty() || relative.is_absolute()) return std::nullopt;
  for (const fs::path& part : relative) {
    if (part == "..") return std::nullopt;
  }
  std::error_code error;
  if (!fs::is_regular_file(folder / relative, error)) return std::nullopt;
  return read_text_file(folder / relative, kMostBytes);
}

}  // namespace

std::optional<PairedAccuracy> paired_accuracy(const SidedRecord& base, const SidedRecord& now) {
  const Json& before = base.record.verification;
  const Json& after = now.record.verification;
  if (point_text(before, "data_hash") != point_text(after, "data_hash")) return std::nullopt;
  const auto base_says = file_in(base.folder, point_text(before, "predictions_file"));
  const auto now_says = file_in(now.folder, point_text(after, "predictions_file"));
  auto labels = file_in(now.folder, point_text(after, "labels_file"));
  if (!labels) labels = file_in(base.folder, point_text(before, "labels_file"));
  // One byte a prediction and a label: up to 256 classes, as every data set here has.
  if (!base_says || !now_says || !labels || labels->empty() ||
      base_says->size() != now_says->size() || base_says->size() % labels->size() != 0) {
    return std::nullopt;
  }
  PairedAccuracy pair;
  for (std::size_t i = 0; i < base_says->size(); ++i) {
    const char label = (*labels)[i % labels->size()];
    const bool was = (*base_says)[i] == label;
    const bool is = (*now_says)[i] == label;
    pair.gained += is && !was ? 1 : 0;
    pair.lost += was && !is ? 1 : 0;
  }
  pair.samples = static_cast<std::int64_t>(base_says->size());
  return pair;
}

Comparison compare_files(const fs::path& base_path, const fs::path& now_path,
                         const CompareOptions& options) {
  const Side base(base_path);
  const Side now(now_path);
  const auto base_last = base.index.last_of_each_point();
  const auto now_last = now.index.last_of_each_point();
  ResamplingPlans plans(options.resamples, options.seed);
  ComparisonBuilder builder(options);

  std::vector<Pair> batch;
  const auto flush = [&] {
    parallel_for(static_cast<std::int64_t>(batch.size()), 8,
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t i = begin; i < end; ++i) {
                     Pair& pair = batch[static_cast<std::size_t>(i)];
                     try {
                       pair.record = base.index.read(pair.base);
                       if (!pair.now) continue;
                       const Record other = now.index.read(*pair.now);
                       pair.outcome = compare_pair(base.of(pair.record, pair.base),
                                                   now.of(other, *pair.now), options, plans);
                     } catch (...) {
                       pair.error = std::current_exception();
                     }
                   }
                 });
    for (Pair& pair : batch) {
      if (pair.error) std::rethrow_exception(pair.error);  // the first in the order of the base
      if (pair.now) {
        builder.add(pair.record, std::move(pair.outcome));
      } else {
        builder.add_missing(pair.record);
      }
    }
    batch.clear();
  };
  for (std::size_t i = 0; i < base.index.size(); ++i) {
    const std::uint64_t key = base.index.point_key(i);
    if (base_last.at(key) != i) continue;
    const auto other = now_last.find(key);
    Pair& pair = batch.emplace_back();
    pair.base = i;
    if (other != now_last.end()) pair.now = other->second;
    if (batch.size() == kBatch) flush();
  }
  flush();
  for (std::size_t i = 0; i < now.index.size(); ++i) {
    const std::uint64_t key = now.index.point_key(i);
    if (now_last.at(key) == i && base_last.count(key) == 0) builder.add_added(now.index.read(i));
  }
  return builder.take();
}

}  // namespace jb::results
