#pragma once
// Training steps and inference passes on clusters of machines, counted and priced without
// computing.

#include <string>
#include <vector>

#include "harness/scale/cluster.h"
#include "harness/scale/machine.h"
#include "harness/scale/work.h"

namespace jb::harness::scale {

/// Whether stationary operands stay where the machine has room for them.
enum class Reload : std::uint8_t {
  automatic,  ///< as many as fit
  never,      ///< all stay, whatever the room
  always,     ///< none stays: every product loads its operand
};
Reload reload_from(const std::string& text);  ///< usage error naming the choices
std::string_view name_of(Reload reload) noexcept;

/// What an analysis of sensitivity turns.
struct Knobs {
  double utilisation = 1;  ///< share of the modelled rate that is reached
  Reload reload = Reload::automatic;
};

/// Where the joules of a step or pass go.
enum class Part : std::uint8_t {
  forward,
  input_gradient,
  weight_gradient,
  periphery,
  update,
  link,
  spill,
  waiting,
};
inline constexpr int kParts = 8;
std::string_view name_of(Part part) noexcept;

/// One step of training, or one pass of inference, by all machines together.
struct StepEstimate {
  std::array<Joules, kParts> joules{};
  Activity activity;        ///< of all parts but waiting, for the constants behind them
  double time_s = 0;        ///< from begin to end; 0: the machine has no model of time
  double busy_s = 0;        ///< of it, what one machine computes
  double macs = 0;          ///< logical
  double link_bytes = 0;    ///< sent over all links
  double reload_frac = 0;   ///< share of stationary products that load their operand
  double static_W = 0;      ///< of one machine
  double setup_J = 0;       ///< programming or loading what stays, once, highest boundary
  std::string unsupported;  ///< why the machine cannot; "" when it can
  std::vector<std::string> notes;

  [[nodiscard]] Joules total() const noexcept;
  /// Share of the machine's peak rate that logical MACs reach while it computes; 0 when unknown.
  double utilisation = 0;
};

/// One step: forward and both gradients of every microbatch, then the update (Adam) and the
/// exchange of gradients. `micro` is the work of one microbatch.
StepEstimate estimate_step(const Machine& machine, const Cluster& cluster, const Work& micro,
                           const Knobs& knobs);

/// One pass of a batch through the cluster.
StepEstimate estimate_pass(const Machine& machine, const Cluster& cluster, const Work& micro,
                           const Knobs& knobs);

}  // namespace jb::harness::scale
