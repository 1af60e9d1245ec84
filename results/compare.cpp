// Joins two sets of records on point_id and settles what samples decide.

#include "results/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <unordered_map>

#include "backends/core/error.h"
#include "results/compare_pair.h"
#include "results/label.h"
#include "results/statistics/rank_test.h"

namespace jb::results {
namespace {

using Index = std::unordered_map<std::string, const Record*>;

Index last_of_each_point(const std::vector<Record>& records) {
  Index index;
  for (const Record& record : records) index[record.point_id] = &record;
  return index;
}

Difference lone_point(const Record& record, Verdict verdict, bool fails) {
  Difference d;
  d.point_id = record.point_id;
  d.label = point_label(record.point);
  d.verdict = verdict;
  d.fails = fails;
  d.note = record.status == Status::ok ? "" : std::string(name_of(record.status));
  return d;
}

// Fewer say nothing of the scatter, and resampling them says it with great certainty.
constexpr double kLeastSamples = 4;

/// Gravest first.
int gravity(Verdict verdict) {
  constexpr std::array<Verdict, 8> kOrder{
      Verdict::worse, Verdict::missing, Verdict::changed, Verdict::inconclusive,
      Verdict::added, Verdict::better,  Verdict::same,    Verdict::not_gated};
  return static_cast<int>(std::find(kOrder.begin(), kOrder.end(), verdict) - kOrder.begin());
}

/// Samples a side that would bring the interval's half width down to the band: it shrinks with the
/// root of their number.
std::string samples_needed(const SampledTest& test) {
  if (!(test.low > 0) || !std::isfinite(test.high) || test.samples < 2) {
    return "too few samples for an interval";
  }
  const double half = 0.5 * std::log(test.high / test.low);
  const double wanted = std::log1p(test.band);
  if (half <= wanted) return "more samples near the edge of the band would decide";
  const double factor = half / wanted;
  return fmt::format("about {:.0f} samples a side would decide",
                     std::ceil(test.samples * factor * factor));
}

Verdict verdict_of(const SampledTest& test, double adjusted_p, double alpha, double tests) {
  if (test.low >= 1 - test.band && test.high <= 1 + test.band) return Verdict::same;
  if (test.samples < kLeastSamples) return Verdict::inconclusive;
  const bool above = test.low > 1 + test.band;
  const bool below = test.high < 1 - test.band;
  if (!above && !below) return Verdict::inconclusive;
  if (test.least_p > 0 && adjusted_p > alpha) {
    // So few samples that no p-value of theirs passes the correction: then no sample of one side
    // may lie near one of the other.
    const bool hopeless = test.least_p * tests > alpha;
    if (!hopeless || !test.separated) return Verdict::inconclusive;
  }
  return above == test.lower_is_better ? Verdict::worse : Verdict::better;
}

}  // namespace

std::optional<Gate> gate_from(std::string_view name) noexcept {
  constexpr std::array<std::pair<std::string_view, Gate>, 4> kGates{
      {{"none", Gate::none}, {"model", Gate::model}, {"pin", Gate::pin}, {"all", Gate::all}}};
  for (const auto& entry : kGates) {
    if (entry.first == name) return entry.second;
  }
  return std::nullopt;
}

std::string_view name_of(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::same:
      return "same";
    case Verdict::better:
      return "better";
    case Verdict::worse:
      return "worse";
    case Verdict::changed:
      return "changed";
    case Verdict::missing:
      return "missing";
    case Verdict::added:
      return "added";
    case Verdict::inconclusive:
      return "inconclusive";
    case Verdict::not_gated:
      return "not gated";
  }
  return "changed";
}

void ComparisonBuilder::list(Difference&& difference) {
  if (difference.fails) ++result_.failing;
  if (difference.verdict == Verdict::inconclusive) ++result_.inconclusive;
  if (result_.differences.size() >= options_.most_listed) {
    ++result_.not_listed;
    return;
  }
  result_.differences.push_back(std::move(difference));
}

