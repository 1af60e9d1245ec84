// Records per second: parsing, validating, comparing.

#include <fmt/format.h>

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>

#include "backends/core/paths.h"
#include "results/compare.h"
#include "results/journal.h"
#include "results/record.h"
#include "results/report/formats.h"
#include "results/validate.h"
#include "tests/benchmarks/summary.h"
#include "tests/support/sample_record.h"

namespace jb::bench {
namespace {

/// A folder that goes away with its owner.
class ScratchFolder {
 public:
  ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "jb-benchmark-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error("cannot create a folder for temporary files");
    }
    path_ = name;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A results file of different measured points of 2 to 3 kB, ten samples each.
std::filesystem::path write_records(const std::filesystem::path& folder, const char* name,
                                    int count, double slower) {
  const std::filesystem::path file = folder / name;
  std::ofstream out(file);
  results::Record record = test::sample_record();
  for (int i = 0; i < count; ++i) {
    record.point["data"]["seed"] = i;
    Json times = Json::array();
    for (int s = 0; s < 10; ++s) times.push_back(1e-3 * slower * (1 + 0.001 * ((i + 7 * s) % 10)));
    record.measurement["times_s"] = times;
    results::Quantity& time = record.quantities["device_time_s"];
    time.value = 1e-3 * slower * 1.0045;  // of 0 to 9 thousandths the median is 4.5
    time.provenance = Provenance::measured;
    record.quantities["throughput_mac_per_s"] = time;
    record.quantities["throughput_mac_per_s"].value = record.work.macs / time.value;
    test::set_ids(record);
    out << results::to_json(record).dump() << '\n';
  }
  return file;
}

}  // namespace

void add_record_files(const Options& options) {
  const int count = options.quick ? 5 : 5000;
  add_benchmark(options, "records validated, schema and rules", "k/s", Target::at_least(10), 2,
                [count](benchmark::State& state) {
                  const ScratchFolder folder;
                  const auto file = write_records(folder.path(), "records.jsonl", count, 1);
                  const double rate = rate_of(state, count, [&] {
                    results::validate_files(file, [&](const results::Violation& violation) {
                      state.SkipWithError(violation.text.c_str());
                    });
                  });
                  report_figure(state, rate * 1e-3);
                });
  add_benchmark(options, "pairs compared, 10 samples a side, 2000 resamples", "k/s",
                Target::at_least(10), 2, [count](benchmark::State& state) {
                  const ScratchFolder folder;
                  const auto base = write_records(folder.path(), "base.jsonl", count, 1);
                  const auto now = write_records(folder.path(), "now.jsonl", count, 1.001);
                  results::CompareOptions compare;
                  compare.gate = results::Gate::all;
                  const double rate = rate_of(state, count, [&] {
                    if (results::compare_files(base, now, compare).failed()) {
                      state.SkipWithError("alike records compare unequal");
                    }
                  });
                  report_figure(state, rate * 1e-3);
                });
  add_benchmark(options, "records reported to HTML", "k/s", Target::at_least(10), 2,
                [count](benchmark::State& state) {
                  const ScratchFolder folder;
                  const auto file = write_records(folder.path(), "records.jsonl", count, 1);
                  const results::Bibliography bibliography(literature_dir());
                  const double rate = rate_of(state, count, [&] {
                    results::ViewBuilder builder;
                    results::read_journal(file,
                                          [&](results::Record&& record) { builder.add(record); });
                    std::size_t bytes = 0;
                    results::html_report(builder.finish(), {}, bibliography,
                                         [&](std::string_view piece) { bytes += piece.size(); });
                    if (bytes == 0) state.SkipWithError("the report is empty");
                  });
                  report_figure(state, rate * 1e-3);
                });
}

}  // namespace jb::bench
