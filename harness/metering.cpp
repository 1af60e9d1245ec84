#include "harness/metering.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>

#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/join_log.h"
#include "harness/network_map.h"
#include "harness/point_identity.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;

/// The machines of the point's map, or its backend.
std::vector<const Backend*> backends_of(const PointSpec& point) {
  if (point.map.empty()) return {&find_backend(point.backend)};
  std::vector<const Backend*> all;
  for (const MapRule& rule : map_rules_from(point.map)) {
    all.push_back(&find_backend(rule.backend));
  }
  return all;
}

double since_s(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// By the device's clock where it has one; stretches of at most half a second, because a device
/// chooses its own number of products.
meter::Work work_of(const MeasuredBody& body) {
  return [&body](double seconds) {
    constexpr double kStretch_s = 0.5;
    meter::WorkDone done;
    const Clock::time_point start = Clock::now();
    bool own_clock = body.on_device != nullptr;
    do {
      if (own_clock) {
        const auto timing = body.on_device({std::min(seconds, kStretch_s), 0, 1});
        own_clock = timing.has_value();
        if (own_clock) {
          // One product more than were timed tells the device how many fill the stretch.
          done.executions += timing->iterations + 1;
          done.device_s += timing->times_s.front() * static_cast<double>(timing->iterations + 1);
          continue;
        }
      }
      body.execute();
      ++done.executions;
    } while (since_s(start) < seconds);
    return done;
  };
}

/// The windows of one point, alone or in turn with others.
MeteredRun make_windows(const PointContext& context, const Metering& metering,
                        const meter::Work& work) {
  MeteredRun run;
  run.machines = machines_of(context.point);
  if (!metering.times_only) run.which = meters_of(*metering.bench, context.point);
  run.rules = metering.rules;
  const meter::WindowMaker maker(*metering.bench, run.which, metering.rules);
  run.rules.window_s = maker.window_s();
  const Seat* seat = context.options.seat;
  const auto pass = [&] {
    if (seat == nullptr) return;
    seat->turn->pass();
    set_thread_count(threads_of(context.point));  // another point's may have been set meanwhile
  };
  if (seat != nullptr) {
    run.interleaved = seat->points;
    pass();
  } else {
    run.idle_before = maker.idle();
  }
  for (int i = 0; i < metering.rules.windows; ++i) {
    if (metering.stop && metering.stop()) throw MeteringStopped{};
    if (i == 0) {
      run.warm_up = maker.warm_up(work);
    } else if (seat != nullptr && seat->points > 1) {
      maker.warm_again(work);
    }
    run.windows.push_back(maker.window(work));
    pass();
  }
  if (seat != nullptr) {
    if (!seat->idle->error.empty()) throw Error(ErrorCode::not_available, seat->idle->error);
    run.idle_before = seat->idle->before;
    run.idle_after = seat->idle->after;
  } else {
    run.idle_after = maker.idle();
  }
  return run;
}

void add_window_time(Outcome& outcome, const MeteredRun& run) {
  Timing timing;
  for (const meter::Window& window : run.windows) {
    timing.times_s.insert(timing.times_s.end(), window.times_s.begin(), window.times_s.end());
  }
  timing.iterations = run.windows.front().executions /
                      static_cast<std::int64_t>(run.windows.front().times_s.size());
  timing.engine = "windows of the meter";
  timing.clock = run.windows.front().device_clock ? "device clock" : "steady clock";
  add_measured_time(outcome, timing, {run.rules.window_s, run.warm_up.seconds, run.rules.windows});
}

void add_plain_time(Outcome& outcome, const PointContext& context, const MeasuredBody& body) {
  const TimingOptions options = context.timing();
  if (body.known) return add_measured_time(outcome, *body.known, options);
  if (body.on_device) {
    if (const auto timing = body.on_device(options)) {
      return add_measured_time(outcome, *timing, options);
    }
  }
  add_measured_time(outcome, time_repeatedly(body.execute, options), options);
}

}  // namespace

