#include "results/report/view.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "results/label.h"
#include "results/report/energy_row.h"
#include "results/statistics/constants.h"

namespace jb::results {
namespace {

Number number_of(const Record& record, const std::string& name) {
  Number number;
  const Quantity* q = record.find(name);
  if (q == nullptr) return number;
  number.value = q->value;
  if (q->ci_low && q->ci_high) {
    number.low = *q->ci_low;
    number.high = *q->ci_high;
  }
  if (q->provenance == Provenance::measured) number.mark = Mark::measured;
  if (q->provenance == Provenance::literature) number.mark = Mark::literature;
  return number;
}

double number_in(const Json& json, const char* key) {
  const auto it = json.find(key);
  return it != json.end() && it->is_number() ? it->get<double>() : Number::kUnknown;
}

bool has_lint(const Record& record, const char* id) {
  return std::any_of(record.lints.begin(), record.lints.end(),
                     [id](const Lint& lint) { return lint.id == id; });
}

}  // namespace

std::string_view name_of(Mark mark) noexcept {
  switch (mark) {
    case Mark::measured:
      return "measured";
    case Mark::modelled:
      return "modelled";
    case Mark::unvalidated:
      return "modelled, not validated";
    case Mark::theory_bound:
      return "theory bound";
    case Mark::literature:
      return "literature";
  }
  return "";
}

std::string_view sign_of(Mark mark) noexcept {
  switch (mark) {
    case Mark::measured:
      return "";
    case Mark::modelled:
      return "~";
    case Mark::unvalidated:
      return "?";
    case Mark::theory_bound:
      return "°";
    case Mark::literature:
      return "*";
  }
  return "";
}

int ViewRow::highest() const noexcept {
  for (int b = kBoundaries - 1; b >= 0; --b) {
    if (energy[static_cast<std::size_t>(b)].known()) return b;
  }
  return -1;
}

double ViewRow::error_axis() const noexcept {
  return accuracy.known() ? 1 - accuracy.value : error.value;
}

std::string View::machine(const ViewRow& row) const {
  const std::string& device = text(row.device);
  return device.empty() ? text(row.backend) : text(row.backend) + " " + device;
}

Interval class_interval(const std::vector<RecordRow>& rows, Boundary limit, double macs) {
  const SumOfConstants sum = sum_of_constants(rows, limit);
  if (!(sum.median_J > 0) || !(macs > 0)) return {};
  const double factor = sum.factor();
  return {sum.median_J / factor / macs, sum.median_J * factor / macs};
}

ViewBuilder::ViewBuilder() { intern(""); }

TextId ViewBuilder::intern(std::string_view text) {
  const auto added = ids_.emplace(std::string(text), static_cast<TextId>(view_.texts_.size()));
  if (added.second) view_.texts_.emplace_back(text);
  return added.first->second;
}

void ViewBuilder::add(const Record& record) {
  if (view_.rows.size() == View::kMostDetailed) drop_details();
  ViewRow row;
  const Json& point = record.point;
  row.record_id = record.record_id;
  row.point_id = record.point_id;
  row.time_utc = record.time_utc;
  row.status = record.status;
  const std::string op = point_text(point, "op");
  row.network = op == "network" || op == "training";
  row.op = intern(op);
  row.estimate = point_text(point, "estimate") == "true";
  row.backend = intern(point_text(point, "backend"));
  row.device = intern(point_text(point, "device"));
  row.workload = intern(workload_heading(point));
  row.dataset = intern(point_text(point, "dataset"));
  row.run = intern(record.run_id);
  row.reason = intern(record.reason);
  row.precision = intern(point_text(point, "precision"));
  row.calibration = intern(point_text(point, "calibration"));
  if (view_.runs.empty() || view_.runs.back() != record.run_id) {
    if (std::find(view_.runs.begin(), view_.runs.end(), record.run_id) == view_.runs.end()) {
      view_.runs.push_back(record.run_id);
    }
  }
  for (const auto& setting : settings_of(point)) {
    row.settings.emplace_back(intern(setting.first), intern(setting.second));
  }
  row.rate = number_of(record, "throughput_mac_per_s");
  row.device_time = number_of(record, "device_time_s");
  row.error = number_of(record, "relative_error_frobenius");
  row.accuracy = number_of(record, "accuracy_top1_frac");
  row.setup_J = number_of(record, "setup_energy_J");
  if (const Quantity* q = record.find("data_movement_share_frac")) row.movement_share = q->value;
  const double age = number_in(point, "age_s");
  row.age_s = std::isnan(age) ? 0 : age;
  row.since_calibration_s = number_in(point, "since_calibration_s");
  row.photons_per_mac = number_in(record.measurement, "photons_per_mac");
  if (record.work.compulsory_bytes > 0) {
    row.mac_per_byte = record.work.macs / record.work.compulsory_bytes;
  }
  add_energies(record, row);
  if (view_.rows.size() < View::kMostDetailed) row.repro = intern(record.repro);
  add_ledger(record, row);
  view_.rows.push_back(std::move(row));
}

void ViewBuilder::add_energies(const Record& record, ViewRow& row) {
  const bool unvalidated = has_lint(record, "unvalidated");
  const bool theory = point_text(record.point, "theory_bound") == "true";
  for (int b = 0; b < kBoundaries; ++b) {
    const auto boundary = static_cast<Boundary>(b);
    const auto at = static_cast<std::size_t>(b);
    row.metered[at] =
        number_of(record, fmt::format("measured_energy_{}_J_per_mac", name_of(boundary)));
    Number& energy = row.energy[at];
    energy = number_of(record, fmt::format("energy_{}_J_per_mac", name_of(boundary)));
    if (!energy.known()) continue;
    if (energy.mark == Mark::modelled && theory) {
      energy.mark = Mark::theory_bound;
    } else if (energy.mark == Mark::modelled && unvalidated) {
      energy.mark = Mark::unvalidated;
    }
    if (unvalidated || rests_on_class_d(record, boundary)) energy.digits = 2;
    if (energy.interval() || record.ledger.empty()) continue;
    const Interval interval = class_interval(record.ledger, boundary, record.work.macs);
    if (!(interval.high > interval.low)) continue;
    energy.low = std::min(interval.low, energy.value);
    energy.high = std::max(interval.high, energy.value);
    energy.from_classes = true;
  }
}

void ViewBuilder::add_ledger(const Record& record, ViewRow& row) {
  if (record.ledger.empty() || !(record.work.macs > 0)) return;
  std::set<TextId> sources;
  for (const RecordRow& line : record.ledger) {
    if (!line.source.empty()) sources.insert(intern(line.source));
  }
  row.sources.assign(sources.begin(), sources.end());

  // One bar a workload and machine is all that a figure of parts can show.
  const bool few = view_.rows.size() < View::kMostDetailed;
  const TextId machine = intern(view_.text(row.backend) + " " + view_.text(row.device));
  constexpr std::size_t kMostPictured = 5000;
  if (!few &&
      (pictured_.size() >= kMostPictured || pictured_.count({row.workload, machine}) != 0)) {
    return;
  }
  pictured_[{row.workload, machine}] = true;
  std::map<std::pair<Boundary, std::pair<TextId, Category>>, double> parts;
  for (const RecordRow& line : record.ledger) {
    parts[{line.boundary, {intern(line.component), line.category}}] +=
        line.energy_J / record.work.macs;
  }
  for (const auto& part : parts) {
    row.parts.push_back(
        {part.first.second.first, part.first.second.second, part.first.first, part.second});
  }
  if (!few) return;
  Json lines = Json::array();
  for (const RecordRow& line : record.ledger) {
    lines.push_back({intern(line.component + " " + line.action), static_cast<int>(line.category),
                     intern(line.layer), static_cast<int>(line.boundary), line.count,
                     line.energy_per_action_J, line.energy_J / record.work.macs, line.cls,
                     intern(line.source)});
  }
  row.ledger_json = lines.dump();
}

void ViewBuilder::drop_details() {
  for (ViewRow& row : view_.rows) {
    row.ledger_json = std::string();
    row.repro = 0;
  }
}

void ViewBuilder::label_rows() {
  // Within one workload and machine: a setting is told where the user made it (set.*) or where it
  // tells two records apart.
  struct Seen {
    TextId value = 0;
    std::size_t count = 0;
    bool varies = false;
  };
  struct Machine {
    std::size_t rows = 0;
    std::unordered_map<TextId, Seen> keys;
  };
  std::map<std::pair<TextId, TextId>, Machine> machines;
  const auto key_of = [&](const ViewRow& row) {
    return std::make_pair(row.workload, intern(view_.machine(row)));
  };
  for (const ViewRow& row : view_.rows) {
    Machine& machine = machines[key_of(row)];
    ++machine.rows;
    for (const auto& setting : row.settings) {
      Seen& seen = machine.keys[setting.first];
      if (seen.count++ == 0) seen.value = setting.second;
      seen.varies = seen.varies || seen.value != setting.second;
    }
  }
  for (ViewRow& row : view_.rows) {
    const Machine& machine = machines[key_of(row)];
    std::string label = view_.machine(row);
    for (const auto& setting : row.settings) {
      const Seen& seen = machine.keys.at(setting.first);
      const std::string& key = view_.text(setting.first);
      const bool chosen = key.rfind("set.", 0) == 0;
      if (!chosen && !seen.varies && seen.count == machine.rows) continue;
      label += " " + (chosen ? key.substr(4) : key) + "=" + view_.text(setting.second);
    }
    if (row.estimate) label += " (estimate)";
    row.label = intern(label);
  }
}

void ViewBuilder::add_run(const Json& run) {
  const auto text = [](const Json& json, const char* key) {
    const auto it = json.find(key);
    return it != json.end() && it->is_string() ? it->get<std::string>() : std::string();
  };
  if (!run.is_object() || !run.contains("devices") || !run["devices"].is_array()) return;
  for (const Json& device : run["devices"]) {
    if (!device.is_object()) continue;
    Validation validation;
    validation.machine = text(device, "backend") + " " + text(device, "device");
    validation.against = text(device, "validated_against");
    validation.published_J_per_mac = number_in(device, "published_J_per_mac");
    validation.ratio = number_in(device, "model_to_published_ratio");
    if (!(validation.published_J_per_mac > 0) || !(validation.ratio > 0)) continue;
    const auto known =
        std::find_if(view_.validations.begin(), view_.validations.end(),
                     [&](const Validation& other) { return other.machine == validation.machine; });
    if (known == view_.validations.end()) {
      view_.validations.push_back(std::move(validation));
    } else {
      *known = std::move(validation);
    }
  }
}

void keep_iso_accuracy(View& view, double error) {
  std::map<std::pair<TextId, std::string>, std::size_t> best;
  const auto energy_of = [](const ViewRow& row) {
    return row.energy[static_cast<std::size_t>(row.highest())].value;
  };
  for (std::size_t i = 0; i < view.rows.size(); ++i) {
    const ViewRow& row = view.rows[i];
    if (row.status != Status::ok || row.highest() < 0 || !(row.error_axis() <= error)) continue;
    const auto place = best.emplace(std::make_pair(row.workload, view.machine(row)), i);
    std::size_t& known = place.first->second;
    if (energy_of(row) < energy_of(view.rows[known])) known = i;
  }
  std::set<std::size_t> kept;
  for (const auto& entry : best) kept.insert(entry.second);
  std::vector<ViewRow> rows;
  for (std::size_t i = 0; i < view.rows.size(); ++i) {
    if (kept.count(i) != 0 || view.rows[i].status != Status::ok) {
      rows.push_back(std::move(view.rows[i]));
    }
  }
  view.rows = std::move(rows);
}

View ViewBuilder::finish() {
  label_rows();
  ids_.clear();
  return std::move(view_);
}

}  // namespace jb::results
