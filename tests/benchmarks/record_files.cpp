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

/// A results file of different points.
std::filesystem::path write_records(const std::filesystem::path& folder, int count) {
  const std::filesystem::path file = folder / "records.jsonl";
  std::ofstream out(file);
  results::Record record = test::sample_record();
  for (int i = 0; i < count; ++i) {
    record.point["data"]["seed"] = i;
    test::set_ids(record);
    out << results::to_json(record).dump() << '\n';
  }
  return file;
}

}  // namespace

void add_record_files(const Options& options) {
  const int count = options.quick ? 5 : 2000;
  add_benchmark(options, "records parsed and validated", "k/s", Target::at_least(10), 2,
                [count](benchmark::State& state) {
                  const ScratchFolder folder;
                  const auto file = write_records(folder.path(), count);
                  const double rate = rate_of(state, count, [&] {
                    const auto violations = results::validate(results::load_results(file));
                    if (!violations.empty()) state.SkipWithError(violations[0].text.c_str());
                  });
                  report_figure(state, rate * 1e-3);
                });
  add_benchmark(options, "records parsed and compared, pairs", "k/s", Target::at_least(10), 2,
                [count](benchmark::State& state) {
                  const ScratchFolder folder;
                  const auto file = write_records(folder.path(), count);
                  const double rate = rate_of(state, count, [&] {
                    const auto base = results::load_results(file);
                    const auto now = results::load_results(file);
                    const auto compared = results::compare(base, now, results::Gate::model);
                    if (compared.failed()) state.SkipWithError("equal records compare unequal");
                  });
                  report_figure(state, rate * 1e-3);
                });
  add_benchmark(options, "records reported to HTML", "k/s", Target::at_least(10), 2,
                [count](benchmark::State& state) {
                  const ScratchFolder folder;
                  const auto file = write_records(folder.path(), count);
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
