#include "harness/metering.h"

#include <fmt/core.h>

#include <chrono>

#include "backends/core/text.h"
#include "backends/core/threads.h"
#include "harness/point_identity.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;

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
                        std::vector<std::size_t> which, const meter::Work& work) {
  MeteredRun run;
  run.which = which;
  run.rules = metering.rules;
  const meter::WindowMaker maker(*metering.bench, std::move(which), metering.rules);
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

meter::Machine machine_of(const BackendInfo& info) {
  return info.id == "cublas" ? meter::Machine::gpu : meter::Machine::cpu;
}

Support can_be_metered(const BackendInfo& info, const PointSpec& point, const Metering& metering) {
  if (info.simulated || point.estimate) {
    return Support::no(
        fmt::format("{}: {} draws no power that a meter could tell; take real hardware (--backend "
                    "onednn, cublas or reference), or leave --energy at auto",
                    info.id, point.estimate ? "an estimate" : "a simulated machine"));
  }
  if (!point.map.empty()) {
    return Support::no("a network on several machines is not metered");
  }
  if (point.op == Op::training) {
    return Support::no("a training is not metered; meter its products with 'joulebench run'");
  }
  const meter::Machine machine = machine_of(info);
  if (metering.bench->usable(machine).empty()) {
    return Support::no(fmt::format("{}: no meter for its {} ({})", info.id,
                                   machine == meter::Machine::gpu ? "GPU" : "processor",
                                   metering.bench->missing(machine)));
  }
  return Support::yes();
}

void add_measurement(Outcome& outcome, const PointContext& context, const MeasuredBody& body) {
  const Metering* metering = context.options.metering.get();
  if (metering == nullptr || !can_be_metered(context.backend.info(), context.point, *metering)) {
    return add_plain_time(outcome, context, body);
  }
  std::vector<std::size_t> which = metering->bench->usable(machine_of(context.backend.info()));
  const meter::Work work = work_of(body);
  try {
    const MeteredRun run = make_windows(context, *metering, std::move(which), work);
    add_window_time(outcome, run);
    add_metered_energy(outcome, *metering->bench, run);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::not_available) throw;
    if (metering->mode == EnergyMode::meter) {
      outcome.status = results::Status::failed;
      outcome.reason = fmt::format("not metered: {}", error.what());
      return;
    }
    outcome.lints.push_back({"unmetered", fmt::format("unmetered: {}", error.what())});
    if (outcome.quantities.count("device_time_s") == 0) add_plain_time(outcome, context, body);
  }
}

bool has_measured_energy(const results::Record& record) {
  for (const auto& [name, quantity] : record.quantities) {
    if (name.rfind("measured_", 0) == 0 && quantity.provenance == Provenance::measured) return true;
  }
  return false;
}

}  // namespace jb::harness
