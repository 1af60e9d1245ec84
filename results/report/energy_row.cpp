#include "results/report/energy_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "results/label.h"
#include "results/report/terminal_table.h"

namespace jb::results {
namespace {

std::string compact(std::string text) {
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  return text;
}

bool is_unvalidated(const Record& record) {
  return std::any_of(record.lints.begin(), record.lints.end(),
                     [](const Lint& lint) { return lint.id == "unvalidated"; });
}

bool is_theory_bound(const Record& record) {
  return point_text(record.point, "theory_bound") == "true";
}

// Sets what the legend must explain and returns the mark.
std::string mark_of(const Quantity& q, const Record& record, bool energy, MarksUsed& marks) {
  if (q.provenance == Provenance::measured) {
    marks.measured = true;
    return "";
  }
  if (q.provenance == Provenance::literature) {
    marks.literature = true;
    return "*";
  }
  if (energy && is_theory_bound(record)) {
    marks.theory_bound = true;
    return "°";
  }
  if (energy && is_unvalidated(record)) {
    marks.unvalidated = true;
    return "?";
  }
  marks.modelled = true;
  return "~";
}

// "1.2e-3": one digit after the point, the exponent without padding.
std::string error_text(double error) {
  if (error == 0) return "0";
  std::string text = fmt::format("{:.1e}", error);
  const std::size_t sign = text.find('e') + 1;
  const std::size_t digit = text.find_first_not_of('0', sign + 1);
  std::string exponent = digit == std::string::npos ? "0" : text.substr(digit);
  if (text[sign] == '-') exponent.insert(0, "-");
  return text.substr(0, sign) + exponent;
}

// Keys with a column or a heading of their own, and what no user chose.
bool is_shown_elsewhere(const std::string& key) {
  static const std::set<std::string> kElsewhere{
      "op",          "backend",  "device",    "device_hash",  "model_version", "implementation",
      "m",           "n",        "k",         "network",      "dataset",       "batch",
      "age_s",       "shape",    "conv",      "theory_bound", "data.dist",     "dynamic",
      "tables_hash", "estimate", "shape_name"};
  return kElsewhere.count(key) != 0;
}

std::map<std::string, std::string> flattened(const Json& point) {
  std::map<std::string, std::string> flat;
  for (const auto& item : point.items()) {
    if (item.value().is_object()) {
      for (const auto& inner : item.value().items()) {
        flat[item.key() + "." + inner.key()] = plain_text(inner.value());
      }
    } else {
      flat[item.key()] = plain_text(item.value());
    }
  }
  return flat;
}

}  // namespace

bool rests_on_class_d(const Record& record, Boundary limit) {
  double total = 0;
  double class_d = 0;
  for (const RecordRow& row : record.ledger) {
    if (row.boundary > limit) continue;
    total += row.energy_J;
    if (row.cls == "D") class_d += row.energy_J;
  }
  return class_d > 0.5 * total;
}

std::map<std::string, std::string> settings_of(const Json& point) {
  std::map<std::string, std::string> settings = flattened(point);
  // Never calibrated: that clock is the age, which has its column.
  if (point_text(point, "calibration") == "none") settings.erase("since_calibration_s");
  for (auto it = settings.begin(); it != settings.end();) {
    it = is_shown_elsewhere(it->first) ? settings.erase(it) : std::next(it);
  }
  return settings;
}

EnergyRow energy_row(const Record& record, const std::string& label, MarksUsed& marks) {
  EnergyRow row;
  row.label = label;
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = static_cast<Boundary>(b);
    const Quantity* q = record.find(fmt::format("energy_{}_J_per_mac", name_of(boundary)));
    if (q == nullptr) continue;
    const int digits = is_unvalidated(record) || rests_on_class_d(record, boundary) ? 2 : 3;
    row.energy[static_cast<std::size_t>(b)] =
        compact(format_energy(q->value, digits)) + mark_of(*q, record, true, marks);
  }
  if (const Quantity* q = record.find("data_movement_share_frac")) {
    row.movement = fmt::format("{:.0f}%", 100 * q->value);
  }
  if (const Quantity* q = record.find("throughput_mac_per_s")) {
    row.rate = compact(format_si(q->value)) + mark_of(*q, record, false, marks);
  }
  if (const Quantity* q = record.find("accuracy_top1_frac")) {
    row.fidelity = fmt::format("{:.2f}%", 100 * q->value);
  } else if (const Quantity* error = record.find("relative_error_frobenius")) {
    row.fidelity = error_text(error->value);
  }
  const auto age = record.point.find("age_s");
  if (age != record.point.end() && age->is_number()) {
    row.age = compact(format_duration(age->get<double>()));
  }
  return row;
}

EnergyRow meter_row(const Record& record, MarksUsed& marks) {
  EnergyRow row;
  row.label = "  by meter";
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = name_of(static_cast<Boundary>(b));
    const Quantity* q = record.find(fmt::format("measured_energy_{}_J_per_mac", boundary));
    if (q == nullptr) continue;
    row.energy[static_cast<std::size_t>(b)] =
        compact(format_energy(q->value)) + mark_of(*q, record, true, marks);
  }
  return row;
}

std::string workload_heading(const Json& point) {
  std::string heading = workload_label(point);
  const std::string op = point_text(point, "op");
  if (op == "gemm" && point_text(point, "shape").empty()) {
    heading = fmt::format("gemm {} x {} x {}", point_text(point, "m"), point_text(point, "n"),
                          point_text(point, "k"));
  }
  if (op == "network" || op == "training") {
    const std::string batch = point_text(point, "batch");
    return batch.empty() ? heading : heading + ", batch " + batch;
  }
  const auto data = point.find("data");
  if (data != point.end()) {
    const std::string dist = point_text(*data, "dist");
    if (!dist.empty()) heading += ", " + dist;
  }
  const std::string dynamic = point_text(point, "dynamic");
  if (!dynamic.empty() && dynamic != "false" && dynamic != "none") {
    heading += dynamic == "true" ? ", B changes with each product" : ", dynamic " + dynamic;
  }
  return heading;
}

std::vector<std::string> row_labels(const std::vector<const Record*>& records) {
  struct Seen {
    std::set<std::string> values;
    std::size_t holders = 0;
  };
  struct Machine {
    std::size_t records = 0;
    std::map<std::string, Seen> keys;
  };
  std::map<std::string, Machine> machines;
  const auto machine_of = [](const Record& record) {
    return point_text(record.point, "backend") + " " + point_text(record.point, "device");
  };
  for (const Record* record : records) {
    Machine& machine = machines[machine_of(*record)];
    ++machine.records;
    for (const auto& setting : settings_of(record->point)) {
      Seen& seen = machine.keys[setting.first];
      seen.values.insert(setting.second);
      ++seen.holders;
    }
  }
  std::vector<std::string> labels;
  for (const Record* record : records) {
    std::string label = machine_of(*record);
    const Machine& machine = machines[label];
    for (const auto& setting : settings_of(record->point)) {
      const std::string& key = setting.first;
      const Seen& seen = machine.keys.at(key);
      const bool chosen = key.rfind("set.", 0) == 0;
      if (chosen || seen.values.size() > 1 || seen.holders < machine.records) {
        label += " " + (chosen ? key.substr(4) : key) + "=" + setting.second;
      }
    }
    if (point_text(record->point, "estimate") == "true") label += " (estimate)";
    labels.push_back(std::move(label));
  }
  return labels;
}

}  // namespace jb::results
