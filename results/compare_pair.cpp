// One joined point: every number judged by its class.

#include "results/compare_pair.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "backends/core/error.h"
#include "results/label.h"
#include "results/metrics.h"
#include "results/statistics/rank_test.h"
#include "results/statistics/shares.h"

namespace jb::results {
namespace {

// Counts, and times and joules made of counts, are float64 sums of at most some thousand rows in a
// fixed order: 1e-9 leaves room for other compilers' rounding (1e3 rows x 1.1e-16) and no more.
constexpr double kExactTolerance = 1e-9;
// Floating-point products rounded in another order on another instruction set (ARCHITECTURE.md).
constexpr double kSimulatedTolerance = 1e-3;
// Relative Frobenius error below which fidelity is only rounding and its digits mean nothing.
// Rounding errors of a product grow as a random walk, unit roundoff x sqrt(k): 2^-24 x sqrt(256) =
// 1e-6 in f32 (16-bit quantisation, the finest a preset has, lies above at 1.5e-5), and in f64
// 1e-12 covers every k that fits into memory (1.1e-16 x sqrt(8e7)).
constexpr double kRoundingFloorF32 = 1e-6;
constexpr double kRoundingFloorF64 = 1e-12;

bool close(double a, double b, double tolerance) {
  return a == b || std::abs(a - b) <= tolerance * std::max(std::abs(a), std::abs(b));
}

[[noreturn]] void not_comparable(const Record& record, const std::string& what) {
  throw Error(ErrorCode::not_comparable,
              fmt::format("{} cannot be compared: {}", point_label(record.point), what));
}

// Same id but another definition happens only to edited records; a number for another op is worse
// than none.
void refuse_other_definition(const Record& base, const Record& now) {
  // Text by text first: it is a tenth of the time of sorting keys.
  if (base.point != now.point && canonical_point(base.point) != canonical_point(now.point)) {
    std::set<std::string> keys;
    for (const auto& item : base.point.items()) keys.insert(item.key());
    for (const auto& item : now.point.items()) keys.insert(item.key());
    for (const std::string& key : keys) {
      Json left = Json::object();
      Json right = Json::object();
      if (base.point.contains(key)) left[key] = base.point[key];
      if (now.point.contains(key)) right[key] = now.point[key];
      if (canonical_point(left) != canonical_point(right)) {
        not_comparable(base, fmt::format("'{}' of point {} differs between the two sides", key,
                                         base.point_id));
      }
    }
  }
  if (base.status == Status::ok && now.status == Status::ok &&
      !close(base.work.macs, now.work.macs, kExactTolerance)) {
    not_comparable(base,
                   fmt::format("the work is {} MACs in the base and {} MACs in the new records",
                               base.work.macs, now.work.macs));
  }
}

std::string boundaries_of(const Record& record) {
  std::string names;
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = name_of(static_cast<Boundary>(b));
    if (record.find(fmt::format("energy_{}_J_per_mac", boundary)) != nullptr) {
      names += (names.empty() ? "" : " ") + std::string(boundary);
    }
  }
  return names.empty() ? "none" : names;
}

void refuse_other_boundaries(const Record& base, const Record& now) {
  const std::string left = boundaries_of(base);
  const std::string right = boundaries_of(now);
  if (left != right) {
    not_comparable(base,
                   fmt::format("energy is given at boundaries {} in the base and {} in the new "
                               "records",
                               left, right));
  }
}

// "model_version 1 -> 2", "" when both sides come from the same model, preset and tables.
std::string version_change(const Record& base, const Record& now) {
  std::string changes;
  for (const char* key : {"model_version", "device_hash", "tables_hash"}) {
    const std::string left = point_text(base.versions, key);
    const std::string right = point_text(now.versions, key);
    if (left == right) continue;
    changes += fmt::format("{}{} {} -> {}", changes.empty() ? "" : ", ", key,
                           left.empty() ? "none" : left, right.empty() ? "none" : right);
  }
  return changes;
}

bool any_data_dependent(const std::vector<RecordRow>& rows, const RecordRow* below_or_at) {
  return std::any_of(rows.begin(), rows.end(), [&](const RecordRow& row) {
    return row.data_dependent && (below_or_at == nullptr || row.boundary <= below_or_at->boundary);
  });
}

// Exact numbers become simulated ones where floating-point values of the operands decided a count.
MetricClass class_of(const std::string& name, const Record& record) {
  const Metric* metric = find_metric(name);
  const MetricClass cls = metric == nullptr ? MetricClass::exact : metric->modelled_class;
  if (cls != MetricClass::exact) return MetricClass::simulated;
  RecordRow limit;
  limit.boundary = Boundary::B5;
  if (name.rfind("energy_B", 0) == 0) {
    if (const auto boundary = boundary_from(name.substr(7, 2))) limit.boundary = *boundary;
  } else if (name == "setup_energy_J" || name == "calibration_energy_J" ||
             name == "calibration_break_even_count") {
    return any_data_dependent(record.setup_ledger, nullptr) ? MetricClass::simulated : cls;
  } else if (name.rfind("data_movement", 0) == 0) {
    limit.boundary = Boundary::B2;
  } else if (name != "average_power_W") {
    return cls;
  }
  return any_data_dependent(record.ledger, &limit) ? MetricClass::simulated : cls;
}

bool is_fidelity(const std::string& name) {
  return name == "relative_error_frobenius" || name == "sqnr_dB" || name == "max_abs_error";
}

bool at_rounding_floor(const Record& record) {
  const Quantity* error = record.find("relative_error_frobenius");
  const bool f64 = point_text(record.point, "precision") == "f64";
  return error != nullptr && error->value <= (f64 ? kRoundingFloorF64 : kRoundingFloorF32);
}

// Numbers of real machines that are judged by their samples, or by their intervals.
bool is_judged(const std::string& name, const Record& base, const Record& now) {
  if (name == "device_time_s" || name == "measured_domain_energy_J") return true;
  if (name.rfind("measured_energy_B", 0) == 0) return true;
  // The rate is the time once more.
  return name == "throughput_mac_per_s" &&
         (base.find("device_time_s") == nullptr || now.find("device_time_s") == nullptr);
}

bool is_accuracy(const std::string& name) {
  return name == "accuracy_top1_frac" || name == "accuracy_delta_frac" ||
         name == "agreement_top1_frac";
}

// Samples of a metric that the record keeps, sorted; empty where it keeps none.
std::vector<double> samples_of(const Record& record, const std::string& name) {
  std::vector<double> samples;
  const char* key = name == "device_time_s"              ? "times_s"
                    : name == "measured_domain_energy_J" ? "energies_J"
                                                         : nullptr;
  if (key == nullptr || !record.measurement.is_object()) return samples;
  const auto at = record.measurement.find(key);
  if (at == record.measurement.end() || !at->is_array()) return samples;
  for (const Json& value : *at) {
    if (!value.is_number() || !(value.get<double>() > 0)) return {};
    samples.push_back(value.get<double>());
  }
  std::sort(samples.begin(), samples.end());
  return samples;
}

// One joined point.
class PointComparison {
 public:
  PointComparison(const SidedRecord& base, const SidedRecord& now, const CompareOptions& options,
                  ResamplingPlans& plans)
      : base_side_(base),
        now_side_(now),
        base_(base.record),
        now_(now.record),
        options_(options),
        gate_(options.gate),
        plans_(plans) {}

