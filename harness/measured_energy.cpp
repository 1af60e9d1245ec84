// Windows become quantities, a block of the record and lints.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "backends/core/text.h"
#include "harness/join_log.h"
#include "harness/meter/energy_statistics.h"
#include "harness/metering.h"

namespace jb::harness {
namespace {

constexpr double kInvalidDrift_frac = 0.10;  // of idle power: the windows are not trusted
constexpr double kMostDrift_frac = 0.05;     // publishable
constexpr double kMostScatter_frac = 0.05;   // publishable
constexpr double kMostOthers_frac = 0.05;    // of all cores' time

/// What one meter told of the run.
struct Told {
  std::size_t index = 0;
  const meter::Meter* meter = nullptr;
  meter::EnergySeries series;
  meter::EnergyStatistics statistics;
  std::vector<double> domain_J;  // of one execution
};

/// Energy of all machines of the run: one meter's, or the sum of one meter for each machine.
struct Reading {
  std::optional<Boundary> boundary;
  std::vector<const Told*> parts;
  meter::EnergyStatistics statistics;
};

std::vector<double> joules_of(const meter::Bench& bench, std::size_t i, const meter::Span& span) {
  return bench.sampler().joules_between(i, span.from.at(i).value(), span.to.at(i).value());
}

double idle_power_W(const meter::Bench& bench, std::size_t i, const meter::Span& span) {
  const double seconds = span.to.at(i)->steady_s - span.from.at(i)->steady_s;
  return bench.meter(i).counted_J(joules_of(bench, i, span)) / seconds;
}

Told told_by(const meter::Bench& bench, const MeteredRun& run, std::size_t i) {
  Told told;
  told.index = i;
  told.meter = &bench.meter(i);
  const meter::MeterInfo& info = told.meter->info();
  told.domain_J.resize(info.domains.size());
  double executions = 0;
  for (const meter::Window& window : run.windows) {
    double counted_J = 0;
    double seconds = 0;
    for (const meter::Span& span : window.spans) {
      const std::vector<double> joules = joules_of(bench, i, span);
      for (std::size_t d = 0; d < joules.size(); ++d) told.domain_J[d] += joules[d];
      counted_J += told.meter->counted_J(joules);
      seconds += span.to[i]->steady_s - span.from[i]->steady_s;
    }
    told.series.joules.push_back(counted_J);
    told.series.seconds.push_back(seconds);
    told.series.executions.push_back(static_cast<double>(window.executions));
    executions += static_cast<double>(window.executions);
  }
  for (double& joules : told.domain_J) joules /= executions;
  told.series.idle_before_W = idle_power_W(bench, i, run.idle_before);
  told.series.idle_after_W = idle_power_W(bench, i, run.idle_after);
  told.series.idle_s = run.rules.idle_s;
  told.series.meter_frac = info.uncertainty_frac;
  told.series.update_period_s = info.update_period_s;
  told.statistics = meter::energy_statistics(told.series);
  return told;
}

/// The sum of one meter for each machine. Their gains are independent.
meter::EnergySeries sum_of(const std::vector<const Told*>& parts) {
  meter::EnergySeries sum = parts.front()->series;
  const auto total_J = [](const Told& told) {
    return std::accumulate(told.series.joules.begin(), told.series.joules.end(), 0.0);
  };
  double squares = std::pow(sum.meter_frac * total_J(*parts.front()), 2);
  double joules = total_J(*parts.front());
  for (std::size_t p = 1; p < parts.size(); ++p) {
    const meter::EnergySeries& more = parts[p]->series;
    for (std::size_t w = 0; w < sum.joules.size(); ++w) sum.joules[w] += more.joules[w];
    sum.idle_before_W += more.idle_before_W;
    sum.idle_after_W += more.idle_after_W;
    sum.update_period_s = std::max(sum.update_period_s, more.update_period_s);
    squares += std::pow(more.meter_frac * total_J(*parts[p]), 2);
    joules += total_J(*parts[p]);
  }
  if (joules > 0) sum.meter_frac = std::sqrt(squares) / joules;
  return sum;
}

/// The first meter of each machine that covers the boundary (none: whatever it covers); empty when
/// a machine has none.
std::vector<const Told*> one_for_each(const std::vector<Told>& all,
                                      const std::vector<meter::Machine>& machines,
                                      std::optional<Boundary> boundary) {
  std::vector<const Told*> parts;
  for (const meter::Machine machine : machines) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Told& told) {
      const meter::MeterInfo& info = told.meter->info();
      return info.machine == machine && (!boundary || info.boundary == boundary);
    });
    if (found == all.end()) return {};
    parts.push_back(&*found);
  }
  return parts;
}

