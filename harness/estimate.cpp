// Counts and prices without computing: the same counting as a run, at any size.

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <type_traits>

#include "backends/energy/bounds.h"
#include "backends/energy/ledger.h"
#include "harness/operand_expectation.h"
#include "harness/point_context.h"

namespace jb::harness {
namespace {

/// What products and convolutions give to the common end.
struct Estimated {
  Counts counts;
  Pricing pricing;
  double macs = 0;
  double compulsory_bytes = 0;
};

void finish(Outcome& outcome, const PointContext& context, const Device& device,
            const Estimated& estimated) {
  outcome.work.macs = estimated.macs;
  outcome.work.compulsory_bytes = estimated.compulsory_bytes;
  add_energy(outcome, estimated.counts, estimated.pricing);
  add_modelled_time(outcome, estimated.counts.execution.device_time_s, device.peak_mac_per_s(),
                    context.time_source());
  add_device_lints(outcome, context.spec, *estimated.pricing.prices);
}

Pricing base_pricing(const PointContext& context, const PriceTable& prices) {
  Pricing pricing;
  pricing.prices = &prices;
  pricing.source = context.price_source();
  pricing.digital_arithmetic = context.backend.info().kind == "cmos";
  pricing.temperature_C = context.point.temperature_C;
  return pricing;
}

/// Statistics to count with, and those that bound them with 95 % where they are expectations.
struct Expected {
  OperandStatistics middle;
  std::optional<OperandStatistics> low, high;
};

template <class Shape>
Expected expected_of(const PointContext& context, const Device& device, const Shape& shape,
                     const OperandStatistics* given) {
  if (given != nullptr) return {*given, {}, {}};
  const Distribution& dist = context.point.dist;
  if constexpr (std::is_same_v<Shape, GemmShape>) {
    const bool needed = device.prices().depends_on_data();
    if (const auto drawn =
            needed ? drawn_statistics(dist, shape, context.point.seed) : std::nullopt) {
      return {*drawn, {}, {}};
    }
  }
  return {expected_statistics(dist, shape, 0.5), expected_statistics(dist, shape, 0.025),
          expected_statistics(dist, shape, 0.975)};
}

/// One product `times` over (groups of a convolution, unless the machine counts it whole) with its
/// traffic bounds.
struct Sized {
  GemmShape shape;
  double times = 1;
  double compulsory = 0;
  double resident_bytes = 0;
};

/// Operands (groups of a convolution) that stay on the machine: they are planned one after another,
/// and one that finds too little room is loaded at every execute.
double operands_that_stay(const Device& device, const Sized& sized, OperandMode mode) {
  const std::int64_t units = device.operand_units(sized.shape);
  if (mode == OperandMode::dynamic) return 0;
  if (device.storage_units() == 0 || units == 0) return sized.times;
  const auto room = static_cast<double>(device.storage_units() / units);
  return std::min(sized.times, room);
}

/// All products of a point.
Activity counted(const Device& device, const Sized& sized, OperandMode mode,
                 const OperandStatistics& statistics) {
  const double stays = operands_that_stay(device, sized, mode);
  Activity activity;
  if (stays > 0) {
    activity = device.estimate(sized.shape, OperandMode::stationary, statistics).scaled(stays);
  }
  if (stays < sized.times) {
    activity +=
        device.estimate(sized.shape, OperandMode::dynamic, statistics).scaled(sized.times - stays);
  }
  return activity;
}

/// Intervals of the energies whose counts the operands decide: what both bounds of the statistics
/// come to.
void add_intervals(Outcome& outcome, const Device& device, const Sized& sized, OperandMode mode,
                   const Expected& statistics) {
  const PriceTable& prices = device.prices();
  if (!statistics.low || !statistics.high || !prices.has_energy) return;
  bound_energies(outcome, prices, counted(device, sized, mode, *statistics.low),
                 counted(device, sized, mode, *statistics.high));
}

/// Whether the stationary operand fits is not told by counts, so the traffic bound is that of a
/// resident one.
Outcome estimate_product(const PointContext& context, const Device& device, const Sized& sized,
                         const Expected& statistics) {
  const OperandMode mode = context.point.dynamic ? OperandMode::dynamic : OperandMode::stationary;
  const GemmShape& shape = sized.shape;
  if (const Support support = device.supports(shape, mode, context.precision); !support) {
    return Outcome::stopped(results::Status::unsupported, support.reason);
  }
  Estimated estimated;
  std::optional<Activity> convolution;
  if (context.point.op == Op::conv2d) convolution = device.count_conv(context.point.conv.extent());
  const double stays = operands_that_stay(device, sized, mode);
  estimated.counts.execution =
      convolution ? *convolution : counted(device, sized, mode, statistics.middle);
  estimated.counts.setup = device.estimate_setup_of(shape, mode, statistics.middle.b).scaled(stays);
  estimated.macs = shape.macs() * sized.times;
  estimated.compulsory_bytes = sized.compulsory;
  estimated.pricing = base_pricing(context, device.prices());
  estimated.pricing.communication_bytes = communication_bytes(context, device);
  estimated.pricing.compulsory_bytes =
      sized.compulsory - (context.point.dynamic ? 0 : sized.resident_bytes);
  Outcome outcome;
  outcome.statistics = statistics_json(statistics.middle);
  finish(outcome, context, device, estimated);
  if (!convolution) add_intervals(outcome, device, sized, mode, statistics);
  return outcome;
}

Outcome estimate_gemm(const PointContext& context, const Device& device,
                      const OperandStatistics* statistics) {
  const GemmShape& shape = context.point.gemm;
  const double bytes = link_bytes(context);
  const double stationary = static_cast<double>(shape.k) * static_cast<double>(shape.n) * bytes;
  return estimate_product(context, device,
                          {shape, 1, compulsory_bytes(shape, bytes, bytes), stationary},
                          expected_of(context, device, shape, statistics));
}

Outcome estimate_conv(const PointContext& context, const Device& device,
                      const OperandStatistics* statistics) {
  const ConvShape& shape = context.point.conv;
  const double bytes = link_bytes(context);
  const double all = conv_compulsory_bytes(shape, bytes, false);
  return estimate_product(context, device,
                          {shape.gemm(), static_cast<double>(shape.groups), all,
                           all - conv_compulsory_bytes(shape, bytes, true)},
                          expected_of(context, device, shape, statistics));
}

}  // namespace

Outcome estimate_on(const PointContext& context, Device& device, const GivenStatistics* given) {
  const Op op = context.point.op;
  const bool of_layers = op == Op::network || op == Op::training;
  if (given != nullptr && (of_layers ? !given->network : !given->product)) {
    fail_usage("--stats: the record is of a {}, the point to estimate is not",
               of_layers ? "single product" : "network or training");
  }
  const OperandStatistics* const product =
      given != nullptr && given->product ? &*given->product : nullptr;
  const NetworkStatistics* const network =
      given != nullptr && given->network ? &*given->network : nullptr;
  switch (op) {
    case Op::gemm:
      return estimate_gemm(context, device, product);
    case Op::conv2d:
      return estimate_conv(context, device, product);
    case Op::network:
      return estimate_network(context, device, network);
    case Op::training:
      return estimate_training(context, device, network);
  }
  fail_internal("unknown op");
}

}  // namespace jb::harness
