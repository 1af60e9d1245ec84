#include "harness/scale/estimate.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"
#include "harness/operand_expectation.h"
#include "models/training/optimizer.h"

namespace jb::harness::scale {
namespace {

/// Backward passes of the digital side take about twice its forward work: a gradient for each
/// operand of each node (assumption; what the networks' own training counts is 1.5 to 2.5).
constexpr double kPeripheryBackward = 2;

/// Sums one microbatch on one replica, all machines of its group together.
class Pass {
 public:
  Pass(const Machine& machine, const Cluster& cluster, const Work& micro, const Knobs& knobs)
      : machine_(machine), cluster_(cluster), micro_(micro), knobs_(knobs) {}

  /// False when the machine does not run a product; the reason is in `unsupported`.
  bool forward() {
    const Device& device = machine_.device();
    const std::int64_t room = device.storage_units();
    std::int64_t taken = 0;
    // Layers of a pipeline lie on different machines: each stage has room of its own.
    const std::int64_t all_room = room * cluster_.pipeline;
    for (const Product& product : micro_.products) {
      const Share share = share_of(product, cluster_.tensor);
      if (share.shape.n == 0 || share.shape.k == 0 || share.shape.m == 0) continue;
      const OperandMode mode = product.stationary ? OperandMode::stationary : OperandMode::dynamic;
      if (const Support support = device.supports(share.shape, mode, machine_.precision());
          !support) {
        unsupported = "layer " + product.layer + ": " + support.reason;
        return false;
      }
      double stays = product.stationary ? 1 : 0;
      if (product.stationary && knobs_.reload == Reload::always) stays = 0;
      if (product.stationary && knobs_.reload == Reload::automatic && room > 0) {
        const std::int64_t units = device.operand_units(share.shape);
        const double operands = product.operands * product.repeats;
        const double free = static_cast<double>(std::max<std::int64_t>(0, all_room - taken));
        const double held = units > 0
                                ? std::min(operands, std::floor(free / static_cast<double>(units)))
                                : operands;
        taken += static_cast<std::int64_t>(std::min(free, held * static_cast<double>(units)));
        stays = held / operands;
      }
      if (product.stationary) {
        stationary_ += share.products;
        reloaded_ += share.products * (1 - stays);
      }
      stays_.push_back(stays);
      if (!add_convolution(product, share)) add(forward_, share.shape, share.products, stays);
      if (stays > 0) {
        setup_ += device.estimate_setup(share.shape, OperandMode::stationary)
                      .scaled(stays * share.products / product.uses);
      }
    }
    return true;
  }

  /// dA = dC B^T and dB = A^T dC of every product; no dA where A is the network's input.
  void backward() {
    std::size_t at = 0;
    for (const Product& product : micro_.products) {
      const Share share = share_of(product, cluster_.tensor);
      const GemmShape& s = share.shape;
      if (s.n == 0 || s.k == 0 || s.m == 0) continue;
      const double stays = stays_.at(at++);
      if (!product.first) add(input_gradient_, {s.m, s.k, s.n}, share.products, stays);
      // All uses of an operand (time steps) add up in one product. The smaller side is programmed,
      // as training on a device does (models/training/backend_trainer.h).
      const auto uses = static_cast<std::int64_t>(product.stationary ? product.uses : 1);
      const GemmShape gradient =
          s.k < s.n ? GemmShape{s.n, s.k, s.m * uses} : GemmShape{s.k, s.n, s.m * uses};
      add(weight_gradient_, gradient, share.products / static_cast<double>(uses), 0);
    }
  }

  /// The digital side of the group.
  [[nodiscard]] Activity periphery(double factor) const {
    Activity activity;
    machine_.add(activity, micro_.periphery_split);
    Activity whole;
    machine_.add(whole, micro_.periphery_whole);
    activity += whole.scaled(static_cast<double>(cluster_.tensor));
    return activity.scaled(factor);
  }

  [[nodiscard]] const Activity& of_forward() const { return forward_; }
  [[nodiscard]] const Activity& of_input_gradient() const { return input_gradient_; }
  [[nodiscard]] const Activity& of_weight_gradient() const { return weight_gradient_; }
  [[nodiscard]] const Activity& setup() const { return setup_; }
  [[nodiscard]] double reload_frac() const { return stationary_ > 0 ? reloaded_ / stationary_ : 0; }

  std::string unsupported;

 private:
  /// A convolution where the machine counts it whole, all groups together. False: it does not.
  bool add_convolution(const Product& product, const Share& share) {
    if (product.conv_input == 0) return false;
    // A machine with a part of the channels reads that part of the input.
    const double part = static_cast<double>(share.shape.k) / static_cast<double>(product.shape.k);
    const auto whole = machine_.device().count_conv(
        {share.shape, product.conv_input * part, static_cast<std::int64_t>(product.operands)});
    if (!whole) return false;
    forward_ += whole->scaled(share.products / product.operands);
    return true;
  }

