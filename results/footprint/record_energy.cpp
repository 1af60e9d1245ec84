#include "results/footprint/record_energy.h"

#include <fmt/core.h>

#include <algorithm>

#include "backends/core/error.h"
#include "results/footprint/omissions.h"
#include "results/label.h"
#include "results/statistics/constants.h"

namespace jb::results {
namespace {

constexpr double kJoulesPerHour = 3600;  // seconds in an hour

struct Found {
  const Quantity* quantity = nullptr;
  std::string name;
  Boundary boundary = Boundary::B0;
};

std::string quantity_name(const char* prefix, Boundary boundary) {
  return fmt::format("{}_{}_J_per_mac", prefix, name_of(boundary));
}

/// Measured before modelled, the highest boundary first.
Found find_energy(const Record& record, const std::string& wanted) {
  if (!wanted.empty() && !boundary_from(wanted)) {
    fail_usage("--boundary: unknown boundary '{}' (there are: B0, B1, B2, B3, B4, B5)", wanted);
  }
  for (const char* prefix : {"measured_energy", "energy"}) {
    for (int b = kBoundaries - 1; b >= 0; --b) {
      const auto boundary = static_cast<Boundary>(b);
      if (!wanted.empty() && boundary != boundary_from(wanted)) continue;
      const std::string name = quantity_name(prefix, boundary);
      if (const Quantity* quantity = record.find(name)) return {quantity, name, boundary};
    }
  }
  std::vector<std::string> there;
  for (const auto& [name, quantity] : record.quantities) {
    if (name.find("energy_B") != std::string::npos) there.push_back(name);
  }
  std::string held;
  for (const std::string& name : there) held += (held.empty() ? "" : ", ") + name;
  fail_usage("record {} holds no energy{}{}", record.record_id,
             wanted.empty() ? std::string() : " at " + wanted,
             held.empty() ? "; its device file has no prices (try another --device)"
                          : "; it holds " + held);
}

double quantity_or_zero(const Record& record, const char* name) {
  const Quantity* quantity = record.find(name);
  return quantity != nullptr ? quantity->value : 0;
}

}  // namespace

double interval_factor(const std::vector<RecordRow>& rows, double least) {
  for (const RecordRow& row : rows) (void)class_factor(row.cls);  // refuses what is no class
  return std::max(least, sum_of_constants(rows, Boundary::B5).factor());
}

EnergyUse energy_of(const Record& record, double executions, const std::string& boundary) {
  const Found found = find_energy(record, boundary);
  const Quantity& quantity = *found.quantity;
  const double once = quantity.value * record.work.macs;
  const double setup =
      quantity_or_zero(record, "setup_energy_J") + quantity_or_zero(record, "calibration_energy_J");
  const bool measured = quantity.provenance == Provenance::measured;
  EnergyUse use;
  use.subject = fmt::format("record {} ({})", record.record_id, point_label(record.point));
  use.boundary = name_of(found.boundary);
  use.provenance = quantity.provenance;
  use.energy_J = once * executions + (measured ? 0 : setup);
  use.formula = fmt::format("{} x MAC x executions{}", found.name,
                            measured ? "" : " + set-up and calibration, once");
  use.inputs = {{found.name, quantity.value, "J/MAC", quantity.source},
                {"MAC", record.work.macs, "1", "logical MACs of an execution"},
                {"executions", executions, "1", "given with --executions, or 1"}};
  if (!measured) {
    use.inputs.push_back({"set-up and calibration", setup, "J", "the record's set-up ledger"});
  }
  if (quantity.ci_low && quantity.ci_high && quantity.value > 0) {
    use.low_J = use.energy_J * *quantity.ci_low / quantity.value;
    use.high_J = use.energy_J * *quantity.ci_high / quantity.value;
    use.interval_source = fmt::format("the record's interval ({})", quantity.interval_kind);
  } else if (!measured && !record.ledger.empty()) {
    std::vector<RecordRow> rows;
    for (const RecordRow& row : record.ledger) {
      if (row.boundary <= found.boundary) rows.push_back(row);
    }
    const double factor = interval_factor(rows);
    use.low_J = use.energy_J / factor;
    use.high_J = use.energy_J * factor;
    use.interval_source = "classes of the constants, 95 %, at least 30 %";
  }
  if (const Quantity* time = record.find("device_time_s")) {
    use.machine_hours = time->value * executions / kJoulesPerHour;
  }
  use.omissions = omissions_above(found.boundary);
  for (const Lint& lint : record.lints) use.notes.push_back(lint.text);
  return use;
}

EnergyUse sum_of(const std::vector<EnergyUse>& uses, const std::string& subject) {
  if (uses.empty()) fail_internal("a sum of no energies");
  EnergyUse sum;
  sum.subject = subject;
  sum.boundary = uses.front().boundary;
  sum.provenance = uses.front().provenance;
  sum.low_J = sum.high_J = 0;
  sum.omissions = uses.front().omissions;
  for (const EnergyUse& use : uses) {
    if (use.boundary != sum.boundary) {
      throw Error(
          ErrorCode::not_comparable,
          fmt::format("{} stops at {} and {} at {}: their sum has no boundary; name one that "
                      "all hold with --boundary",
                      uses.front().subject, sum.boundary, use.subject, use.boundary));
    }
    sum.energy_J += use.energy_J;
    *sum.low_J += use.low_J.value_or(use.energy_J);
    *sum.high_J += use.high_J.value_or(use.energy_J);
    sum.machine_hours += use.machine_hours;
    sum.provenance = weakest(sum.provenance, use.provenance);
    sum.inputs.push_back({use.subject, use.energy_J, "J", use.formula});
    for (const std::string& note : use.notes) {
      if (std::find(sum.notes.begin(), sum.notes.end(), note) == sum.notes.end()) {
        sum.notes.push_back(note);
      }
    }
  }
  sum.formula = "sum of the records' energies";
  sum.interval_source = "sum of the records' intervals, for they share their constants";
  return sum;
}

MethodSheet joules_per_point(const Record& base, const Record& better,
                             const std::string& boundary) {
  const EnergyUse from = energy_of(base, 1, boundary);
  const EnergyUse to = energy_of(better, 1, boundary);
  if (from.boundary != to.boundary || from.provenance != to.provenance) {
    throw Error(
        ErrorCode::not_comparable,
        fmt::format("the records are not comparable: one holds {} energy at {}, the other "
                    "{} energy at {}; name one --boundary that both hold",
                    name_of(from.provenance), from.boundary, name_of(to.provenance), to.boundary));
  }
  const auto accuracy = [](const Record& record) {
    const Quantity* quantity = record.find("accuracy_top1_frac");
    if (quantity == nullptr) {
      fail_usage("record {} holds no accuracy; name records of networks on a data set",
                 record.record_id);
    }
    return quantity->value;
  };
  const double gained = 100 * (accuracy(better) - accuracy(base));
  MethodSheet sheet;
  sheet.subject = fmt::format("{} over {}", to.subject, from.subject);
  Figure points;
  points.name = "accuracy_gained_points";
  points.value = gained;
  points.unit = "percentage points";
  points.formula = "100 x (accuracy of the second - accuracy of the first)";
  points.inputs = {{"accuracy of the second", accuracy(better), "1", to.subject},
                   {"accuracy of the first", accuracy(base), "1", from.subject}};
  Figure more;
  more.name = "energy_added_J";
  more.value = to.energy_J - from.energy_J;
  more.unit = "J";
  more.boundary = to.boundary;
  more.provenance = to.provenance;
  more.formula = "energy of the second - energy of the first";
  more.inputs = {{"energy of the second", to.energy_J, "J", to.formula},
                 {"energy of the first", from.energy_J, "J", from.formula}};
  sheet.figures = {points, more};
  sheet.omissions = to.omissions;
  if (!(gained > 0)) {
    sheet.notes.push_back(
        "no accuracy was gained, so there are no joules per point: the first record is at least as "
        "accurate");
    return sheet;
  }
  Figure price = more;
  price.name = "energy_per_point_J";
  price.value = more.value / gained;
  price.unit = "J per percentage point";
  price.formula = "energy_added_J / accuracy_gained_points";
  price.inputs.clear();
  sheet.figures.push_back(price);
  return sheet;
}

}  // namespace jb::results
