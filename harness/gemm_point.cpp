// One matrix product on one device.

#include <chrono>

#include "backends/energy/bounds.h"
#include "harness/host_matrix.h"
#include "harness/metering.h"
#include "harness/point_context.h"

namespace jb::harness {
namespace {

using Clock = std::chrono::steady_clock;

double elapsed_s(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Host operands, the float64 copies of the verification, and one packed copy inside the plan.
double memory_needed(const GemmShape& shape, ElementType host) {
  const double element = bytes_of(host);
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  return (m * k + k * n + m * n) * element + k * n * (2 * sizeof(double) + element) +
         m * n * element;
}

Pricing pricing_of(const PointContext& context, const Device& device, const GemmShape& shape,
                   bool resident) {
  Pricing pricing;
  pricing.prices = &device.prices();
  pricing.source = context.price_source();
  pricing.digital_arithmetic = context.backend.info().kind == "cmos";
  const double bytes = link_bytes(context);
  // An operand that stays on the machine need not cross its memory link in each execute.
  const double resident_bytes =
      resident ? static_cast<double>(shape.k) * static_cast<double>(shape.n) * bytes : 0;
  pricing.compulsory_bytes = compulsory_bytes(shape, bytes, bytes) - resident_bytes;
  pricing.communication_bytes = communication_bytes(context, device);
  pricing.temperature_C = context.point.temperature_C;
  return pricing;
}

void gather_rows(const ConstMatrixRef& a, std::span<const std::int64_t> rows,
                 MatrixView<double> out) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const Matrix<double> row = copy_as<double>(block_of(a, rows[i], 0, 1, a.cols));
    for (std::int64_t j = 0; j < a.cols; ++j) out(static_cast<std::int64_t>(i), j) = row(0, j);
  }
}

Fidelity verify(const PointContext& context, const GemmOperands& operands) {
  Fidelity fidelity;
  const auto rows = rows_to_verify(operands.shape, kFullVerificationMacs, context.point.seed);
  verify_product(
      fidelity, operands.shape,
      [&](std::span<const std::int64_t> names, MatrixView<double> out) {
        gather_rows(operands.a, names, out);
      },
      operands.b, read_only(operands.c), rows);
  return fidelity;
}

/// What is timed: executes; a dynamic operand is planned anew in each, as its use would.
MeasuredBody measured_body(Device& device, Plan& plan, const GemmOperands& operands,
                           OperandMode mode, const PlanOptions& options) {
  MeasuredBody body;
  body.execute = [&device, &plan, &operands, mode, &options] {
    if (mode == OperandMode::dynamic) {
      const auto fresh = device.plan(operands.shape, operands.b, mode, options);
      fresh->execute(operands.a, operands.c, Draw{}, Direction::forward);
    } else {
      plan.execute(operands.a, operands.c, Draw{}, Direction::forward);
    }
  };
  if (mode == OperandMode::dynamic) return body;
  body.on_device = [&plan](const TimingOptions& timing) -> std::optional<Timing> {
    auto times =
        plan.time_on_device({timing.min_time_s, timing.warmup_s, timing.repetitions, false});
    if (!times) return std::nullopt;
    return Timing{std::move(times->times_s), times->iterations, std::move(times->clock),
                  "device clock"};
  };
  return body;
}

}  // namespace

Outcome run_gemm(const PointContext& context, Device& device, const GemmOperands& operands) {
  const GemmShape& shape = operands.shape;
  const OperandMode mode = context.point.dynamic ? OperandMode::dynamic : OperandMode::stationary;
  if (const Support support = device.supports(shape, mode, context.precision); !support) {
    return Outcome::stopped(results::Status::unsupported, support.reason);
  }
  if (const Support memory = fits_in_memory(memory_needed(shape, operands.a.type)); !memory) {
    return Outcome::stopped(results::Status::unsupported, memory.reason);
  }
  if (context.measured()) {
    if (const Support clock = timing_available(); !clock) {
      return Outcome::stopped(results::Status::unavailable, clock.reason);
    }
  }

  const PlanOptions options{tag_of("gemm")};
  const auto plan = make_plan(device, shape, operands.b, mode, options);
  Counts counts;
  counts.calibration = bring_to_age(context, device);
  poison(operands.c);
  const Clock::time_point start = Clock::now();
  const Execution execution = plan->execute(operands.a, operands.c, Draw{}, Direction::forward);
  const double host_time_s = elapsed_s(start);
  if (context.options.on_executed) context.options.on_executed(*plan);
  counts.setup = plan->setup();
  counts.execution = execution.activity;

  Outcome outcome;
  outcome.implementation = plan->implementation();
  outcome.work.macs = shape.macs();
  const double bytes = link_bytes(context);
  outcome.work.compulsory_bytes = compulsory_bytes(shape, bytes, bytes);
  // A machine that is timed measures no operands; here they are read beside the clock.
  outcome.statistics =
      statistics_json(execution.statistics_known ? execution.statistics
                                                 : OperandStatistics{measure_operand(operands.a),
                                                                     measure_operand(operands.b)});
  outcome.measurement["stationary_operand"] = plan->resident() ? "resident" : "reloaded";
  outcome.measurement["reuse_rows_per_load"] = shape.m;
  add_host_time(outcome, host_time_s);
  add_fidelity(outcome, verify(context, operands),
               expected_error_bound(context, operands.a.type, shape.k),
               context.fidelity_provenance());
  if (outcome.status == results::Status::failed) return outcome;

  add_energy(outcome, counts, pricing_of(context, device, shape, plan->resident()));
  if (context.measured()) {
    add_measurement(outcome, context, measured_body(device, *plan, operands, mode, options));
  } else {
    add_modelled_time(outcome, execution.activity.device_time_s, device.peak_mac_per_s(),
                      context.time_source());
  }
  add_execution_lints(outcome, execution.lints);
  add_device_lints(outcome, context.spec, device.prices());
  return outcome;
}

}  // namespace jb::harness
