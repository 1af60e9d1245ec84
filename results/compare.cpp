// Joins two sets of records on point_id and judges every number by its class.

#include "results/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <set>
#include <unordered_map>

#include "backends/core/error.h"
#include "results/label.h"
#include "results/metrics.h"

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

using Index = std::unordered_map<std::string, const Record*>;

Index last_of_each_point(const std::vector<Record>& records) {
  Index index;
  for (const Record& record : records) index[record.point_id] = &record;
  return index;
}

bool has_modelled(const Record& record) {
  return std::any_of(record.quantities.begin(), record.quantities.end(), [](const auto& entry) {
    return entry.second.provenance != Provenance::measured;
  });
}

[[noreturn]] void not_comparable(const Record& record, const std::string& what) {
  throw Error(ErrorCode::not_comparable,
              fmt::format("{} cannot be compared: {}", point_label(record.point), what));
}

// Same id but another definition happens only to edited records; a number for another op is worse
// than none.
void refuse_other_definition(const Record& base, const Record& now) {
  if (canonical_point(base.point) != canonical_point(now.point)) {
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

// One joined point.
class PointComparison {
 public:
  PointComparison(const Record& base, const Record& now, Gate gate, std::vector<Difference>& out)
      : base_(base), now_(now), gate_(gate), out_(out), label_(point_label(base.point)) {}

  void run() {
    refuse_other_definition(base_, now_);
    if (base_.status != Status::ok || now_.status != Status::ok) {
      compare_status();
      return;
    }
    refuse_other_boundaries(base_, now_);
    versions_ = version_change(base_, now_);
    const std::size_t before = out_.size();
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
    const bool moved =
        std::any_of(out_.begin() + static_cast<std::ptrdiff_t>(before), out_.end(),
                    [](const Difference& d) { return d.verdict != Verdict::not_gated; });
    // Rows add up to the quantities: they tell something new only when the sums stood still.
    if (!moved) {
      compare_rows("ledger", base_.ledger, now_.ledger);
      compare_rows("setup_ledger", base_.setup_ledger, now_.setup_ledger);
    }
  }

 private:
  void add(std::string metric, double base, double now, Verdict verdict, bool fails,
           std::string note) {
    Difference d;
    d.point_id = base_.point_id;
    d.label = label_;
    d.metric = std::move(metric);
    d.base = base;
    d.now = now;
    d.verdict = verdict;
    d.fails = fails;
    d.note = std::move(note);
    out_.push_back(std::move(d));
  }

  void compare_status() {
    if (base_.status == now_.status) return;
    const bool lost = base_.status == Status::ok;
    const Verdict verdict = lost                        ? Verdict::worse
                            : now_.status == Status::ok ? Verdict::better
                                                        : Verdict::changed;
    std::string note = fmt::format("{} -> {}", name_of(base_.status), name_of(now_.status));
    if (!now_.reason.empty()) note += ": " + now_.reason;
    add("status", 0, 0, verdict, lost && gate_ != Gate::none && has_modelled(base_),
        std::move(note));
  }

  void compare_quantity(const std::string& name, const Quantity& base) {
    const Quantity* now = now_.find(name);
    const bool measured = base.provenance == Provenance::measured;
    if (now == nullptr) {
      add(name, base.value, 0, measured ? Verdict::not_gated : Verdict::missing,
          !measured && gate_ != Gate::none, "not in the new records");
      return;
    }
    if (now->provenance != base.provenance) {
      not_comparable(base_, fmt::format("{} is {} in the base and {} in the new records", name,
                                        name_of(base.provenance), name_of(now->provenance)));
    }
    if (measured) {
      if (base.value != now->value) {
        add(name, base.value, now->value, Verdict::not_gated, false, "measured");
      }
      return;
    }
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
    const bool fails = gate_ == Gate::pin     ? versions_.empty()
                       : gate_ == Gate::model ? verdict == Verdict::worse
                                              : false;
    add(name, base, now, verdict, fails, versions_);
  }

  void compare_rows(const std::string& ledger, const std::vector<RecordRow>& base,
                    const std::vector<RecordRow>& now) {
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

  const Record& base_;
  const Record& now_;
  Gate gate_;
  std::vector<Difference>& out_;
  std::string label_;
  std::string versions_;
};

Difference lone_point(const Record& record, Verdict verdict, bool fails) {
  Difference d;
  d.point_id = record.point_id;
  d.label = point_label(record.point);
  d.verdict = verdict;
  d.fails = fails;
  d.note = record.status == Status::ok ? "" : std::string(name_of(record.status));
  return d;
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
    case Verdict::not_gated:
      return "not gated";
  }
  return "changed";
}

bool Comparison::failed() const noexcept {
  return std::any_of(differences.begin(), differences.end(),
                     [](const Difference& d) { return d.fails; });
}

Comparison compare(const std::vector<Record>& base, const std::vector<Record>& now, Gate gate) {
  if (gate == Gate::all) {
    fail_usage(
        "gate 'all' judges measured points by statistics, which this version does not do; use "
        "--gate model or --gate pin");
  }
  const Index base_index = last_of_each_point(base);
  const Index now_index = last_of_each_point(now);
  Comparison result;
  for (const Record& record : base) {
    if (base_index.at(record.point_id) != &record) continue;
    const auto other = now_index.find(record.point_id);
    if (other == now_index.end()) {
      ++result.missing;
      const bool fails = gate != Gate::none && record.status == Status::ok && has_modelled(record);
      result.differences.push_back(lone_point(record, Verdict::missing, fails));
      continue;
    }
    ++result.points_compared;
    PointComparison(record, *other->second, gate, result.differences).run();
  }
  for (const Record& record : now) {
    if (now_index.at(record.point_id) != &record || base_index.count(record.point_id) != 0)
      continue;
    ++result.added;
    result.differences.push_back(lone_point(record, Verdict::added, false));
  }
  return result;
}

}  // namespace jb::results