void ComparisonBuilder::add(const Record& base, PairOutcome&& outcome) {
  ++result_.points_compared;
  result_.not_gated += outcome.not_gated;
  const auto take_ratio = [&](std::map<std::string, MeanRatio>& ratios, std::optional<double> r) {
    if (!r) return;
    MeanRatio& mean = ratios[outcome.backend];
    mean.log_sum += std::log(*r);
    ++mean.points;
  };
  take_ratio(result_.energy_ratios, outcome.energy_ratio);
  take_ratio(result_.time_ratios, outcome.time_ratio);
  PointVerdict point{base.point_id, "", Verdict::same, false};
  bool moved = false;
  for (Difference& d : outcome.differences) {
    moved = moved || d.verdict != Verdict::not_gated;
    point.fails = point.fails || d.fails;
    if (gravity(d.verdict) < gravity(point.verdict)) point.verdict = d.verdict;
    list(std::move(d));
  }
  if (moved) ++result_.points_moved;
  for (SampledTest& test : outcome.sampled) {
    sampled_.push_back(std::move(test));
    sampled_points_.push_back({result_.points.size(), moved});
  }
  if (options_.list_points) {
    point.label = point_label(base.point);
    result_.points.push_back(std::move(point));
  }
}

void ComparisonBuilder::add_missing(const Record& base) {
  ++result_.missing;
  const bool fails = base.status == Status::ok && options_.gate != Gate::none &&
                     (options_.gate == Gate::all || has_modelled(base));
  Difference d = lone_point(base, Verdict::missing, fails);
  if (options_.list_points) result_.points.push_back({d.point_id, d.label, d.verdict, d.fails});
  list(std::move(d));
}

void ComparisonBuilder::add_added(const Record& now) {
  ++result_.added;
  Difference d = lone_point(now, Verdict::added, false);
  if (options_.list_points) result_.points.push_back({d.point_id, d.label, d.verdict, d.fails});
  list(std::move(d));
}

void ComparisonBuilder::settle() {
  std::vector<double> p_values;
  for (const SampledTest& test : sampled_) {
    if (test.least_p > 0) p_values.push_back(test.p_value);
  }
  const std::vector<double> adjusted = holm_adjusted(p_values);
  const auto tests = static_cast<double>(p_values.size());
  std::size_t tested = 0;
  std::string counted;
  for (std::size_t i = 0; i < sampled_.size(); ++i) {
    SampledTest& test = sampled_[i];
    const double p = test.least_p > 0 ? adjusted[tested++] : 1;
    Difference& d = test.difference;
    d.verdict = verdict_of(test, p, options_.alpha, tests);
    if (d.verdict == Verdict::same) continue;
    d.fails = options_.gate == Gate::all && d.verdict == Verdict::worse;
    d.note = std::isfinite(test.high)
                 ? fmt::format("new / base {:.3f} to {:.3f}", test.low, test.high)
                 : std::string("no interval");
    if (test.least_p > 0) d.note += fmt::format(", p = {:.2g}", p);
    if (d.verdict == Verdict::inconclusive) d.note += "; " + samples_needed(test);
    if (options_.list_points) {
      PointVerdict& point = result_.points[sampled_points_[i].index];
      point.fails = point.fails || d.fails;
      if (gravity(d.verdict) < gravity(point.verdict)) point.verdict = d.verdict;
    }
    // A point's tests follow each other.
    if (!sampled_points_[i].moved && d.point_id != counted) ++result_.points_moved;
    counted = d.point_id;
    list(std::move(d));
  }
}

Comparison ComparisonBuilder::take() {
  settle();
  return std::move(result_);
}

Comparison compare(const std::vector<Record>& base, const std::vector<Record>& now,
                   const CompareOptions& options) {
  const Index base_index = last_of_each_point(base);
  const Index now_index = last_of_each_point(now);
  ResamplingPlans plans(options.resamples, options.seed);
  ComparisonBuilder builder(options);
  for (const Record& record : base) {
    if (base_index.at(record.point_id) != &record) continue;
    const auto other = now_index.find(record.point_id);
    if (other == now_index.end()) {
      builder.add_missing(record);
    } else {
      builder.add(record, compare_pair({record, "", ""}, {*other->second, "", ""}, options, plans));
    }
  }
  for (const Record& record : now) {
    if (now_index.at(record.point_id) == &record && base_index.count(record.point_id) == 0) {
      builder.add_added(record);
    }
  }
  return builder.take();
}

Comparison compare(const std::vector<Record>& base, const std::vector<Record>& now, Gate gate) {
  CompareOptions options;
  options.gate = gate;
  return compare(base, now, options);
}

}  // namespace jb::results