/// Readings of all the run's machines, the preferred one first.
std::vector<Reading> readings_of(const std::vector<Told>& all, const MeteredRun& run) {
  std::vector<Reading> readings;
  const bool several = run.machines.size() > 1;
  if (several) {
    std::vector<const Told*> parts = one_for_each(all, run.machines, Boundary::B3);
    const std::optional<Boundary> boundary =
        parts.empty() ? std::nullopt : std::optional(Boundary::B3);
    if (parts.empty()) parts = one_for_each(all, run.machines, std::nullopt);
    if (!parts.empty()) {
      readings.push_back({boundary, parts, meter::energy_statistics(sum_of(parts))});
    }
  }
  for (const Told& told : all) {
    const meter::MeterInfo& info = told.meter->info();
    if (several && info.machine != meter::Machine::any) continue;
    readings.push_back({info.boundary, {&told}, told.statistics});
  }
  if (readings.empty()) {
    throw Error(ErrorCode::not_available, "not every machine of the map has a meter");
  }
  return readings;
}

void check_trust(const Told& told) {
  const meter::MeterInfo& info = told.meter->info();
  for (const double joules : told.series.joules) {
    if (!(joules > 0)) {
      throw Error(ErrorCode::not_available,
                  fmt::format("meter '{}' told no energy in a whole window", info.id));
    }
  }
  if (told.statistics.idle_drift_frac > kInvalidDrift_frac) {
    throw Error(ErrorCode::not_available,
                fmt::format("idle power moved from {:.4g} W before to {:.4g} W after the windows "
                            "(meter '{}', at most {:.0f} % allowed): stop other work and measure "
                            "again",
                            told.series.idle_before_W, told.series.idle_after_W, info.id,
                            100 * kInvalidDrift_frac));
  }
}

void add_estimate(Outcome& outcome, const std::string& name, const meter::Estimate& estimate,
                  double scale, std::size_t windows, std::string source) {
  results::Quantity quantity;
  quantity.value = estimate.value * scale;
  quantity.ci_low = (estimate.value - estimate.half_width) * scale;
  quantity.ci_high = (estimate.value + estimate.half_width) * scale;
  quantity.interval_kind = "combined";
  quantity.n = static_cast<std::int64_t>(windows);
  quantity.provenance = Provenance::measured;
  quantity.source = std::move(source);
  outcome.quantities[name] = std::move(quantity);
}

std::string source_of(const Reading& reading, const MeteredRun& run, const char* kind) {
  std::vector<std::string> meters;
  for (const Told* told : reading.parts) {
    meters.push_back(
        fmt::format("{} ({})", told->meter->info().title, told->meter->counted_names()));
  }
  return fmt::format("{}, mean of {} windows of {:.4g} s, {}", join(meters, " + "),
                     run.windows.size(), run.rules.window_s, kind);
}

void add_ratio(Outcome& outcome, Boundary boundary) {
  if (outcome.quantities.count("model_to_meter_ratio") != 0) return;
  const std::string modelled = fmt::format("energy_{}_J_per_mac", name_of(boundary));
  const auto model = outcome.quantities.find(modelled);
  const auto& meter = outcome.quantities.at("measured_" + modelled);
  if (model == outcome.quantities.end()) return;
  outcome.add("model_to_meter_ratio", model->second.value / meter.value,
              weakest(model->second.provenance, meter.provenance),
              fmt::format("{} by measured_{}, gross", modelled, modelled));
}

/// The first reading of each boundary gives its energies; of a run without any boundary, the first
/// reading its domains' joules.
void add_quantities(Outcome& outcome, const std::vector<Reading>& readings, const MeteredRun& run) {
  const double per_mac = run.executions_of_work / outcome.work.macs;
  const std::size_t n = run.windows.size();
  std::set<Boundary> written;
  for (const Reading& reading : readings) {
    if (!reading.boundary || !written.insert(*reading.boundary).second) continue;
    const std::string_view code = name_of(*reading.boundary);
    add_estimate(outcome, fmt::format("measured_energy_{}_J_per_mac", code),
                 reading.statistics.gross_J, per_mac, n, source_of(reading, run, "gross"));
    add_estimate(outcome, fmt::format("measured_net_energy_{}_J_per_mac", code),
                 reading.statistics.net_J, per_mac, n,
                 source_of(reading, run, "idle power subtracted"));
    add_ratio(outcome, *reading.boundary);
  }
  const Reading& first = readings.front();
  if (written.empty()) {
    add_estimate(outcome, "measured_domain_energy_J", first.statistics.gross_J,
                 run.executions_of_work, n, source_of(first, run, ("gross, " + run.unit).c_str()));
  }
  add_estimate(outcome, "average_power_W", first.statistics.power_W, 1, n,
               source_of(first, run, "gross"));
}

