#include "results/pareto.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>

#include "results/label.h"
#include "results/report/text_layout.h"
#include "results/statistics/constants.h"

namespace jb::results {
namespace {

struct Candidate {
  ParetoRow row;
  std::vector<double> drawn;  ///< energies in each draw of the constants; empty: the value
};

double at_share(std::vector<double> values, double share) {
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(
                                        share * static_cast<double>(values.size() - 1) + 0.5);
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

/// The quantity that tells how wrong a record is, as an error.
const Quantity* quality_of(const Record& record, std::string& name) {
  if (const Quantity* accuracy = record.find("accuracy_top1_frac")) {
    name = "1 - accuracy_top1_frac";
    return accuracy;
  }
  name = "relative_error_frobenius";
  return record.find(name);
}

void set_error(const Quantity& q, bool is_accuracy, ParetoRow& row) {
  const double low = q.ci_low.value_or(q.value);
  const double high = q.ci_high.value_or(q.value);
  row.error = is_accuracy ? 1 - q.value : q.value;
  row.error_low = is_accuracy ? 1 - high : low;
  row.error_high = is_accuracy ? 1 - low : high;
}

double energy_in(const Candidate& c, std::size_t draw) {
  return c.drawn.empty() ? c.row.energy_J_per_mac : c.drawn[draw];
}

/// Marks those that nothing else beats in both; `energy` gives the energy of a candidate.
template <class Energy, class Mark>
void mark_front(const std::vector<Candidate>& candidates, Energy energy, Mark mark) {
  std::vector<std::size_t> order(candidates.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    const double x = energy(candidates[a]);
    const double y = energy(candidates[b]);
    return x != y ? x < y : candidates[a].row.error < candidates[b].row.error;
  });
  double least_error = HUGE_VAL;
  for (const std::size_t i : order) {
    if (candidates[i].row.error < least_error) {
      least_error = candidates[i].row.error;
      mark(i);
    }
  }
}

ParetoFront front_of(const std::string& group, std::vector<Candidate>&& candidates,
                     const std::string& quality) {
  mark_front(
      candidates, [](const Candidate& c) { return c.row.energy_J_per_mac; },
      [&](std::size_t i) { candidates[i].row.on_front = true; });
  for (std::size_t d = 0; d < ConstantDraws::kDraws; ++d) {
    mark_front(
        candidates, [d](const Candidate& c) { return energy_in(c, d); },
        [&](std::size_t i) {
          candidates[i].row.front_probability += 1.0 / static_cast<double>(ConstantDraws::kDraws);
        });
  }
  ParetoFront front;
  front.group = group;
  front.quality = quality;
  for (Candidate& c : candidates) front.rows.push_back(std::move(c.row));
  std::stable_sort(front.rows.begin(), front.rows.end(),
                   [](const ParetoRow& a, const ParetoRow& b) {
                     return a.energy_J_per_mac < b.energy_J_per_mac;
                   });
  return front;
}

std::string settings_of(const Json& point) {
  std::string text;
  const auto set = point.find("set");
  if (set != point.end() && set->is_object()) {
    for (const auto& item : set->items()) text += " " + item.key() + "=" + plain_text(item.value());
  }
  const std::string age = point_text(point, "age_s");
  if (!age.empty() && age != "0") text += " age=" + age;
  return text;
}

}  // namespace

std::vector<ParetoFront> pareto_fronts(const std::vector<Record>& records, Boundary boundary) {
  const std::string metric = fmt::format("energy_{}_J_per_mac", name_of(boundary));
  const std::string metered = "measured_" + metric;
  std::map<std::pair<std::string, std::string>, std::vector<Candidate>> groups;
  ConstantDraws draws;
  for (const Record& record : records) {
    if (record.status != Status::ok || point_text(record.point, "theory_bound") == "true") continue;
    const Quantity* energy = record.find(metered);
    const bool measured = energy != nullptr;
    if (!measured) energy = record.find(metric);
    std::string quality;
    const Quantity* error = quality_of(record, quality);
    if (energy == nullptr || error == nullptr) continue;
    Candidate c;
    c.row.label = point_text(record.point, "backend") + " " + point_text(record.point, "device") +
                  settings_of(record.point);
    c.row.record_id = record.record_id;
    c.row.provenance = energy->provenance;
    c.row.energy_J_per_mac = energy->value;
    c.row.energy_low = energy->ci_low.value_or(energy->value);
    c.row.energy_high = energy->ci_high.value_or(energy->value);
    if (!measured) c.drawn = drawn_energies(record, boundary, draws);
    if (!c.drawn.empty() && !energy->ci_low) {
      c.row.energy_low = std::min(at_share(c.drawn, 0.025), energy->value);
      c.row.energy_high = std::max(at_share(c.drawn, 0.975), energy->value);
    }
    set_error(*error, quality[0] == '1', c.row);
    std::string group = workload_label(record.point);
    const auto data = record.point.find("data");
    if (data != record.point.end()) group += " " + point_text(*data, "dist");
    const std::string dataset = point_text(record.point, "dataset");
    if (!dataset.empty()) group += " on " + dataset;
    groups[{group, quality}].push_back(std::move(c));
  }
  std::vector<ParetoFront> fronts;
  for (auto& [key, candidates] : groups) {
    fronts.push_back(front_of(key.first, std::move(candidates), key.second));
  }
  return fronts;
}

std::string describe(const std::vector<ParetoFront>& fronts, Boundary boundary, int width) {
  std::string text;
  for (const ParetoFront& front : fronts) {
    text += printable(fmt::format("{}: J/MAC at {} against {}", front.group, name_of(boundary),
                                  front.quality)) +
            "\n";
    text += fmt::format("  {:>4} {:27} {:19} machine\n", "P", "J/MAC (95 %)", "error (95 %)");
    for (const ParetoRow& row : front.rows) {
      const std::string energy = fmt::format("{:.3g} ({:.2g} to {:.2g})", row.energy_J_per_mac,
                                             row.energy_low, row.energy_high);
      std::string error = fmt::format("{:.3g}", row.error);
      if (row.error_low < row.error_high) {
        error += fmt::format(" ({:.2g} to {:.2g})", row.error_low, row.error_high);
      }
      std::string line = fmt::format(
          "{} {:3.0f}% {:27} {:19} {}{}", row.on_front ? "*" : " ", 100 * row.front_probability,
          energy, error, printable(row.label), row.provenance == Provenance::measured ? "" : " ~");
      if (static_cast<int>(line.size()) > width) line.resize(static_cast<std::size_t>(width));
      text += line + "\n";
    }
    text += "\n";
  }
  text +=
      "* on the front: nothing else has less J/MAC and less error; P: in how many draws of the "
      "constants,\ndrawn once for all rows; ~ modelled\n";
  return text;
}

}  // namespace jb::results