  PairOutcome run() {
    refuse_other_definition(base_, now_);
    out_.backend = point_text(base_.point, "backend");
    if (base_.status != Status::ok || now_.status != Status::ok) {
      compare_status();
      return std::move(out_);
    }
    refuse_other_boundaries(base_, now_);
    versions_ = version_change(base_, now_);
    judges_measured_ = may_judge_measured();
    compare_number("work.executed_macs", base_.work.executed_macs, now_.work.executed_macs,
                   kExactTolerance, Better::neither);
    compare_number("work.compulsory_bytes", base_.work.compulsory_bytes, now_.work.compulsory_bytes,
                   kExactTolerance, Better::neither);
    for (const auto& entry : base_.quantities) compare_quantity(entry.first, entry.second);
    for (const auto& entry : now_.quantities) {
      if (base_.find(entry.first) == nullptr) {
        add(entry.first, 0, entry.second.value, Verdict::added, false, "not in the base");
      }
    }
    // Rows add up to the quantities: they tell something new only when the sums stood still.
    if (!moved_) {
      compare_rows("ledger", base_.ledger, now_.ledger);
      compare_rows("setup_ledger", base_.setup_ledger, now_.setup_ledger);
    }
    add_ratios();
    return std::move(out_);
  }

 private:
  Difference difference(std::string metric, double base, double now, Verdict verdict) const {
    Difference d;
    d.point_id = base_.point_id;
    d.label = point_label(base_.point);
    d.metric = std::move(metric);
    d.base = base;
    d.now = now;
    d.verdict = verdict;
    return d;
  }

