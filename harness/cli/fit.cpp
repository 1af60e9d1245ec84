#include "harness/cli/fit.h"

#include <fmt/core.h>

#include "backends/core/error.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"
#include "harness/energy_fit.h"
#include "harness/metered_group.h"
#include "harness/runner.h"
#include "results/journal.h"

namespace jb::harness::cli {

namespace {

/// Metered products of what the user names; others are passed over.
std::vector<results::Record> metered_records(const std::vector<std::string>& paths) {
  std::vector<results::Record> records;
  for (const std::string& path : paths) {
    for (results::Record& record : results::load_results(path)) {
      if (record.status == results::Status::ok && record.point.value("op", "") == "gemm" &&
          has_measured_energy(record)) {
        records.push_back(std::move(record));
      }
    }
  }
  return records;
}

std::vector<results::Record> run_products(const EnergyFlags& energy) {
  EnergyFlags demanded = energy;
  demanded.energy = "meter";
  std::vector<PointSpec> points = fit_points("onednn");
  RunOptions options;
  options.metering = metering_of(demanded, points);
  const meter::Bench& bench = *options.metering->bench;
  if (bench.usable(meter::Machine::cpu).empty()) {
    if (bench.usable(meter::Machine::gpu).empty()) {
      throw Error(ErrorCode::not_available, fmt::format("doctor --fit: no meter to fit to ({})",
                                                        bench.missing(meter::Machine::cpu)));
    }
    points = fit_points("cublas");
  }
  check_runnable(points);
  demanded.require = "measured";
  std::vector<results::Record> records;
  for (const PointSpec& point : points) {
    say(fmt::format("metering {},{},{}", point.gemm.m, point.gemm.n, point.gemm.k));
    records.push_back(run_point(point, options));
  }
  check_measured(demanded, records);
  return records;
}

void print_fit(const EnergyFit& fit) {
  const auto number = [](double value) { return fmt::format("{:.4g}", value); };
  std::vector<std::vector<std::string>> rows;
  for (const FitCoefficient& c : fit.coefficients) {
    rows.push_back({std::string(c.name), c.name == "mac" ? "J/MAC" : "J/B", number(c.value),
                    number(c.low), number(c.high), number(c.modelled)});
  }
  using results::Align;
  print(results::render_table({{"coefficient"},
                               {"unit"},
                               {"fitted", Align::right},
                               {"least", Align::right},
                               {"largest", Align::right},
                               {"preset", Align::right}},
                              rows, table_style("auto")));
  rows.clear();
  for (std::size_t i = 0; i < fit.names.size(); ++i) {
    rows.push_back({fit.names[i], fmt::format("{:+.1f} %", 100 * fit.residual_frac[i]),
                    fmt::format("{:+.1f} %", 100 * fit.left_out_frac[i])});
  }
  print("\n" +
        results::render_table({{"m,n,k"}, {"residual", Align::right}, {"left out", Align::right}},
                              rows, table_style("auto")));
  print("\n" +
        wrap(fmt::format("leave-one-out residual: {:.1f} % (rms), {:.1f} % (largest): the "
                         "model's uncertainty. least and largest: of the fits that leave one "
                         "shape out; a wide range says that these shapes do not tell the "
                         "coefficient from the others.",
                         100 * fit.left_out_rms_frac, 100 * fit.left_out_most_frac),
             terminal_width()));
}

}  // namespace

int fit(const FitFlags& flags, const EnergyFlags& energy, bool json) {
  const std::vector<results::Record> records =
      flags.results.empty() ? run_products(energy) : metered_records(flags.results);
  std::vector<FitSample> samples;
  for (const results::Record& record : records) samples.push_back(fit_sample_of(record));
  const EnergyFit result = fit_energy(samples);
  if (json) {
    print(to_json(result).dump(2) + "\n");
  } else {
    print_fit(result);
  }
  return kDone;
}

}  // namespace jb::harness::cli
