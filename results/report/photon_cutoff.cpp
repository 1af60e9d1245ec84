#include "results/report/photon_cutoff.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "results/report/text_layout.h"

namespace jb::results {
namespace {

constexpr const char* kKnob = "n_mac";
constexpr double kTenPercent = 0.1;

std::string text_of(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : "";
}

std::optional<double> number_of(const Json& json, const char* key) {
  if (!json.contains(key) || !json[key].is_number()) return std::nullopt;
  return json[key].get<double>();
}

/// Everything that tells sweeps apart: the point without the knob and without what follows from it.
std::string key_of(const Record& record) {
  Json point = record.point;
  for (const char* key : {"device_hash", "implementation"}) point.erase(key);
  if (point.contains("set")) point["set"].erase(kKnob);
  return point.dump();
}

std::string settings_of(const Record& record) {
  std::string text;
  const Json set = record.point.value("set", Json::object());
  for (const auto& [key, value] : set.items()) {
    if (key == kKnob) continue;
    text += (text.empty() ? "" : " ") + key + "=" +
            (value.is_string() ? value.get<std::string>() : value.dump());
  }
  return text;
}

/// The energy at the highest boundary that the record knows.
const Quantity* highest_energy(const Record& record, std::string& boundary) {
  for (int b = kBoundaries - 1; b >= 0; --b) {
    const std::string name(name_of(static_cast<Boundary>(b)));
    if (const Quantity* q = record.find(fmt::format("energy_{}_J_per_mac", name))) {
      boundary = name;
      return q;
    }
  }
  return nullptr;
}

std::optional<PhotonPoint> point_of(const Record& record, PhotonSweep& sweep) {
  const Quantity* accuracy = record.find("accuracy_top1_frac");
  const auto photons = number_of(record.measurement, "photons_per_mac");
  const auto photon_J = number_of(record.measurement, "photon_energy_J");
  if (record.status != Status::ok || accuracy == nullptr || !photons || !photon_J) {
    return std::nullopt;
  }
  PhotonPoint point{*photons, 1 - accuracy->value, *photons * *photon_J, std::nullopt};
  if (!record.point.value("theory_bound", false)) {
    if (const Quantity* energy = highest_energy(record, sweep.machine_boundary)) {
      point.machine_J_per_mac = energy->value;
    }
  }
  return point;
}

std::string joules(const std::optional<double>& value) {
  return value ? fmt::format("{:.3g}", *value) : "-";
}

void append_cutoff(std::string& out, const PhotonSweep& sweep, double error, const char* name) {
  const std::optional<Cutoff> cutoff = sweep.cutoff(error);
  if (!cutoff) {
    out += fmt::format("  {:<18} {:>8.4f}  not crossed by this sweep\n", name, error);
    return;
  }
  out += fmt::format("  {:<18} {:>8.4f} {:>12.4g} {:>16.3g} {:>16}\n", name, error,
                     cutoff->photons_per_mac, cutoff->optical_J_per_mac,
                     joules(cutoff->machine_J_per_mac));
}

}  // namespace

std::optional<Cutoff> PhotonSweep::cutoff(double error) const {
  for (std::size_t i = points.size(); i-- > 1;) {
    const PhotonPoint& above = points[i];
    const PhotonPoint& below = points[i - 1];
    if (above.error > error || below.error <= error) continue;
    const double share = (below.error - error) / (below.error - above.error);
    const auto between = [share](double x, double y) {
      return std::exp((1 - share) * std::log(x) + share * std::log(y));
    };
    Cutoff found{error, between(below.photons_per_mac, above.photons_per_mac),
                 between(below.optical_J_per_mac, above.optical_J_per_mac), std::nullopt};
    if (below.machine_J_per_mac && above.machine_J_per_mac) {
      found.machine_J_per_mac = between(*below.machine_J_per_mac, *above.machine_J_per_mac);
    }
    return found;
  }
  return std::nullopt;
}

std::vector<PhotonSweep> photon_sweeps(const std::vector<Record>& records) {
  std::vector<PhotonSweep> sweeps;
  std::map<std::string, std::size_t> places;
  for (const Record& record : records) {
    PhotonSweep sweep;
    const std::optional<PhotonPoint> point = point_of(record, sweep);
    const auto clean = number_of(record.verification, "float_accuracy_top1_frac");
    if (!point || !clean) continue;
    const auto [place, added] = places.emplace(key_of(record), sweeps.size());
    if (added) {
      sweep.network = text_of(record.point, "network");
      sweep.dataset = text_of(record.point, "dataset");
      sweep.device = text_of(record.point, "device");
      sweep.settings = settings_of(record);
      sweep.trained_with_noise = record.verification.value("trained_with_noise", false);
      sweep.clean_error = 1 - *clean;
      sweeps.push_back(std::move(sweep));
    }
    sweeps[place->second].points.push_back(*point);
  }
  for (PhotonSweep& sweep : sweeps) {
    std::sort(sweep.points.begin(), sweep.points.end(),
              [](const PhotonPoint& a, const PhotonPoint& b) {
                return a.photons_per_mac < b.photons_per_mac;
              });
  }
  return sweeps;
}

std::string photon_cutoff_text(const std::vector<PhotonSweep>& sweeps) {
  std::string out;
  for (const PhotonSweep& sweep : sweeps) {
    out += printable(fmt::format("{} on {}, {}{}{}; trained with noise: {}; clean error {:.4f}",
                                 sweep.network, sweep.dataset, sweep.device,
                                 sweep.settings.empty() ? "" : " ", sweep.settings,
                                 sweep.trained_with_noise ? "yes" : "no", sweep.clean_error)) +
           "\n";
    const std::string machine =
        sweep.machine_boundary.empty() ? "machine J/MAC" : sweep.machine_boundary + " J/MAC";
    out += fmt::format("  {:<18} {:>8} {:>12} {:>16} {:>16}\n", "cut-off", "error", "photons/MAC",
                       "optical J/MAC", machine);
    append_cutoff(out, sweep, kTenPercent, "10 %-error");
    append_cutoff(out, sweep, 2 * sweep.clean_error, "twice-clean-error");
    out += "  sweep\n";
    for (const PhotonPoint& point : sweep.points) {
      out += fmt::format("  {:<18} {:>8.4f} {:>12.4g} {:>16.3g} {:>16}\n", "", point.error,
                         point.photons_per_mac, point.optical_J_per_mac,
                         joules(point.machine_J_per_mac));
    }
    out += "\n";
  }
  out +=
      "10 %-error: photons per MAC where the test error falls to 10 %. twice-clean-error: where "
      "it\n"
      "falls to twice that of the float network. Interpolated in the logarithm of photons per "
      "MAC.\n"
      "optical: light at the detectors alone. machine: the ledger up to the boundary named, laser "
      "at\n"
      "the wall plug included; - for a theory bound, which is no machine.\n";
  return out;
}

}  // namespace jb::results
