// One record's energy and time, row by row.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <vector>

#include "backends/core/text.h"
#include "harness/cli/explain.h"
#include "harness/cli/output.h"
#include "harness/cli/record_source.h"
#include "results/label.h"
#include "results/report/terminal_table.h"
#include "results/statistics/constants.h"

namespace jb::harness::cli {

namespace {

using results::Align;
using results::format_energy;
using results::format_si;
using results::Record;
using results::RecordRow;

// Numbers constants in order of first use, so that their sources stand once under the table.
class SourceNotes {
 public:
  std::string mark(const RecordRow& row) {
    const std::string key = row.constant + "\n" + row.source;
    const auto inserted = numbers_.emplace(key, numbers_.size() + 1);
    if (inserted.second) notes_.push_back({row.constant, row.cls, row.source});
    return fmt::format("[{}]", inserted.first->second);
  }

  [[nodiscard]] std::string text(int width) const {
    std::string out;
    for (std::size_t i = 0; i < notes_.size(); ++i) {
      out += wrap(
          fmt::format("[{}] {} (class {}): {}", i + 1, notes_[i][0], notes_[i][1], notes_[i][2]),
          width, 2);
    }
    return out;
  }

 private:
  std::map<std::string, std::size_t> numbers_;
  std::vector<std::array<std::string, 3>> notes_;
};

// "404.2 mW", "17.92 W": format_si puts a space before its prefix only.
std::string with_unit(double value, std::string_view unit) {
  std::string text = format_si(value, 4);
  if (text.find(' ') == std::string::npos) text += ' ';
  return text.append(unit);
}

std::string share_text(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f} %", 100 * part / whole) : "-";
}

std::string ledger_table(const std::vector<RecordRow>& ledger, SourceNotes& notes, int width) {
  double total = 0;
  for (const RecordRow& row : ledger) total += row.energy_J;
  const bool layers = std::any_of(ledger.begin(), ledger.end(),
                                  [](const RecordRow& row) { return !row.layer.empty(); });
  std::vector<results::Column> columns = {{"component action", Align::left, 0}};
  if (layers) columns.push_back({"layer", Align::left, 0});
  columns.insert(columns.end(), {{"count", Align::right, 0},
                                 {"J/action", Align::right, 0},
                                 {"energy", Align::right, 0},
                                 {"share", Align::right, 0},
                                 {"B", Align::left, 0},
                                 {"cls", Align::left, 1},
                                 {"src", Align::left, 0}});
  std::vector<std::vector<std::string>> rows;
  for (const RecordRow& row : ledger) {
    std::vector<std::string> cells = {row.component + " " + row.action};
    if (layers) cells.push_back(row.layer);
    cells.insert(cells.end(), {format_si(row.count, 4), format_energy(row.energy_per_action_J, 3),
                               format_energy(row.energy_J, 3), share_text(row.energy_J, total),
                               std::string(name_of(row.boundary)), row.cls, notes.mark(row)});
    rows.push_back(std::move(cells));
  }
  results::TableStyle style;
  style.width = width;
  return results::render_table(columns, rows, style);
}

std::string sum_lines(const Record& record, int width) {
  std::string out;
  double sum = 0;
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = static_cast<Boundary>(b);
    const std::string name(name_of(boundary));
    const results::Quantity* quantity = record.find("energy_" + name + "_J_per_mac");
    for (const RecordRow& row : record.ledger) {
      if (row.boundary == boundary) sum += row.energy_J;
    }
    if (quantity == nullptr) continue;
    out += wrap(fmt::format("energy up to {} = sum of rows {} = {}; / {} MAC = {}/MAC", name,
                            b == 0 ? "of B0" : "of B0 to " + name, format_energy(sum, 4),
                            format_si(record.work.macs, 4), format_energy(quantity->value, 4)),
                width, 2);
  }
  if (const results::Quantity* moved = record.find("data_movement_J_per_mac")) {
    out += wrap(fmt::format("data movement = rows of category movement up to B2 / MAC = {}/MAC",
                            format_energy(moved->value, 4)),
                width, 2);
  }
  if (const results::Quantity* share = record.find("data_movement_share_frac")) {
    out += wrap(fmt::format("share of data movement = that / energy up to B2 = {:.1f} %",
                            100 * share->value),
                width, 2);
  }
  return out;
}