  void add(std::string metric, double base, double now, Verdict verdict, bool fails,
           std::string note) {
    if (verdict == Verdict::not_gated) {
      ++out_.not_gated;
      if (!options_.list_not_gated) return;
    } else {
      moved_ = true;
    }
    Difference d = difference(std::move(metric), base, now, verdict);
    d.fails = fails;
    d.note = std::move(note);
    out_.differences.push_back(std::move(d));
  }

  void compare_status() {
    if (base_.status == now_.status) return;
    const bool lost = base_.status == Status::ok;
    const Verdict verdict = lost                        ? Verdict::worse
                            : now_.status == Status::ok ? Verdict::better
                                                        : Verdict::changed;
    std::string note = fmt::format("{} -> {}", name_of(base_.status), name_of(now_.status));
    if (!now_.reason.empty()) note += ": " + now_.reason;
    const bool gated = gate_ == Gate::all || (gate_ != Gate::none && has_modelled(base_));
    add("status", 0, 0, verdict, lost && gated, std::move(note));
  }

  // Whether measured numbers of this pair say anything about each other.
  bool may_judge_measured() const {
    if (gate_ == Gate::model || gate_ == Gate::pin) return false;
    const std::string base = machine_of(base_side_);
    const std::string now = machine_of(now_side_);
    if (base.empty() || now.empty() || base == now) return true;
    const bool measured =
        std::any_of(base_.quantities.begin(), base_.quantities.end(), [this](const auto& entry) {
          return entry.second.provenance == Provenance::measured &&
                 is_judged(entry.first, base_, now_);
        });
    if (measured && gate_ == Gate::all) {
      not_comparable(base_, fmt::format("the base was measured on {}, the new records on {}; "
                                        "measure both on one machine",
                                        base, now));
    }
    return false;
  }

  void compare_quantity(const std::string& name, const Quantity& base) {
    const Quantity* now = now_.find(name);
    const bool measured = base.provenance == Provenance::measured;
    if (now == nullptr) {
      const bool judged = measured && gate_ == Gate::all && is_judged(name, base_, now_);
      add(name, base.value, 0, measured && !judged ? Verdict::not_gated : Verdict::missing,
          judged || (!measured && gate_ != Gate::none), "not in the new records");
      return;
    }
    if (now->provenance != base.provenance) {
      not_comparable(base_, fmt::format("{} is {} in the base and {} in the new records", name,
                                        name_of(base.provenance), name_of(now->provenance)));
    }
    if (is_accuracy(name)) return compare_accuracy(name, base, *now);
    if (measured) return compare_measured(name, base, *now);
    if (is_fidelity(name) && at_rounding_floor(base_) && at_rounding_floor(now_)) return;
    const bool simulated = class_of(name, base_) == MetricClass::simulated ||
                           class_of(name, now_) == MetricClass::simulated;
    const Metric* metric = find_metric(name);
    compare_number(name, base.value, now->value, simulated ? kSimulatedTolerance : kExactTolerance,
                   metric == nullptr ? Better::neither : metric->better);
  }

  void compare_number(const std::string& name, double base, double now, double tolerance,
                      Better better) {
    if (close(base, now, tolerance)) return;
    Verdict verdict = Verdict::changed;
    if (better != Better::neither) {
      verdict = (now < base) == (better == Better::lower) ? Verdict::better : Verdict::worse;
    }
    add(name, base, now, verdict, model_fails(verdict), versions_);
  }