  /// `products` of a shape, a share of which finds its operand in place.
  void add(Activity& activity, const GemmShape& shape, double products, double stays) const {
    const Device& device = machine_.device();
    // Nobody has seen these operands: normal numbers, as many as there are.
    const OperandStatistics statistics = expected_statistics(Distribution{}, shape, 0.5);
    if (stays > 0) {
      activity +=
          device.estimate(shape, OperandMode::stationary, statistics).scaled(products * stays);
    }
    if (stays < 1) {
      activity +=
          device.estimate(shape, OperandMode::dynamic, statistics).scaled(products * (1 - stays));
    }
  }

  const Machine& machine_;
  const Cluster& cluster_;
  const Work& micro_;
  const Knobs& knobs_;
  Activity forward_, input_gradient_, weight_gradient_, setup_;
  std::vector<double> stays_;
  double stationary_ = 0;
  double reloaded_ = 0;
};

/// What a step or pass adds to the machines' own products.
struct Traffic {
  double link_bytes = 0;   ///< over all links
  double link_s = 0;       ///< on the critical path
  double spill_bytes = 0;  ///< between memories that do not hold their share and the host's
};

/// Bytes over the links of one step or pass. Rings: an all-reduce of V bytes over t machines moves
/// 2 (t - 1) V in all and 2 (t - 1) / t V a machine (Patarasuk, Yuan, JPDC 69, 2009).
Traffic traffic_of(const Machine& machine, const Cluster& cluster, const Work& micro,
                   bool training) {
  const double bytes = machine.value_bytes();
  const double rate = machine.link().B_per_s;
  const auto d = static_cast<double>(cluster.data);
  const auto t = static_cast<double>(cluster.tensor);
  const auto p = static_cast<double>(cluster.pipeline);
  const auto pieces = static_cast<double>(cluster.microbatches);
  const double ways = training ? 2 : 1;  // forward and backward
  Traffic traffic;
  const double reduced = micro.reduced_values * bytes * ways * pieces;
  traffic.link_bytes += d * 2 * (t - 1) * reduced;
  traffic.link_s += 2 * (t - 1) / t * reduced / rate;
  const double passed = micro.boundary_values * bytes * ways * pieces;
  traffic.link_bytes += d * (p - 1) * passed;
  if (p > 1) traffic.link_s += passed / rate;
  if (training) {
    const double gradients = micro.parameters * bytes;
    traffic.link_bytes += 2 * (d - 1) * gradients;
    traffic.link_s += 2 * (d - 1) / d * gradients / (t * p) / rate;
  }
  // What a memory does not hold comes from the host and goes back, forward and backward.
  const double spilled = cluster.spilled_bytes * (training ? 2 * ways : 1) * pieces;
  traffic.spill_bytes = spilled * cluster.devices();
  traffic.link_s += spilled / rate;
  return traffic;
}

class Sum {
 public:
  Sum(const Machine& machine, StepEstimate& out) : machine_(machine), out_(out) {}
  void add(Part part, const Activity& activity) {
    out_.joules[static_cast<std::size_t>(part)] += machine_.price(activity);
    out_.activity += activity;
  }

