#pragma once
// What running one point on one device instance gave; becomes a record.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "harness/point.h"
#include "harness/timing.h"
#include "harness/verification.h"
#include "results/record.h"

namespace jb::harness {

struct Outcome {
  results::Status status = results::Status::ok;
  std::string reason;
  std::string implementation;
  results::Work work;
  std::map<std::string, results::Quantity> quantities;
  std::vector<results::RecordRow> ledger;
  std::vector<results::RecordRow> setup_ledger;
  Json verification = Json::object();
  Json measurement = Json::object();
  Json statistics = Json::object();
  NetworkStatistics operands;  ///< of networks and trainings: the record's statistics
  std::vector<results::Lint> lints;
  Json layers = Json::object();  ///< of networks: the whole table (harness/layer_table.h)
  std::string predictions;       ///< of networks: little-endian, one after the other
  int prediction_bytes = 1;      ///< of each
  std::string labels;            ///< of a data set, a byte each: what the predictions should be

  /// A point that ended without a result.
  static Outcome stopped(results::Status status, std::string reason);
  void add(const std::string& name, double value, Provenance provenance, std::string source);
};

/// What the calibrations up to a point's age came to.
struct Calibrations {
  std::optional<Activity> cost;  ///< of all of them and of looking; empty when there was neither
  std::int64_t count = 0;
  double since_s = 0;  ///< seconds since the last one; the age when there was none
};

/// Counts of one point.
struct Counts {
  Activity setup;
  Calibrations calibration;
  Activity execution;
};

/// Everything that turns counts into joules, and the bounds that hold for the work.
struct Pricing {
  const PriceTable* prices = nullptr;
  const std::vector<std::string>* layer_names = nullptr;  ///< null: no layers
  std::string source;               ///< "activity x prices of crossbar pcm-hermes"
  bool digital_arithmetic = false;  ///< Landauer applies
  double compulsory_bytes = 0;      ///< of one execution; checked when prices know DRAM
  double communication_bytes = 0;   ///< likewise; 0: no such bound is known
  double temperature_C = 25;
  bool by_layer = false;  ///< rows of layers stay apart, however many they are
  /// Rows by layer beyond which those of all layers become one: two layers on a machine of a dozen
  /// components. A row is some 400 bytes, a record a few kB.
  std::size_t most_rows = 40;
};

/// Prices counts: energies per MAC at each known boundary, data movement, set-up, calibration and
/// the ledgers. Violated bounds make the outcome inconsistent. `outcome.work.macs` must be set.
void add_energy(Outcome& outcome, const Counts& counts, const Pricing& pricing);

/// 95 % intervals of the energies whose counts the operands decide, between what both ends of the
/// operands' statistics come to.
void bound_energies(Outcome& outcome, const PriceTable& prices, const Activity& one,
                    const Activity& other);

/// device_time_s and throughput of a modelled machine, average power, and its peak as a bound.
/// Nothing when the machine has no model of time (time_s = 0).
void add_modelled_time(Outcome& outcome, double time_s, double peak_mac_per_s,
                       const std::string& source);

/// device_time_s (median of repetitions, 95 % interval) and throughput of a measured machine;
/// `work_per_call` is the number of MACs that each timed call performs.
void add_measured_time(Outcome& outcome, const Timing& timing, const TimingOptions& options);

/// host_time_s: what this program took for one execution.
void add_host_time(Outcome& outcome, double time_s);

/// Relative error, SQNR and largest error; a result that is not finite, or that exceeds
/// `error_bound` (relative to ||A||_F ||B||_F), makes the outcome failed.
void add_fidelity(Outcome& outcome, const Fidelity& fidelity, std::optional<double> error_bound,
                  Provenance provenance);

/// "saturated: 0.3 % of samples clipped" becomes lint id ("saturated") and text; a layer's name
/// before it ("layer 'fc1': saturated: ...") stays in the text. One lint of each kind for each
/// layer.
void add_execution_lints(Outcome& outcome, const std::vector<std::string>& lints);

/// Makes the outcome inconsistent, keeping the reasons already there.
void add_inconsistency(Outcome& outcome, const std::string& reason);

/// Mean over device instances with 95 % intervals (interval_kind "instances"); rows are averaged.
Outcome average(const std::vector<Outcome>& outcomes);

}  // namespace jb::harness
