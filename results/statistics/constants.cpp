#include "results/statistics/constants.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/random.h"

namespace jb::results {
namespace {

constexpr double kNormal975 = 1.959963984540054;  // 97.5 % quantile of the standard normal

/// Factor that holds 95 % of a class's constants (ARCHITECTURE.md, "class").
double factor_of(const std::string& cls) noexcept {
  if (cls == "A") return 1.1;
  if (cls == "B") return 1.3;
  if (cls == "C") return 2;
  if (cls == "D") return 5;
  return 1;
}

/// Adds a row's joules in every draw.
void add_row(const RecordRow& row, ConstantDraws& draws, std::vector<double>& sums) {
  if (sums.empty()) sums.assign(ConstantDraws::kDraws, 0.0);
  const std::vector<double>& factors = draws.factors(row.constant, row.cls);
  for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += row.energy_J * factors[d];
}

void set_interval(Quantity& q, std::vector<double> sums, double macs) {
  if (sums.empty() || q.ci_low || !(macs > 0)) return;
  const auto at = [&](double share) {
    const auto nth = sums.begin() + static_cast<std::ptrdiff_t>(
                                        share * static_cast<double>(sums.size() - 1) + 0.5);
    std::nth_element(sums.begin(), nth, sums.end());
    return *nth / macs;
  };
  const double low = std::min(at(0.025), q.value);
  const double high = std::max(at(0.975), q.value);
  if (!std::isfinite(low) || !std::isfinite(high)) return;
  q.ci_low = low;
  q.ci_high = high;
  q.interval_kind = "constants";
}

}  // namespace

double log_deviation_of(const std::string& cls) noexcept {
  return std::log(factor_of(cls)) / kNormal975;
}

double class_factor(const std::string& cls) {
  const double factor = factor_of(cls);
  if (factor == 1 && cls != "exact") fail_usage("a ledger row has the unknown class '{}'", cls);
  return factor;
}

double SumOfConstants::factor() const noexcept { return std::exp(kNormal975 * log_deviation); }

SumOfConstants sum_of_constants(const std::vector<RecordRow>& rows, Boundary limit) {
  // Rows of one constant move together, so their joules add before their spread does.
  std::map<std::string_view, std::pair<double, double>> constants;  // joules, factor
  for (const RecordRow& row : rows) {
    if (row.boundary > limit || !(row.energy_J > 0)) continue;
    auto& [joules, factor] = constants[row.constant];
    joules += row.energy_J;
    factor = std::max(factor, factor_of(row.cls));
  }
  double mean = 0;
  double variance = 0;
  for (const auto& [constant, entry] : constants) {
    const double deviation = std::log(entry.second) / kNormal975;
    const double part = entry.first * std::exp(deviation * deviation / 2);
    mean += part;
    variance += part * part * std::expm1(deviation * deviation);
  }
  if (!(mean > 0)) return {};
  const double square = std::log1p(variance / (mean * mean));
  return {mean * std::exp(-square / 2), std::sqrt(square)};
}

const std::vector<double>& ConstantDraws::factors(const std::string& constant,
                                                  const std::string& cls) {
  std::vector<double>& factors = factors_[constant + "\n" + cls];
  if (!factors.empty()) return factors;
  factors.assign(kDraws, 1.0);
  const double deviation = log_deviation_of(cls);
  if (deviation == 0) return factors;
  const RandomStream stream(seed_, 0, tag_of("results.constants"), tag_of(constant));
  for (std::size_t d = 0; d < kDraws; ++d) {
    factors[d] = std::exp(deviation *
                          static_cast<double>(stream.normal(0, static_cast<std::int64_t>(d), 0)));
  }
  return factors;
}

std::vector<double> drawn_energies(const Record& record, Boundary limit, ConstantDraws& draws) {
  if (!(record.work.macs > 0)) return {};
  std::vector<double> sums;
  for (const RecordRow& row : record.ledger) {
    if (row.boundary <= limit) add_row(row, draws, sums);
  }
  for (double& sum : sums) sum /= record.work.macs;
  return sums;
}

void add_constant_intervals(Record& record, ConstantDraws& draws) {
  std::vector<double> sums;  // up to the boundary: they are cumulative
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = static_cast<Boundary>(b);
    for (const RecordRow& row : record.ledger) {
      if (row.boundary == boundary) add_row(row, draws, sums);
    }
    const auto at = record.quantities.find(fmt::format("energy_{}_J_per_mac", name_of(boundary)));
    if (at != record.quantities.end()) set_interval(at->second, sums, record.work.macs);
  }
  const auto moved = record.quantities.find("data_movement_J_per_mac");
  if (moved == record.quantities.end()) return;
  std::vector<double> movement;
  for (const RecordRow& row : record.ledger) {
    const bool moves = row.category == Category::movement && row.boundary <= Boundary::B2;
    if (moves) add_row(row, draws, movement);
  }
  set_interval(moved->second, std::move(movement), record.work.macs);
}

std::vector<TornadoBar> tornado(const Record& record, Boundary limit) {
  std::map<std::string, std::pair<std::string, double>> joules;  // by constant: class, joules
  double total = 0;
  for (const RecordRow& row : record.ledger) {
    if (row.boundary > limit) continue;
    total += row.energy_J;
    auto& entry = joules[row.constant];
    entry.first = row.cls;
    entry.second += row.energy_J;
  }
  std::vector<TornadoBar> bars;
  if (!(record.work.macs > 0) || !(total > 0)) return bars;
  for (const auto& [constant, entry] : joules) {
    const double factor = factor_of(entry.first);
    if (factor == 1 || entry.second == 0) continue;
    TornadoBar bar;
    bar.constant = constant;
    bar.cls = entry.first;
    bar.low_J_per_mac = (total + entry.second * (1 / factor - 1)) / record.work.macs;
    bar.high_J_per_mac = (total + entry.second * (factor - 1)) / record.work.macs;
    bar.share = entry.second / total;
    bars.push_back(std::move(bar));
  }
  std::stable_sort(bars.begin(), bars.end(), [](const TornadoBar& a, const TornadoBar& b) {
    return a.high_J_per_mac - a.low_J_per_mac > b.high_J_per_mac - b.low_J_per_mac;
  });
  return bars;
}

}  // namespace jb::results
