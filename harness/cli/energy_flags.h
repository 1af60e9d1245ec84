#pragma once
// Flags that say where energy comes from, and how it is metered.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/metering.h"
#include "harness/point.h"
#include "results/record.h"

namespace CLI {
class App;
}

namespace jb::harness::cli {

struct EnergyFlags {
  std::string energy = "auto";
  std::string require;
  std::string power_log;
  std::string log_boundary = "B4";
  std::string profile = "ci";
  bool times_only = false;
  std::string window_s, windows, idle_s, warmup_s;  ///< "" = the profile's
};

/// --energy and --require-energy.
void add_energy_flags(CLI::App& verb, EnergyFlags& flags);
/// Those of the windows and of the external log, for verbs that meter.
void add_metering_flags(CLI::App& verb, EnergyFlags& flags);
/// --power-log and --power-log-boundary alone.
void add_power_log_flags(CLI::App& verb, EnergyFlags& flags);

/// Where meters are looked for, as environment and flags say.
meter::BenchOptions bench_options(const EnergyFlags& flags);

/// True for --energy meter and --require-energy measured. Usage error for words that are neither,
/// and for a measurement required of the model.
bool demands_meter(const EnergyFlags& flags);

/// Those, and --times-only: what a verb must be asked for that takes no windows by itself.
bool asks_for_windows(const EnergyFlags& flags);

/// The meters of a run: null when energy is modelled alone, or no point runs on real hardware.
/// Error (not_available) when --require-energy is not to be had, with what to do.
std::shared_ptr<Metering> metering_of(const EnergyFlags& flags,
                                      const std::vector<PointSpec>& points);

/// Refuses (not_available) meters asked of a verb that has none; `instead` says what to do.
void refuse_meter(const EnergyFlags& flags, const std::string& instead);

/// After a run: not_available when --require-energy was given and a point has no measured energy.
void check_measured(const EnergyFlags& flags, const std::vector<results::Record>& records);

}  // namespace jb::harness::cli
