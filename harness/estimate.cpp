// Counts and prices without computing: the same counting as a run, at any size.

#include <fmt/core.h>

#include <algorithm>
#include <optional>

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
Expected expected_of(const PointContext& context, const Shape& shape,
                     const OperandStatistics* given) {
  if (given != nullptr) return {*given, {}, {}};
  const Distribution& dist = context.point.dist;
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

/// Intervals of the energies whose counts the operands decide: what both bounds of the statistics
/// come to.
void add_intervals(Outcome& outcome, const Device& device, const Sized& sized, OperandMode mode,
                   const Expected& statistics) {
  const PriceTable& prices = device.prices();
  if (!statistics.low || !statistics.high || !prices.has_energy) return;
  const auto ledger_of = [&](const OperandStatistics& at) {
    return price(device.estimate(sized.shape, mode, at).scaled(sized.times), prices);
  };
  const Ledger low = ledger_of(*statistics.low);
  const Ledger high = ledger_of(*statistics.high);
  for (int b = static_cast<int>(prices.lowest); b <= static_cast<int>(prices.highest); ++b) {
    const auto boundary = static_cast<Boundary>(b);
    const auto found =
        outcome.quantities.find(fmt::format("energy_{}_J_per_mac", name_of(boundary)));
    if (found == outcome.quantities.end()) continue;
    const double x = low.cumulative_J(boundary) / outcome.work.macs;
    const double y = high.cumulative_J(boundary) / outcome.work.macs;
    if (x == y) continue;
    found->second.ci_low = std::min({x, y, found->second.value});
    found->second.ci_high = std::max({x, y, found->second.value});
    found->second.interval_kind = "sampling";
  }
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
  if (context.point.op == Op::conv2d) convolution = device.count_conv(context.point.conv);
  estimated.counts.execution =
      convolution ? *convolution
                  : device.estimate(shape, mode, statistics.middle).scaled(sized.times);
  estimated.counts.setup = device.estimate_setup(shape, mode).scaled(sized.times);
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
                          expected_of(context, shape, statistics));
}

Outcome estimate_conv(const PointContext& context, const Device& device,
                      const OperandStatistics* statistics) {
  const ConvShape& shape = context.point.conv;
  const double bytes = link_bytes(context);
  const double all = conv_compulsory_bytes(shape, bytes, false);
  return estimate_product(context, device,
                          {shape.gemm(), static_cast<double>(shape.groups), all,
                           all - conv_compulsory_bytes(shape, bytes, true)},
                          expected_of(context, shape, statistics));
}

OperandMoments moments_from(const Json& json, const std::string& where) {
  OperandMoments moments;
  const auto read = [&](const char* key, double& value) {
    if (!json.is_object() || !json.contains(key) || !json.at(key).is_number()) {
      fail_usage("{}: the operand statistics hold no number '{}'", where, key);
    }
    value = json.at(key).get<double>();
  };
  read("mean_square", moments.mean_square);
  read("mean_abs", moments.mean_abs);
  read("max_abs", moments.max_abs);
  read("nonzero_frac", moments.nonzero_frac);
  if (json.contains("signed_rows_frac")) {
    read("signed_rows_frac", moments.signed_rows_frac.emplace());
    if (*moments.signed_rows_frac < 0 || *moments.signed_rows_frac > 1) {
      fail_usage("{}: the operand statistics are no moments of any data", where);
    }
  }
  if (moments.mean_square < 0 || moments.mean_abs < 0 || moments.max_abs < 0 ||
      moments.nonzero_frac < 0 || moments.nonzero_frac > 1) {
    fail_usage("{}: the operand statistics are no moments of any data", where);
  }
  return moments;
}

}  // namespace

OperandStatistics statistics_of(const results::Record& record) {
  const std::string where = "record " + record.record_id;
  const Json& json = record.statistics;
  if (!json.is_object() || !json.contains("a") || !json.contains("b")) {
    fail_usage("{} holds no operand statistics: name a record of a GEMM or convolution that ran",
               where);
  }
  return {moments_from(json.at("a"), where), moments_from(json.at("b"), where)};
}

Outcome estimate_on(const PointContext& context, Device& device,
                    const OperandStatistics* statistics) {
  switch (context.point.op) {
    case Op::gemm:
      return estimate_gemm(context, device, statistics);
    case Op::conv2d:
      return estimate_conv(context, device, statistics);
    case Op::network:
      return estimate_network(context, device);
    case Op::training:
      return estimate_training(context, device);
  }
  fail_internal("unknown op");
}

}  // namespace jb::harness