Json meter_json(const meter::Bench& bench, const Told& told, const Told& first) {
  const meter::MeterInfo& info = told.meter->info();
  const meter::EnergyStatistics& s = told.statistics;
  Json json = {{"id", info.id}, {"title", info.title}, {"self_test", "passed"}};
  json["boundary"] = info.boundary ? Json(name_of(*info.boundary)) : Json(nullptr);
  json["update_period_s"] = info.update_period_s;
  json["resolution_J"] = info.resolution_J;
  json["polls"] = bench.sampler().polls(told.index);
  json["domains_J"] = Json::object();
  json["not_counted"] = Json::object();
  for (std::size_t d = 0; d < info.domains.size(); ++d) {
    if (info.domains[d].counted) {
      json["domains_J"][info.domains[d].name] = told.domain_J[d];
    } else {
      json["not_counted"][info.domains[d].name] = info.domains[d].note;
    }
  }
  json["joules"] = told.series.joules;
  json["gross_J_per_execution"] = s.gross_J.value;
  json["net_J_per_execution"] = s.net_J.value;
  json["idle_before_W"] = told.series.idle_before_W;
  json["idle_after_W"] = told.series.idle_after_W;
  json["cv_frac"] = s.cv_frac;
  json["uncertainty"] = {{"sampling_frac", s.sampling_frac},
                         {"meter_frac", s.meter_frac},
                         {"meter_source", info.uncertainty_source},
                         {"quantisation_frac", s.quantisation_frac},
                         {"idle_frac_of_net", s.idle_frac}};
  if (&told != &first && meter::same_extent(info, first.meter->info())) {
    json["difference_to_first_frac"] = s.gross_J.value / first.statistics.gross_J.value - 1;
  }
  return json;
}

/// Sentences about what makes the numbers less than they could be; each is a lint too.
class Doubts {
 public:
  explicit Doubts(Outcome& outcome) : outcome_(outcome) {}
  void add(const std::string& id, const std::string& text) {
    outcome_.lints.push_back({id, id + ": " + text});
    texts_.push_back(text);
  }
  /// Without a lint of its own.
  void add_reason(const std::string& text) { texts_.push_back(text); }
  [[nodiscard]] const std::vector<std::string>& texts() const { return texts_; }

 private:
  Outcome& outcome_;
  std::vector<std::string> texts_;
};

void add_statistics_doubts(Doubts& doubts, const Reading& first, const MeteredRun& run) {
  if (!run.warm_up.steady) {
    doubts.add("not-steady", fmt::format("power was not yet steady after {:.3g} s of warm-up",
                                         run.warm_up.seconds));
  }
  if (first.statistics.idle_drift_frac > kMostDrift_frac) {
    doubts.add("idle-drift", fmt::format("idle power differs by {:.1f} % before and after",
                                         100 * first.statistics.idle_drift_frac));
  }
  if (first.statistics.cv_frac > kMostScatter_frac) {
    doubts.add("scatter", fmt::format("windows scatter by {:.1f} %, more than {:.0f} %",
                                      100 * first.statistics.cv_frac, 100 * kMostScatter_frac));
  }
  if (!(first.statistics.net_J.value > 0)) {
    doubts.add("net-not-positive", "the work drew no more than idling does");
  }
}

void add_agreement_doubts(Doubts& doubts, const meter::Bench& bench, const std::vector<Told>& all) {
  for (const std::string& text : bench.disagreements()) doubts.add("meters-disagree", text);
  for (std::size_t i = 1; i < all.size(); ++i) {
    const meter::MeterInfo& one = all[0].meter->info();
    const meter::MeterInfo& other = all[i].meter->info();
    if (!meter::same_extent(one, other)) continue;
    const double difference = all[i].statistics.gross_J.value / all[0].statistics.gross_J.value - 1;
    // A board's counter and its own sampled power see the same sensor.
    const bool same_sensor = one.machine == meter::Machine::gpu;
    const double most = same_sensor ? 0.05 : meter::kMostDisagreement_frac;
    if (std::abs(difference) <= most || !bench.disagreements().empty()) continue;
    doubts.add("meters-disagree",
               fmt::format("meter '{}' tells {:.1f} % {} than '{}'", other.id,
                           100 * std::abs(difference), difference > 0 ? "more" : "less", one.id));
  }
}

std::string listed(const std::set<std::string>& words) {
  return join(std::vector<std::string>(words.begin(), words.end()));
}

