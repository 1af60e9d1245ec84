// Rules on rows and their sums.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "results/validate_rules.h"

namespace jb::results {
namespace {

std::string row_name(const char* ledger, const RecordRow& row) {
  return fmt::format("{} row {}/{}{}", ledger, row.component, row.action,
                     row.layer.empty() ? "" : " of layer " + row.layer);
}

void check_rows(const char* ledger, const std::vector<RecordRow>& rows, Findings& out) {
  for (const RecordRow& row : rows) {
    if (!std::isfinite(row.count) || !std::isfinite(row.energy_per_action_J) ||
        !std::isfinite(row.energy_J)) {
      out.add("finite",
              fmt::format("{} holds a number that is not finite.", row_name(ledger, row)));
      continue;
    }
    if (row.count < 0 || row.energy_per_action_J < 0 || row.energy_J < 0) {
      out.add("range", fmt::format("{} holds a negative number.", row_name(ledger, row)));
    }
    if (!agrees(row.count * row.energy_per_action_J, row.energy_J)) {
      out.add("row-product", fmt::format("{}: {} actions x {} J are {} J, the row says {} J.",
                                         row_name(ledger, row), row.count, row.energy_per_action_J,
                                         row.count * row.energy_per_action_J, row.energy_J));
    }
    if (row.provenance == Provenance::measured) {
      out.add("provenance", fmt::format("{} is called measured; rows are counts x constants.",
                                        row_name(ledger, row)));
    }
  }
}

double sum_up_to(const std::vector<RecordRow>& rows, Boundary limit,
                 std::optional<Category> category = {}) {
  double sum = 0;
  for (const RecordRow& row : rows) {
    if (row.boundary <= limit && (!category || row.category == *category)) sum += row.energy_J;
  }
  return sum;
}

Provenance weakest_up_to(const std::vector<RecordRow>& rows, Boundary limit) {
  Provenance result = Provenance::modelled;
  for (const RecordRow& row : rows) {
    if (row.boundary <= limit) result = weakest(result, row.provenance);
  }
  return result;
}

void check_sum(const std::string& name, double rows_J, double macs, Findings& out) {
  const Quantity* q = out.record().find(name);
  if (q == nullptr || !std::isfinite(q->value)) return;
  if (!agrees(rows_J, q->value * macs)) {
    out.add("ledger-sum", fmt::format("{} x {} MACs is {} J, but the ledger's rows add up to {} J.",
                                      name, macs, q->value * macs, rows_J));
  }
}

void check_energies(Findings& out) {
  const Record& record = out.record();
  const Quantity* lower = nullptr;
  std::string lower_name;
  int previous = -1;
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = static_cast<Boundary>(b);
    const std::string name = fmt::format("energy_{}_J_per_mac", name_of(boundary));
    const Quantity* q = record.find(name);
    if (q == nullptr) continue;
    check_sum(name, sum_up_to(record.ledger, boundary), record.work.macs, out);
    const Provenance rows = weakest_up_to(record.ledger, boundary);
    if (q->provenance != rows) {
      out.add("provenance", fmt::format("{} is called {}, its rows make it {}.", name,
                                        name_of(q->provenance), name_of(rows)));
    }
    if (lower != nullptr && q->value < lower->value && !agrees(q->value, lower->value)) {
      out.add("boundary-order",
              fmt::format("{} is smaller than {}; boundaries are cumulative.", name, lower_name));
    }
    if (previous >= 0 && b != previous + 1) {
      out.add("boundary-order", fmt::format("{} follows {} with a boundary left out between them.",
                                            name, lower_name));
    }
    lower = q;
    lower_name = name;
    previous = b;
  }
  for (const RecordRow& row : record.ledger) {
    if (static_cast<int>(row.boundary) > previous && row.energy_J > 0) {
      out.add("ledger-sum", fmt::format("{} lies at {}, where no energy_Bx_J_per_mac reports it.",
                                        row_name("ledger", row), name_of(row.boundary)));
    }
  }
}

void check_movement(Findings& out) {
  const Record& record = out.record();
  const double moved = sum_up_to(record.ledger, Boundary::B2, Category::movement);
  check_sum("data_movement_J_per_mac", moved, record.work.macs, out);
  const Quantity* share = record.find("data_movement_share_frac");
  if (share == nullptr) return;
  if (record.find("energy_B2_J_per_mac") == nullptr) {
    out.add("ledger-sum",
            "data_movement_share_frac is given, but energy_B2_J_per_mac, which it shares, is not.");
    return;
  }
  const double total = sum_up_to(record.ledger, Boundary::B2);
  if (!agrees(share->value * total, moved)) {
    out.add(
        "ledger-sum",
        fmt::format("data_movement_share_frac is {}, but movement rows are {} J of {} J up to B2.",
                    share->value, moved, total));
  }
}

void check_setup(Findings& out) {
  const Record& record = out.record();
  const Quantity* setup = record.find("setup_energy_J");
  const Quantity* calibration = record.find("calibration_energy_J");
  if (setup == nullptr && calibration == nullptr) return;
  const double reported =
      (setup == nullptr ? 0 : setup->value) + (calibration == nullptr ? 0 : calibration->value);
  const double rows = sum_up_to(record.setup_ledger, Boundary::B5);
  if (std::isfinite(reported) && !agrees(reported, rows)) {
    out.add(
        "ledger-sum",
        fmt::format("setup and calibration energy are {} J, but the setup ledger's rows add up to "
                    "{} J.",
                    reported, rows));
  }
}

void check_meter_order(Findings& out) {
  for (int b = 0; b < kBoundaries; ++b) {
    const auto name = name_of(static_cast<Boundary>(b));
    const Quantity* gross = out.record().find(fmt::format("measured_energy_{}_J_per_mac", name));
    const Quantity* net = out.record().find(fmt::format("measured_net_energy_{}_J_per_mac", name));
    if (gross != nullptr && net != nullptr && net->value > gross->value) {
      out.add("boundary-order",
              fmt::format("measured net energy at {} is larger than the gross energy.", name));
    }
  }
}

void check_theory_bound(Findings& out) {
  const Record& record = out.record();
  const auto it = record.point.find("theory_bound");
  if (it == record.point.end() || !it->is_boolean() || !it->get<bool>()) return;
  for (int b = 1; b < kBoundaries; ++b) {
    const std::string name = fmt::format("energy_{}_J_per_mac", name_of(static_cast<Boundary>(b)));
    if (record.find(name) != nullptr) {
      out.add(
          "theory-bound",
          fmt::format("the device is a bound of theory and stops at B0, but {} is given.", name));
    }
  }
}

}  // namespace

bool agrees(double a, double b) noexcept {
  return a == b || std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b));
}

void check_ledger(Findings& out) {
  check_rows("ledger", out.record().ledger, out);
  check_rows("setup ledger", out.record().setup_ledger, out);
  check_energies(out);
  check_movement(out);
  check_setup(out);
  check_meter_order(out);
  check_theory_bound(out);
}

}  // namespace jb::results
