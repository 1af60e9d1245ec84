#include "harness/network_files.h"

#include <filesystem>
#include <system_error>

#include "backends/core/text.h"
#include "harness/layer_table.h"

namespace jb::harness {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostRows = 16;  // of the table of layers in a record

/// Writes a file of the run folder and returns its name there.
std::string keep(const std::string& directory, const std::string& folder, const std::string& name,
                 const std::string& bytes) {
  const fs::path path = fs::path(directory) / folder;
  std::error_code error;
  fs::create_directories(path, error);
  if (error) fail_usage("cannot make the folder '{}': {}", path.string(), error.message());
  write_file_atomically(path / name, bytes);
  return folder + "/" + name;
}

/// Ranges of post-training quantisation, where they are too many for a record.
void keep_ranges(Outcome& outcome, const std::string& record_id, const std::string& directory) {
  if (!outcome.verification.contains("ptq")) return;
  Json& ptq = outcome.verification["ptq"];
  if (!ptq.contains("ranges") || ptq["ranges"].size() <= kMostRows) return;
  if (!directory.empty()) {
    const Json table = {{"columns", ptq["columns"]}, {"ranges", ptq["ranges"]}};
    ptq["file"] = keep(directory, "ranges", record_id + ".json", table.dump() + "\n");
  }
  ptq["products"] = ptq["ranges"].size();
  ptq.erase("columns");
  ptq.erase("ranges");
}

}  // namespace

void keep_network_files(Outcome& outcome, const std::string& record_id,
                        const std::string& directory) {
  if (!outcome.layers.empty()) {
    Json table = smaller_layer_table(outcome.layers, kMostRows);
    if (table.contains("merged") && !directory.empty()) {
      table["file"] = keep(directory, "layers", record_id + ".json", outcome.layers.dump() + "\n");
    }
    if (table.contains("placements")) outcome.measurement["placements"] = table["placements"];
    table.erase("placements");
    outcome.measurement["layers"] = std::move(table);
  }
  keep_ranges(outcome, record_id, directory);
  if (outcome.predictions.empty()) return;
  outcome.verification["predictions_hash"] = hash_hex(outcome.predictions);
  if (directory.empty()) return;
  const char* ending = outcome.prediction_bytes == 1   ? ".u8"
                       : outcome.prediction_bytes == 2 ? ".u16le"
                                                       : ".u32le";
  outcome.verification["predictions_file"] =
      keep(directory, "predictions", record_id + ending, outcome.predictions);
  if (outcome.labels.empty()) return;
  // Once for a data set: comparisons pair predictions with it.
  const std::string name = "labels-" + hash_hex(outcome.labels) + ".u8";
  std::error_code error;
  const fs::path file = fs::path(directory) / "predictions" / name;
  outcome.verification["labels_file"] = fs::exists(file, error)
                                            ? "predictions/" + name
                                            : keep(directory, "predictions", name, outcome.labels);
}

}  // namespace jb::harness