/// Throttling takes the status; what else ran beside is a lint.
void add_condition_doubts(Outcome& outcome, Doubts& doubts, const MeteredRun& run) {
  std::set<std::string> throttled;
  std::set<std::string> capped;
  std::set<std::string> others;
  std::uint64_t events = 0;
  double others_frac = 0;
  for (const meter::Window& window : run.windows) {
    throttled.insert(window.conditions.throttled.begin(), window.conditions.throttled.end());
    capped.insert(window.conditions.capped.begin(), window.conditions.capped.end());
    others.insert(window.conditions.other_processes.begin(),
                  window.conditions.other_processes.end());
    events += window.after.throttle_count - window.before.throttle_count;
    others_frac =
        std::max(others_frac, meter::other_share(window.before, window.after, window.seconds()));
  }
  if (events > 0) throttled.insert(fmt::format("{} throttle events of the processor", events));
  if (!throttled.empty()) {
    const std::string text = listed(throttled);
    doubts.add("throttled", text);
    outcome.status = results::Status::throttled;
    outcome.reason = "throttled while it was metered: " + text;
  }
  if (!capped.empty()) doubts.add("power-capped", listed(capped));
  if (!others.empty()) {
    doubts.add("other-processes", fmt::format("{} on the same board", listed(others)));
  }
  if (others_frac > kMostOthers_frac) {
    doubts.add("other-processes",
               fmt::format("other processes took {:.0f} % of the processors' time in a window",
                           100 * others_frac));
  }
}

Json conditions_json(const MeteredRun& run) {
  const meter::Window& last = run.windows.back();
  Json json = Json::object();
  const bool own = last.conditions.clock_Hz > 0;
  const double clock = own ? last.conditions.clock_Hz : last.after.clock_Hz;
  const double heat = own ? last.conditions.temperature_C : last.after.temperature_C;
  if (clock > 0) json["clock_Hz"] = clock;
  if (heat > 0) json["temperature_degC"] = heat;
  json["other_load_frac"] = meter::other_share(last.before, last.after, last.seconds());
  return json;
}

/// The run's rules and conditions, and what stands in the way of publishing it.
void describe(Outcome& outcome, Json& energy, const Doubts& doubts, const MeteredRun& run) {
  const std::string short_rules = run.rules.not_publishable();
  if (!short_rules.empty()) {
    outcome.lints.push_back({"not-publishable", fmt::format("not-publishable: profile {}: {}",
                                                            run.rules.profile, short_rules)});
  }
  energy["profile"] = run.rules.profile;
  energy["publishable"] = short_rules.empty() && doubts.texts().empty();
  energy["not_publishable_because"] = doubts.texts();
  if (!short_rules.empty()) energy["not_publishable_because"].push_back(short_rules);
  energy["interleaved_points"] = run.interleaved;
  energy["warmup_s"] = run.warm_up.seconds;
  energy["idle_s"] = run.rules.idle_s;
  add_times(energy, run);
}

}  // namespace

void add_metered_energy(Outcome& outcome, const meter::Bench& bench, const MeteredRun& run) {
  std::vector<Told> all;
  for (const std::size_t i : run.which) all.push_back(told_by(bench, run, i));
  const std::vector<Reading> readings = readings_of(all, run);
  const Reading& first = readings.front();
  for (const Told* part : first.parts) check_trust(*part);
  add_quantities(outcome, readings, run);

  Doubts doubts(outcome);
  add_statistics_doubts(doubts, first, run);
  add_agreement_doubts(doubts, bench, all);
  add_condition_doubts(outcome, doubts, run);
  Json& energy = outcome.measurement["energy"] = Json::object();
  describe(outcome, energy, doubts, run);
  energy["steady"] = run.warm_up.steady;
  energy["meters"] = Json::array();
  for (const Told& told : all) {
    energy["meters"].push_back(meter_json(bench, told, *first.parts.front()));
  }
  energy["conditions"] = conditions_json(run);
}

void keep_times(Outcome& outcome, const MeteredRun& run) {
  Doubts doubts(outcome);
  add_condition_doubts(outcome, doubts, run);
  outcome.lints.push_back(
      {kPendingLint, std::string(kPendingLint) +
                         ": windows were timed without a meter; join the log "
                         "with 'joulebench merge RUN -o DIR --power-log FILE'"});
  Json& energy = outcome.measurement["energy"] = Json::object();
  describe(outcome, energy, doubts, run);
  energy["publishable"] = false;
  energy["pending"] = "power log";
  energy["conditions"] = conditions_json(run);
}

}  // namespace jb::harness
