#pragma once
// Energy by meter: windows around a point's executions, and what they say in its record.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/meter/turn.h"
#include "harness/meter/windows.h"
#include "harness/outcome.h"
#include "harness/point_context.h"

namespace jb::harness {

/// Where the energy of points on real hardware comes from.
enum class EnergyMode {
  automatic,  ///< a meter that passed its self-test, where there is one; the model beside it
  model,      ///< no meter is looked for
  meter,      ///< points that cannot be metered are not run
};
/// Reads "auto", "model" or "meter"; usage error otherwise.
EnergyMode energy_mode_from(const std::string& text);

/// The meters of a run and how its windows are made. Shared by its points (RunOptions::metering,
/// null where energy is modelled alone).
struct Metering {
  std::shared_ptr<const meter::Bench> bench;
  meter::WindowRules rules;
  EnergyMode mode = EnergyMode::automatic;
  /// No meter is read: windows and idle time are kept with their times of day, for a log that is
  /// joined later (harness/join_log.h).
  bool times_only = false;
  std::function<bool()> stop;  ///< asked between windows; may be empty
};

/// Idle time of a group of points whose windows are interleaved; shared by them.
struct GroupIdle {
  meter::Span before, after;
  std::string error;  ///< why it could not be read; "" when it could
};

/// A point's place in such a group (RunOptions::seat).
struct Seat {
  meter::Turn* turn = nullptr;
  const GroupIdle* idle = nullptr;
  std::size_t points = 1;  ///< that take turns
};

/// Thrown between windows when the run is asked to stop: the point leaves no record.
struct MeteringStopped {};

/// The machines that a point draws power on: its backend's, or those of its map; each once.
std::vector<meter::Machine> machines_of(const PointSpec& point);
/// The meters that tell of them, the preferred ones of each machine first.
std::vector<std::size_t> meters_of(const meter::Bench& bench, const PointSpec& point);

/// Why the point cannot be metered, as --energy meter demands; yes where it can.
Support can_be_metered(const PointSpec& point, const Metering& metering);
/// Whether all its machines are real and here, with the reason when not.
Support on_real_hardware(const PointSpec& point);

/// What is timed, and metered where the run has a meter for the point's machine.
struct MeasuredBody {
  std::function<void()> execute;
  /// The machine's own clock (Plan::time_on_device); may be empty, and may give nothing.
  std::function<std::optional<Timing>(const TimingOptions&)> on_device = {};
  /// Of an execution so long that it is not repeated where no meter is read.
  std::optional<Timing> known = {};
};

/// device_time_s and throughput, by Google Benchmark or, where a meter is read, by the very windows
/// that it is read around; then the measured energies too.
void add_measurement(Outcome& outcome, const PointContext& context, const MeasuredBody& body);

/// What the windows of one point came to.
struct MeteredRun {
  std::vector<meter::Machine> machines = {meter::Machine::cpu};
  std::vector<std::size_t> which;  ///< meters, the preferred ones first
  /// Executions in the windows that make up the record's work: 1, or the samples of a training.
  double executions_of_work = 1;
  std::string unit = "one execution";
  meter::WindowRules rules;
  meter::WarmUp warm_up;
  std::vector<meter::Window> windows;
  meter::Span idle_before, idle_after;
  std::size_t interleaved = 1;  ///< points that took turns
};

/// Measured quantities, the record's `measurement.energy`, lints. `outcome.work.macs` and the
/// modelled energies must be there. Error (not_available) when the windows are not to be trusted;
/// nothing is added then.
void add_metered_energy(Outcome& outcome, const meter::Bench& bench, const MeteredRun& run);

/// add_metered_energy, or what is kept for a log (Metering::times_only). Where the windows are not
/// to be trusted: a lint, or a failed point where a meter is demanded.
void tell_energy(Outcome& outcome, const Metering& metering, const MeteredRun& run);
/// What a failed metering does to a point.
void tell_unmetered(Outcome& outcome, const Metering& metering, const Error& why);

/// Whether the record holds an energy that a meter told.
bool has_measured_energy(const results::Record& record);

}  // namespace jb::harness
