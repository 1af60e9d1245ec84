#pragma once
// What the runs of the ops share: the resolved point, the clocks, the memory check.

#include <memory>
#include <optional>
#include <string>

#include "backends/backend.h"
#include "harness/operand_record.h"
#include "harness/outcome.h"
#include "harness/runner.h"
#include "harness/workload_cache.h"

namespace jb::harness {

/// A point resolved against its backend and device file. References outlive the run.
struct PointContext {
  const PointSpec& point;
  const RunOptions& options;
  const Backend& backend;
  const DeviceSpec& spec;
  ElementType precision = ElementType::f32;

  /// Real hardware behind the backend: device time is measured.
  [[nodiscard]] bool measured() const { return !backend.info().simulated && !point.estimate; }
  [[nodiscard]] Provenance fidelity_provenance() const {
    return measured() ? Provenance::measured : Provenance::modelled;
  }
  /// Type of host tensors: what the arithmetic needs.
  [[nodiscard]] ElementType host_type() const {
    return precision == ElementType::f64 ? ElementType::f64 : ElementType::f32;
  }
  [[nodiscard]] TimingOptions timing() const {
    return {options.min_time_s, options.min_time_s / 2, options.repetitions, options.narrow,
            options.max_time_s};
  }
  /// "activity x prices of crossbar pcm-hermes"
  [[nodiscard]] std::string price_source() const;
  /// "time model of systolic tpu-v1"
  [[nodiscard]] std::string time_source() const;
};

/// The calibration of the point (a method with or without a schedule), or the device's own.
std::string calibration_of(const PointSpec& point, const Device& device);

/// Lives through the point's age: moves the device's clocks to each calibration that its schedule
/// asks for (one, `since_calibration_s` ago, without a schedule), calibrates, and moves them on to
/// the age. Plans must exist before.
Calibrations bring_to_age(const PointContext& context, Device& device);

/// Bytes that one element of the operands and of the result takes on the machine's memory link:
/// those of the precision for digital machines; one for machines behind converters, whose words no
/// preset makes wider than a byte in this model.
double link_bytes(const PointContext& context);

/// Least bytes that any schedule of the point's product or convolution moves to and from DRAM with
/// the memory that the device has on its chip; 0 where that is not known.
double communication_bytes(const PointContext& context, const Device& device);

/// Least bytes of one convolution: the raw input (not the lowered one; a stride larger than the
/// kernel skips elements, so no more than the lowered matrices hold), the result, and the filters
/// unless they are resident.
double conv_compulsory_bytes(const ConvShape& shape, double bytes, bool resident);

/// Least bytes that all runs of a network move: inputs that a linear node reads and outputs that
/// one writes; weights and what lies between layers may stay on the machine, and what the digital
/// side reads alone does not reach it.
double network_compulsory_bytes(const NetworkWorkload& workload, double bytes);

/// Least bytes that all runs of a network move to and from the DRAM of its machine, whatever the
/// schedule; 0 where the memory on its chip is not known.
double network_communication_bytes(const NetworkWorkload& workload, const Executable& executable,
                                   const Device& device, double bytes);

/// How the point's network is compiled for its machine. CannotRun when not even its largest layer
/// fits into memory.
CompileOptions compile_options(const PointContext& context, const GraphView& graph);

/// The point's workload from the run's cache, or from one of its own.
std::shared_ptr<WorkloadCache> workloads_of(const PointContext& context);

/// Counts of all runs of a workload without computing; null: with default operand statistics.
Activity estimated_runs(const Executable& executable, const NetworkWorkload& workload,
                        const NetworkStatistics* given);

/// Largest rounding error that explains a correct result: of measured machines, and of the ideal
/// device of a simulated backend without overrides; nothing for the others.
std::optional<double> expected_error_bound(const PointContext& context, ElementType host,
                                           std::int64_t k);

/// "no" with the sizes when `bytes` do not fit into the memory that is free now.
Support fits_in_memory(double bytes);

/// area_m2 of a modelled machine whose device file has areas.
void add_area(Outcome& outcome, const Device& device);

/// Lints that follow from the device file: unvalidated, theory-bound.
void add_device_lints(Outcome& outcome, const DeviceSpec& spec, const PriceTable& prices);

/// Thrown where a run ends without a result that is nobody's mistake; becomes the record's status.
struct CannotRun {
  results::Status status = results::Status::unsupported;
  std::string reason;
};

/// make(); what it refuses (a preset that describes another computer) is CannotRun.
template <class Make>
auto or_cannot_run(Make make) {
  try {
    return make();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::usage) throw;
    throw CannotRun{results::Status::unsupported, error.what()};
  }
}

/// device.plan() and device.compile(); what they refuse (a preset that describes another computer)
/// is CannotRun.
std::unique_ptr<Plan> make_plan(Device& device, const GemmShape& shape, const ConstMatrixRef& b,
                                OperandMode mode, const PlanOptions& options);
std::unique_ptr<Executable> make_executable(Device& device, const GraphView& graph,
                                            const CompileOptions& options);

/// Runs of one op on one open device.
struct GemmOperands {
  GemmShape shape;
  ConstMatrixRef a, b;
  MatrixRef c;
};
Outcome run_gemm(const PointContext& context, Device& device, const GemmOperands& operands);
Outcome run_conv(const PointContext& context, Device& device);
Outcome run_network(const PointContext& context, Device& device);
Outcome estimate_network(const PointContext& context, Device& device,
                         const NetworkStatistics* given);
Outcome run_training(const PointContext& context, Device& device);
Outcome estimate_training(const PointContext& context, Device& device,
                          const NetworkStatistics* given);
/// Refuses (usage) a training whose network does not exist or does not fit its data.
void check_training_data(const PointSpec& point);
/// Counts and prices of any op without computing it. Without statistics of a run, those take their
/// place that the operands are expected to have, with an interval.
Outcome estimate_on(const PointContext& context, Device& device, const GivenStatistics* given);

}  // namespace jb::harness