std::string time_lines(const Record& record, int width) {
  std::string out;
  const results::Quantity* device_time = record.find("device_time_s");
  if (device_time != nullptr) {
    out += wrap(fmt::format("device time = {} ({}; {})", with_unit(device_time->value, "s"),
                            name_of(device_time->provenance), device_time->source),
                width, 2);
  }
  if (const results::Quantity* rate = record.find("throughput_mac_per_s")) {
    out += wrap(fmt::format("throughput = MAC / device time = {}", with_unit(rate->value, "MAC/s")),
                width, 2);
  }
  if (const results::Quantity* power = record.find("average_power_W")) {
    out += wrap(fmt::format("average power = energy up to the highest boundary / device time = {}",
                            with_unit(power->value, "W")),
                width, 2);
  }
  if (const results::Quantity* host = record.find("host_time_s")) {
    out += wrap(fmt::format("host time (this program's own) = {}", with_unit(host->value, "s")),
                width, 2);
  }
  return out;
}

bool told_above(const std::string& name) {
  return name.rfind("energy_B", 0) == 0 || name.rfind("data_movement_", 0) == 0 ||
         name == "device_time_s" || name == "host_time_s" || name == "throughput_mac_per_s" ||
         name == "average_power_W";
}

std::string other_quantities(const Record& record, int width) {
  std::string out;
  for (const auto& [name, quantity] : record.quantities) {
    if (told_above(name)) continue;
    std::string text = fmt::format("{} = {:.6g}", name, quantity.value);
    if (quantity.ci_low && quantity.ci_high) {
      text += fmt::format(" [{:.4g}, {:.4g}] ({})", *quantity.ci_low, *quantity.ci_high,
                          quantity.interval_kind);
    }
    text += fmt::format(" ({}; {})", name_of(quantity.provenance), quantity.source);
    out += wrap(text, width, 2);
  }
  return out;
}

std::string heading(const Record& record, int width) {
  std::string out = wrap(
      fmt::format("{}, record {}", results::point_label(record.point), record.record_id), width);
  if (record.status != results::Status::ok) {
    out += wrap(fmt::format("{}: {}", results::name_of(record.status), record.reason), width, 2);
  }
  out += wrap(fmt::format("work: {} MAC logical, {} executed, {} bytes compulsory",
                          format_si(record.work.macs, 4), format_si(record.work.executed_macs, 4),
                          format_si(record.work.compulsory_bytes, 4)),
              width, 2);
  return out + wrap("again: " + record.repro, width, 2);
}

constexpr std::size_t kMostBars = 8;  // of the tornado: the rest moves nothing

// Which constants the uncertainty of the total comes from.
std::string tornado_table(const Record& record, int width) {
  Boundary limit = Boundary::B0;
  for (const RecordRow& row : record.ledger) limit = std::max(limit, row.boundary);
  const std::vector<results::TornadoBar> bars = results::tornado(record, limit);
  if (bars.empty()) return {};
  std::vector<std::vector<std::string>> rows;
  for (std::size_t i = 0; i < std::min(bars.size(), kMostBars); ++i) {
    const results::TornadoBar& bar = bars[i];
    rows.push_back({bar.constant, bar.cls, format_energy(bar.low_J_per_mac, 3),
                    format_energy(bar.high_J_per_mac, 3), share_text(bar.share, 1)});
  }
  results::TableStyle style;
  style.width = width;
  return results::render_table({{"constant at its 95 % ends", Align::left, 0},
                                {"cls", Align::left, 1},
                                {"least J/MAC", Align::right, 0},
                                {"most J/MAC", Align::right, 0},
                                {"share", Align::right, 0}},
                               rows, style);
}

}  // namespace

std::string explain_record(const Record& record, int width) {
  SourceNotes notes;
  std::string out = heading(record, width);
  if (!record.ledger.empty()) {
    out += "\nexecution: energy = count x J/action\n" + ledger_table(record.ledger, notes, width);
    out += "\ntotals\n" + sum_lines(record, width);
  } else if (record.status == results::Status::ok) {
    out += "\nno energy: the device has no energy data, so no joules are claimed\n";
  }
  const std::string amortised = amortisation_lines(record, width);
  if (!amortised.empty()) {
    out += "\nwhat amortises symbols and readouts: (E7) of Hamerly et al., PRX 9, 021032\n" +
           amortised;
  }
  const std::string times = time_lines(record, width);
  if (!times.empty()) out += "\ntimes\n" + times;
  if (!record.setup_ledger.empty()) {
    out += "\nsetup and calibration, before the execution and not in its totals\n" +
           ledger_table(record.setup_ledger, notes, width);
  }
  const std::string uncertain = tornado_table(record, width);
  if (!uncertain.empty()) {
    out += "\nuncertainty of the total: one constant moved, the others as they are\n" + uncertain;
  }
  const std::string others = other_quantities(record, width);
  if (!others.empty()) out += "\nother quantities\n" + others;
  const std::string sources = notes.text(width);
  if (!sources.empty()) out += "\nconstants and their sources\n" + sources;
  if (!record.lints.empty()) out += "\nnotes\n";
  for (const results::Lint& lint : record.lints) {
    out += wrap(lint_text(lint), width, 2);
  }
  return out;
}

}  // namespace jb::harness::cli
