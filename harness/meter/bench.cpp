#include "harness/meter/bench.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/text.h"
#include "harness/meter/hwmon.h"
#include "harness/meter/log_meter.h"
#include "harness/meter/nvml.h"
#include "harness/meter/powercap.h"

namespace jb::harness::meter {

std::string_view name_of(MeterStatus status) noexcept {
  switch (status) {
    case MeterStatus::available:
      return "available";
    case MeterStatus::rejected:
      return "rejected";
    case MeterStatus::unavailable:
      break;
  }
  return "unavailable";
}

Bench::Bench(BenchOptions options) : options_(std::move(options)) {
  if (!options_.finished_log.empty()) {
    states_.emplace_back();
    states_.back().candidate = finished_power_log(options_.finished_log, options_.log_boundary);
    states_.back().status = MeterStatus::available;
    meters_ = {states_.back().candidate.meter.get()};
    state_of_ = {0};
    sampler_ = std::make_unique<Sampler>(meters_);
    return;
  }
  if (options_.search) find();
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (states_[i].candidate.meter == nullptr) continue;
    meters_.push_back(states_[i].candidate.meter.get());
    state_of_.push_back(i);
  }
  sampler_ = std::make_unique<Sampler>(meters_);
  const std::vector<SelfTest> tests =
      self_test(meters_, *sampler_, options_.load_for, options_.self_test);
  for (std::size_t i = 0; i < tests.size(); ++i) {
    MeterState& state = states_[state_of_[i]];
    state.test = tests[i];
    state.status = tests[i].passed ? MeterStatus::available : MeterStatus::rejected;
    state.reason = tests[i].reason;
  }
  compare();
}

namespace {

/// Where each kind is looked for, and what names another place.
void tell_place(Candidate& candidate, const MeterPlaces& places) {
  const std::string& id = candidate.id;
  if (id == "rapl") {
    candidate.place = places.powercap.string();
    candidate.variable = "JOULEBENCH_POWERCAP_DIR";
  } else if (id == "rapl-perf") {
    candidate.place = places.event_source.string();
    candidate.variable = "JOULEBENCH_EVENT_SOURCE_DIR";
  } else if (id == "hwmon") {
    candidate.place = places.hwmon.string();
    candidate.variable = "JOULEBENCH_HWMON_DIR";
  } else if (id == "log") {
    candidate.place = places.power_log.string();
    candidate.variable = "JOULEBENCH_POWER_LOG";
  } else {
    candidate.place = places.nvml.empty() ? "libnvidia-ml.so.1" : places.nvml;
    candidate.variable = "JOULEBENCH_NVML_LIBRARY";
  }
}

}  // namespace

/// In order of preference within a machine: counters before samples, measured by the maker before
/// what a sensor's place leaves open.
void Bench::find() {
  std::vector<Candidate> found;
  found.push_back(find_powercap(options_.places));
  found.push_back(find_perf_event(options_.places, options_.perf));
  for (Candidate& candidate : find_nvml(options_.places)) found.push_back(std::move(candidate));
  found.push_back(find_hwmon(options_.places));
  found.push_back(find_power_log(options_.places, options_.log_boundary));
  for (Candidate& candidate : found) {
    tell_place(candidate, options_.places);
    MeterState state;
    state.reason = candidate.reason;
    state.candidate = std::move(candidate);
    states_.push_back(std::move(state));
  }
}

std::vector<std::size_t> Bench::usable(Machine machine) const {
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < meters_.size(); ++i) {
    const Machine of = meters_[i]->info().machine;
    if (state(i).status == MeterStatus::available && (of == machine || of == Machine::any)) {
      usable.push_back(i);
    }
  }
  // What covers a whole boundary of the machine comes first.
  std::stable_sort(usable.begin(), usable.end(), [this](std::size_t a, std::size_t b) {
    const auto rank = [this](std::size_t i) {
      const auto& boundary = meters_[i]->info().boundary;
      return boundary ? static_cast<int>(*boundary) : kBoundaries;
    };
    return rank(a) < rank(b);
  });
  return usable;
}

void Bench::compare() {
  for (std::size_t a = 0; a < meters_.size(); ++a) {
    for (std::size_t b = a + 1; b < meters_.size(); ++b) {
      const MeterInfo& first = meters_[a]->info();
      const MeterInfo& second = meters_[b]->info();
      if (state(a).status != MeterStatus::available || state(b).status != MeterStatus::available ||
          !same_extent(first, second)) {
        continue;
      }
      const double one = state(a).test.busy_W;
      const double other = state(b).test.busy_W;
      if (std::abs(one - other) <= kMostDisagreement_frac * std::max(one, other)) continue;
      disagreements_.push_back(fmt::format(
          "meters '{}' and '{}' disagree: {:.4g} W against {:.4g} W under the same load", first.id,
          second.id, one, other));
    }
  }
}

std::string Bench::missing(Machine machine) const {
  std::vector<std::string> reasons;
  for (const MeterState& state : states_) {
    if (state.status == MeterStatus::available) continue;
    if (state.candidate.machine != machine && state.candidate.id != "log") continue;
    std::string text =
        fmt::format("{} {}: {}", state.candidate.id, name_of(state.status), state.reason);
    if (!state.candidate.mend.empty()) text += "; " + state.candidate.mend;
    reasons.push_back(std::move(text));
  }
  return join(reasons, ". ");
}

Json to_json(const MeterState& state) {
  const Candidate& candidate = state.candidate;
  Json json = {{"id", candidate.id},
               {"measures", candidate.measures},
               {"machine", name_of(candidate.machine)},
               {"present", candidate.meter != nullptr},
               {"available", state.status == MeterStatus::available},
               {"status", name_of(state.status)},
               {"reason", state.reason},
               {"mend", candidate.mend},
               {"place", candidate.place},
               {"variable", candidate.variable}};
  if (candidate.meter == nullptr) return json;
  const MeterInfo& info = candidate.meter->info();
  if (state.status == MeterStatus::available && !candidate.reason.empty()) {
    json["note"] = candidate.reason;  // some of its counters cannot be read
  }
  json["boundary"] = info.boundary ? Json(name_of(*info.boundary)) : Json(nullptr);
  json["domains"] = Json::array();
  for (const Domain& domain : info.domains) {
    Json entry = {
        {"name", domain.name}, {"kind", name_of(domain.kind)}, {"counted", domain.counted}};
    if (!domain.note.empty()) entry["note"] = domain.note;
    json["domains"].push_back(std::move(entry));
  }
  json["update_period_s"] = info.update_period_s;
  json["resolution_J"] = info.resolution_J;
  json["uncertainty_frac"] = info.uncertainty_frac;
  json["uncertainty_source"] = info.uncertainty_source;
  json["self_test"] = {{"made", state.test.done},
                       {"passed", state.test.passed},
                       {"idle_W", state.test.idle_W},
                       {"busy_W", state.test.busy_W},
                       {"sigma_W", state.test.sigma_W}};
  return json;
}

}  // namespace jb::harness::meter