  [[nodiscard]] bool model_fails(Verdict verdict) const {
    if (gate_ == Gate::pin) return versions_.empty();
    return (gate_ == Gate::model || gate_ == Gate::all) && verdict == Verdict::worse;
  }

  void compare_measured(const std::string& name, const Quantity& base, const Quantity& now) {
    if (base.value == now.value && base.ci_low == now.ci_low && base.ci_high == now.ci_high) return;
    if (!judges_measured_ || !is_judged(name, base_, now_) || !(base.value > 0) ||
        !(now.value > 0)) {
      add(name, base.value, now.value, Verdict::not_gated, false,
          judges_measured_ ? "measured" : "measured, not judged here");
      return;
    }
    SampledTest test;
    test.difference = difference(name, base.value, now.value, Verdict::inconclusive);
    test.difference.repro = now_.repro;
    test.lower_is_better = name != "throughput_mac_per_s";
    test.band = name == "device_time_s" || name == "throughput_mac_per_s" ? options_.time_band
                                                                          : options_.energy_band;
    const std::vector<double> before = samples_of(base_, name);
    const std::vector<double> after = samples_of(now_, name);
    if (!before.empty() && !after.empty()) {
      from_samples(before, after, test);
    } else if (!from_intervals(base, now, test)) {
      test.low = 0;
      test.high = HUGE_VAL;
    }
    out_.sampled.push_back(std::move(test));
  }

  void from_samples(const std::vector<double>& before, const std::vector<double>& after,
                    SampledTest& test) {
    const BootstrapInterval ratio = bootstrap_median_ratio(before, plans_.plan(before.size(), 0),
                                                           after, plans_.plan(after.size(), 1));
    test.low = ratio.low;
    test.high = ratio.high;
    test.p_value = mann_whitney(before, after).p_value;
    test.least_p = least_p_value(before.size(), after.size());
    test.samples = static_cast<double>(std::min(before.size(), after.size()));
    test.separated = after.front() > before.back() * (1 + test.band) ||
                     after.back() < before.front() * (1 - test.band);
  }

  // Without samples: an interval that holds every ratio of values within both intervals.
  static bool from_intervals(const Quantity& base, const Quantity& now, SampledTest& test) {
    test.samples = static_cast<double>(std::min(base.n, now.n));
    if (!base.ci_low || !now.ci_low || !(*base.ci_low > 0) || !(*now.ci_low > 0)) return false;
    test.low = *now.ci_low / *base.ci_high;
    test.high = *now.ci_high / *base.ci_low;
    return true;
  }

  // Shares of the same samples: paired where predictions are at hand.
  void compare_accuracy(const std::string& name, const Quantity& base, const Quantity& now) {
    if (close(base.value, now.value, kSimulatedTolerance)) return;
    if (name == "accuracy_delta_frac" && base_.find("accuracy_top1_frac") != nullptr) return;
    const auto trials = static_cast<double>(std::max<std::int64_t>(1, std::min(base.n, now.n)));
    std::optional<PairedAccuracy> pair;
    if (name == "accuracy_top1_frac") pair = paired_accuracy(base_side_, now_side_);
    double p_value = 1;
    std::string note;
    if (pair) {
      p_value = mcnemar_p_value(pair->gained, pair->lost);
      note = fmt::format("McNemar p = {:.2g}: {} samples gained, {} lost", p_value, pair->gained,
                         pair->lost);
    } else {
      // The samples that differ are unknown: this is the p-value if all of them went one way, the
      // least it can be.
      const auto moved =
          static_cast<std::int64_t>(std::llround(std::abs(now.value - base.value) * trials));
      p_value = mcnemar_p_value(moved, 0);
      note = fmt::format("McNemar p >= {:.2g} ({} samples net)", p_value, moved);
    }
    if (!versions_.empty()) note += ", " + versions_;
    const Verdict direction = now.value > base.value ? Verdict::better : Verdict::worse;
    if (base.provenance != Provenance::measured) {
      if (p_value > options_.alpha) return;
      return add(name, base.value, now.value, direction, model_fails(direction), note);
    }
    if (!judges_measured_) {
      return add(name, base.value, now.value, Verdict::not_gated, false, "measured");
    }
    const bool small = std::abs(now.value - base.value) <= options_.accuracy_band;
    if (p_value <= options_.alpha && !small) {
      return add(name, base.value, now.value, direction,
                 gate_ == Gate::all && direction == Verdict::worse, note);
    }
    if (!small) add(name, base.value, now.value, Verdict::inconclusive, false, note);
  }