EnergyMode energy_mode_from(const std::string& text) {
  if (text == "auto") return EnergyMode::automatic;
  if (text == "model") return EnergyMode::model;
  if (text == "meter") return EnergyMode::meter;
  const std::vector<std::string> names = {"auto", "model", "meter"};
  fail_usage("--energy: unknown '{}'{} (there are: {})", text, did_you_mean(text, names),
             join(names));
}

std::vector<meter::Machine> machines_of(const PointSpec& point) {
  std::vector<meter::Machine> machines;
  for (const Backend* backend : backends_of(point)) {
    const meter::Machine machine =
        backend->info().id == "cublas" ? meter::Machine::gpu : meter::Machine::cpu;
    if (std::find(machines.begin(), machines.end(), machine) == machines.end()) {
      machines.push_back(machine);
    }
  }
  return machines;
}

std::vector<std::size_t> meters_of(const meter::Bench& bench, const PointSpec& point) {
  std::vector<std::size_t> which;
  for (const meter::Machine machine : machines_of(point)) {
    for (const std::size_t i : bench.usable(machine)) {
      if (std::find(which.begin(), which.end(), i) == which.end()) which.push_back(i);
    }
  }
  return which;
}

namespace {

Support draws_power(const PointSpec& point) {
  for (const Backend* backend : backends_of(point)) {
    const BackendInfo& info = backend->info();
    if (!info.simulated && !point.estimate) continue;
    return Support::no(
        fmt::format("{}{} draws no power that a meter could tell; take real hardware (--backend "
                    "onednn, cublas or reference), or leave --energy at auto",
                    point.estimate ? "" : info.id + ": ",
                    point.estimate ? "an estimate" : "a simulated machine"));
  }
  return Support::yes();
}

}  // namespace

Support on_real_hardware(const PointSpec& point) {
  if (Support power = draws_power(point); !power) return power;
  for (const Backend* backend : backends_of(point)) {
    if (const Support here = backend->available(); !here) {
      return Support::no(fmt::format("{} is unavailable: {}", backend->info().id, here.reason));
    }
  }
  return Support::yes();
}

Support can_be_metered(const PointSpec& point, const Metering& metering) {
  if (Support power = draws_power(point); !power) return power;
  if (metering.times_only) return Support::yes();
  for (const meter::Machine machine : machines_of(point)) {
    if (!metering.bench->usable(machine).empty()) continue;
    return Support::no(fmt::format(
        "{}: no meter for its {} ({})", point.map.empty() ? point.backend : "--map " + point.map,
        machine == meter::Machine::gpu ? "GPU" : "processor", metering.bench->missing(machine)));
  }
  return Support::yes();
}

void tell_unmetered(Outcome& outcome, const Metering& metering, const Error& why) {
  if (why.code() != ErrorCode::not_available) throw Error(why);
  if (metering.mode == EnergyMode::meter) {
    outcome.status = results::Status::failed;
    outcome.reason = fmt::format("not metered: {}", why.what());
    return;
  }
  outcome.lints.push_back({"unmetered", fmt::format("unmetered: {}", why.what())});
}

void tell_energy(Outcome& outcome, const Metering& metering, const MeteredRun& run) {
  if (metering.times_only) return keep_times(outcome, run);
  try {
    add_metered_energy(outcome, *metering.bench, run);
  } catch (const Error& error) {
    tell_unmetered(outcome, metering, error);
  }
}

void add_measurement(Outcome& outcome, const PointContext& context, const MeasuredBody& body) {
  const Metering* metering = context.options.metering.get();
  if (metering == nullptr || !can_be_metered(context.point, *metering)) {
    return add_plain_time(outcome, context, body);
  }
  const meter::Work work = work_of(body);
  try {
    const MeteredRun run = make_windows(context, *metering, work);
    add_window_time(outcome, run);
    tell_energy(outcome, *metering, run);
  } catch (const Error& error) {
    tell_unmetered(outcome, *metering, error);
    if (outcome.status != results::Status::failed) add_plain_time(outcome, context, body);
  }
}

bool has_measured_energy(const results::Record& record) {
  for (const auto& [name, quantity] : record.quantities) {
    if (name.rfind("measured_", 0) == 0 && quantity.provenance == Provenance::measured) return true;
  }
  return false;
}

}  // namespace jb::harness