 private:
  const Machine& machine_;
  StepEstimate& out_;
};

void add_traffic(const Machine& machine, const Traffic& traffic, Sum& sum, StepEstimate& out) {
  Activity links;
  machine.add_link_bytes(links, traffic.link_bytes);
  sum.add(Part::link, links);
  Activity spill;
  machine.add_link_bytes(spill, traffic.spill_bytes);
  machine.add_memory_bytes(spill, traffic.spill_bytes);
  sum.add(Part::spill, spill);
  out.link_bytes = traffic.link_bytes + traffic.spill_bytes;
}

/// Times and the power that flows while machines wait: bubbles of the pipeline, transfers (which do
/// not overlap with computing here), and what the reached rate falls short of the modelled one.
void add_time(const Machine& machine, const Cluster& cluster, const Knobs& knobs, double link_s,
              double group_compute_s, StepEstimate& out) {
  if (!(group_compute_s > 0)) {
    out.notes.emplace_back("its preset has no model of time: no device-years, no power while idle");
    return;
  }
  const auto p = static_cast<double>(cluster.pipeline);
  const auto t = static_cast<double>(cluster.tensor);
  const auto pieces = static_cast<double>(cluster.microbatches);
  out.busy_s = group_compute_s / (p * t) * pieces;
  const double computing = out.busy_s * (pieces + p - 1) / pieces / knobs.utilisation;
  out.time_s = computing + link_s;
  const double devices = cluster.devices();
  out.static_W = out.total().static_J / (out.busy_s * devices);
  const double waiting_J = out.static_W * (out.time_s - out.busy_s) * devices;
  Joules& waiting = out.joules[static_cast<std::size_t>(Part::waiting)];
  for (std::size_t b = static_cast<std::size_t>(Boundary::B3); b < waiting.up_to.size(); ++b) {
    waiting.up_to[b] += waiting_J;
  }
  waiting.static_J += waiting_J;
  const double peak = machine.device().peak_mac_per_s();
  if (peak > 0) out.utilisation = out.macs / (peak * out.busy_s * devices);
}

void check_knobs(const Knobs& knobs) {
  if (!(knobs.utilisation > 0) || knobs.utilisation > 1) {
    fail_usage("--utilisation: {} makes no sense; a share above 0 and up to 1 is meant",
               knobs.utilisation);
  }
}

StepEstimate estimate(const Machine& machine, const Cluster& cluster, const Work& micro,
                      const Knobs& knobs, bool training) {
  check_knobs(knobs);
  StepEstimate out;
  Pass pass(machine, cluster, micro, knobs);
  if (!pass.forward()) {
    out.unsupported = pass.unsupported;
    return out;
  }
  if (training) pass.backward();
  const double forwards = cluster.recompute ? 2 : 1;
  const double passes =
      static_cast<double>(cluster.data) * static_cast<double>(cluster.microbatches);
  Sum sum(machine, out);
  sum.add(Part::forward, pass.of_forward().scaled(passes * forwards));
  sum.add(Part::input_gradient, pass.of_input_gradient().scaled(passes));
  sum.add(Part::weight_gradient, pass.of_weight_gradient().scaled(passes));
  sum.add(Part::periphery, pass.periphery(passes * (training ? forwards + kPeripheryBackward : 1)));
  double update_s = 0;
  const auto data = static_cast<double>(cluster.data);
  if (training) {
    // Each replica moves all parameters, then brings what stays to its machines anew.
    Activity update;
    const PeripheryWork work =
        models::optimizer_work(models::OptimizerKind::adam, micro.parameters);
    PeripheryWork arithmetic = work;
    arithmetic.bytes = 0;
    machine.add(update, arithmetic);
    machine.add_memory_bytes(update, work.bytes);
    update += pass.setup();
    update_s = update.device_time_s;
    sum.add(Part::update, update.scaled(data));
  }
  out.macs = (training ? micro.training_macs() : micro.macs()) * passes;
  out.reload_frac = pass.reload_frac();
  const Traffic traffic = traffic_of(machine, cluster, micro, training);
  add_traffic(machine, traffic, sum, out);
  const double products_s = forwards * pass.of_forward().device_time_s +
                            pass.of_input_gradient().device_time_s +
                            pass.of_weight_gradient().device_time_s;
  const double pieces = static_cast<double>(cluster.microbatches);
  add_time(machine, cluster, knobs, traffic.link_s, products_s + update_s / pieces, out);
  out.setup_J =
      data * machine.price(pass.setup()).up_to[static_cast<std::size_t>(machine.prices().highest)];
  if (out.reload_frac > 0) {
    out.notes.push_back(
        fmt::format("{:.0f} % of the products with weights load them anew", 100 * out.reload_frac));
  }
  if (cluster.recompute) {
    out.notes.emplace_back(
        "activations do not fit its memory: the backward pass computes them again");
  }
  if (cluster.spilled_bytes > 0) {
    out.notes.push_back(fmt::format(
        "{:.3g} GB of each machine's share do not fit its memory and travel to the host and back",
        cluster.spilled_bytes / 1e9));
  }
  if (machine.memory_bytes() == 0) {
    out.notes.emplace_back("its preset tells no memory size: its memory is taken to be enough");
  }
  return out;
}

}  // namespace

Reload reload_from(const std::string& text) {
  if (text == "auto") return Reload::automatic;
  if (text == "never") return Reload::never;
  if (text == "always") return Reload::always;
  fail_usage("--reload: unknown value '{}' (there are: auto, never, always)", text);
}

std::string_view name_of(Reload reload) noexcept {
  switch (reload) {
    case Reload::automatic:
      return "auto";
    case Reload::never:
      return "never";
    case Reload::always:
      return "always";
  }
  return "";
}

std::string_view name_of(Part part) noexcept {
  constexpr std::array<std::string_view, kParts> names = {
      "forward", "input gradient", "weight gradient", "periphery",
      "update",  "links",          "spilled memory",  "waiting"};
  return names[static_cast<std::size_t>(part)];
}

Joules StepEstimate::total() const noexcept {
  Joules sum;
  for (const Joules& part : joules) sum += part;
  return sum;
}

StepEstimate estimate_step(const Machine& machine, const Cluster& cluster, const Work& micro,
                           const Knobs& knobs) {
  return estimate(machine, cluster, micro, knobs, true);
}

StepEstimate estimate_pass(const Machine& machine, const Cluster& cluster, const Work& micro,
                           const Knobs& knobs) {
  return estimate(machine, cluster, micro, knobs, false);
}

}  // namespace jb::harness::scale