  void compare_rows(const std::string& ledger, const std::vector<RecordRow>& base,
                    const std::vector<RecordRow>& now) {
    if (same_rows(base, now)) return;
    struct Sums {
      double base_count = 0, now_count = 0, base_J = 0, now_J = 0;
      bool simulated = false;
    };
    std::map<std::string, Sums> sums;
    const auto key = [&](const RecordRow& row) {
      return fmt::format("{} {}/{}{} {} {}", ledger, row.component, row.action,
                         row.layer.empty() ? "" : " in " + row.layer, name_of(row.category),
                         name_of(row.boundary));
    };
    for (const RecordRow& row : base) {
      Sums& s = sums[key(row)];
      s.base_count += row.count;
      s.base_J += row.energy_J;
      s.simulated = s.simulated || row.data_dependent;
    }
    for (const RecordRow& row : now) {
      Sums& s = sums[key(row)];
      s.now_count += row.count;
      s.now_J += row.energy_J;
      s.simulated = s.simulated || row.data_dependent;
    }
    for (const auto& entry : sums) {
      const Sums& s = entry.second;
      const double tolerance = s.simulated ? kSimulatedTolerance : kExactTolerance;
      compare_number(entry.first + " count", s.base_count, s.now_count, tolerance, Better::neither);
      compare_number(entry.first + " energy_J", s.base_J, s.now_J, tolerance, Better::neither);
    }
  }

  // Row by row, the usual case: names are not put together.
  static bool same_rows(const std::vector<RecordRow>& base, const std::vector<RecordRow>& now) {
    return base.size() == now.size() &&
           std::equal(
               base.begin(), base.end(), now.begin(), [](const RecordRow& a, const RecordRow& b) {
                 const double tolerance =
                     a.data_dependent && b.data_dependent ? kSimulatedTolerance : kExactTolerance;
                 return a.component == b.component && a.action == b.action && a.layer == b.layer &&
                        a.category == b.category && a.boundary == b.boundary &&
                        close(a.count, b.count, tolerance) &&
                        close(a.energy_J, b.energy_J, tolerance);
               });
  }

  void add_ratios() {
    for (int b = kBoundaries - 1; b >= 0 && !out_.energy_ratio; --b) {
      const auto name = fmt::format("energy_{}_J_per_mac", name_of(static_cast<Boundary>(b)));
      out_.energy_ratio = ratio_of(name);
    }
    out_.time_ratio = ratio_of("device_time_s");
  }

  [[nodiscard]] std::optional<double> ratio_of(const std::string& name) const {
    const Quantity* base = base_.find(name);
    const Quantity* now = now_.find(name);
    if (base == nullptr || now == nullptr || !(base->value > 0) || !(now->value > 0)) {
      return std::nullopt;
    }
    return now->value / base->value;
  }

  const SidedRecord& base_side_;
  const SidedRecord& now_side_;
  const Record& base_;
  const Record& now_;
  const CompareOptions& options_;
  Gate gate_;
  ResamplingPlans& plans_;
  PairOutcome out_;
  bool moved_ = false;
  bool judges_measured_ = false;
  std::string versions_;
};

}  // namespace

bool has_modelled(const Record& record) {
  return std::any_of(record.quantities.begin(), record.quantities.end(), [](const auto& entry) {
    return entry.second.provenance != Provenance::measured;
  });
}

std::string machine_of(const SidedRecord& side) {
  const std::string of_record = point_text(side.record.measurement, "machine");
  if (side.machine.empty() || of_record.empty()) return of_record + side.machine;
  return of_record == side.machine ? of_record : of_record + " in a run on " + side.machine;
}

PairOutcome compare_pair(const SidedRecord& base, const SidedRecord& now,
                         const CompareOptions& options, ResamplingPlans& plans) {
  return PointComparison(base, now, options, plans).run();
}

}  // namespace jb::results
