#include "harness/cli/energy_flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"

namespace jb::harness::cli {

namespace {

constexpr const char* kGroup = "Energy";
constexpr double kLongest_s = 86400;

double seconds_of(const char* flag, const std::string& text, double least) {
  double value = 0;
  if (!parse_number(text, value) || value < least || value > kLongest_s) {
    fail_usage("{}: '{}' is not a time of {} s to {} s", flag, text, shortest(least),
               shortest(kLongest_s));
  }
  return value;
}

meter::WindowRules rules_of(const EnergyFlags& flags) {
  check_choice("--measurement", flags.profile, {"ci", "published"});
  meter::WindowRules rules =
      flags.profile == "ci" ? meter::WindowRules::ci() : meter::WindowRules::published();
  if (!flags.window_s.empty()) rules.window_s = seconds_of("--window", flags.window_s, 0.01);
  if (!flags.idle_s.empty()) rules.idle_s = seconds_of("--idle", flags.idle_s, 0.01);
  if (!flags.warmup_s.empty()) {
    rules.warmup_most_s = seconds_of("--warmup", flags.warmup_s, 0.01);
    // Three parts must fit, or nothing could be found steady.
    rules.warmup_part_s = std::min(rules.warmup_part_s, rules.warmup_most_s / 4);
  }
  if (!flags.windows.empty()) {
    constexpr std::int64_t kMost = 10000;
    std::int64_t windows = 0;
    if (!parse_integer(flags.windows, windows) || windows < 2 || windows > kMost) {
      fail_usage("--windows: '{}' is not a whole number from 2 to {}", flags.windows, kMost);
    }
    rules.windows = static_cast<int>(windows);
  }
  return rules;
}

/// A window shorter than the meter's updates allow is asked for on purpose: the interval tells.
meter::WindowRules with_given_window(meter::WindowRules rules, const EnergyFlags& flags) {
  if (!flags.window_s.empty()) rules.updates = 1;
  return rules;
}

[[noreturn]] void fail_required(const std::string& why) {
  throw Error(
      ErrorCode::not_available,
      fmt::format("--require-energy measured: {}; 'joulebench doctor' shows every meter", why));
}

}  // namespace

void add_energy_flags(CLI::App& verb, EnergyFlags& flags) {
  verb.add_option("--energy", flags.energy,
                  "auto: by a meter that passed its self-test where there is one; model: no meter; "
                  "meter: points that cannot be metered are not run")
      ->type_name("HOW")
      ->group(kGroup);
  verb.add_option("--require-energy", flags.require,
                  "measured: exit 4 with what to do when a point's energy cannot be metered")
      ->type_name("measured")
      ->group(kGroup);
}

void add_power_log_flags(CLI::App& verb, EnergyFlags& flags) {
  verb.add_option(
          "--power-log", flags.power_log,
          "log of time,watts of an external wattmeter (seconds since 1970 or ISO 8601); a run "
          "needs one that goes on being written")
      ->type_name("FILE")
      ->group(kGroup);
  verb.add_option("--power-log-boundary", flags.log_boundary,
                  "what the wattmeter was put around: B3 the device, B4 the wall plug (default), "
                  "none a part of a machine")
      ->type_name("B3|B4|none")
      ->group(kGroup);
}

void add_metering_flags(CLI::App& verb, EnergyFlags& flags) {
  add_power_log_flags(verb, flags);
  verb.add_option("--measurement", flags.profile,
                  "ci: windows of 5 s, not publishable (default); published: of 60 s, five of "
                  "them, 30 s idle before and after")
      ->type_name("ci|published")
      ->group(kGroup);
  const auto add = [&](const char* name, std::string& out, const char* metavar, const char* help) {
    verb.add_option(name, out, help)->type_name(metavar)->group(kGroup);
  };
  verb.add_flag("--times-only", flags.times_only,
                "reads no meter: windows and idle time are kept with their times, for a log that "
                "'joulebench merge RUN -o DIR --power-log FILE' joins afterwards")
      ->group(kGroup);
  add("--window", flags.window_s, "S", "length of a measurement window");
  add("--windows", flags.windows, "N",
      "windows of a point, at least 2: its repeats, one after the other in this process");
  add("--idle", flags.idle_s, "S", "idle time before and after the windows");
  add("--warmup", flags.warmup_s, "S", "longest warm-up until power is steady");
}

meter::BenchOptions bench_options(const EnergyFlags& flags) {
  meter::BenchOptions options;
  if (!flags.power_log.empty()) options.places.power_log = flags.power_log;
  check_choice("--power-log-boundary", flags.log_boundary, {"B3", "B4", "none"});
  options.log_boundary = boundary_from(flags.log_boundary);
  return options;
}

bool asks_for_windows(const EnergyFlags& flags) { return demands_meter(flags) || flags.times_only; }

bool demands_meter(const EnergyFlags& flags) {
  const EnergyMode mode = energy_mode_from(flags.energy);
  if (!flags.require.empty() && flags.require != "measured") {
    fail_usage("--require-energy: '{}' is not 'measured'", flags.require);
  }
  if (!flags.require.empty() && mode == EnergyMode::model) {
    fail_usage("--energy model and --require-energy measured contradict each other");
  }
  return mode == EnergyMode::meter || !flags.require.empty();
}

namespace {

/// Refuses what --require-energy cannot have, with what to do.
void check_can_be_metered(const std::vector<PointSpec>& points, const Metering& metering) {
  for (const PointSpec& point : points) {
    if (const Support here = on_real_hardware(point); !here) fail_required(here.reason);
    if (const Support meter = can_be_metered(point, metering); !meter) fail_required(meter.reason);
  }
}

}  // namespace

std::shared_ptr<Metering> metering_of(const EnergyFlags& flags,
                                      const std::vector<PointSpec>& points) {
  const bool demanded = demands_meter(flags);
  const EnergyMode mode = energy_mode_from(flags.energy);
  meter::BenchOptions options = bench_options(flags);
  meter::WindowRules rules = with_given_window(rules_of(flags), flags);
  if (flags.times_only) {
    if (demanded || mode == EnergyMode::model || !flags.power_log.empty()) {
      fail_usage(
          "--times-only leaves the meter for later: give no --energy, --require-energy or "
          "--power-log beside it");
    }
    options.search = false;
  }
  const bool any_real = std::any_of(points.begin(), points.end(), [](const PointSpec& point) {
    return on_real_hardware(point).ok;
  });
  if (mode == EnergyMode::model || (!any_real && !demanded)) return nullptr;
  auto metering = std::make_shared<Metering>();
  metering->mode = demanded ? EnergyMode::meter : mode;
  metering->times_only = flags.times_only;
  metering->rules = std::move(rules);
  metering->bench = std::make_shared<meter::Bench>(std::move(options));
  if (!flags.require.empty()) check_can_be_metered(points, *metering);
  return metering;
}

void refuse_meter(const EnergyFlags& flags, const std::string& instead) {
  if (!demands_meter(flags)) return;
  throw Error(
      ErrorCode::not_available,
      fmt::format("{} cannot be had here: {}",
                  flags.require.empty() ? "--energy meter" : "--require-energy measured", instead));
}

void check_measured(const EnergyFlags& flags, const std::vector<results::Record>& records) {
  if (flags.require.empty()) return;
  for (const results::Record& record : records) {
    if (!has_measured_energy(record)) {
      fail_required(
          fmt::format("a point has no measured energy: {} ({})", record.reason, record.repro));
    }
  }
}

}  // namespace jb::harness::cli
