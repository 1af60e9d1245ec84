#pragma once
// Resistance of the lines of a tile ("IR drop"). Conductances are relative to g_max, resistances
// of a line's segment times g_max ("rho"); inputs and results are in array units.
//
// Topologies of CrossSim V3.2 (Sandia, BSD-3). Cell (j, i) joins input line j to output line i;
// output line i collects its cells' currents towards a virtual ground behind its last input.
//   input-source     input line j is driven in front of output 0; every conductance array (each
//                    side of a pair) is a network of its own
//   interleaved      both input lines of a pair, driven with opposite signs, cross one output line
//   separate-source  the input opens the gates of its cells, which lie between a supply line
//                    parallel to the output line, fed at input 0, and the output line

#include <cstdint>
#include <string>

namespace jb {
class DeviceSpec;
}

namespace jb::crossbar {

enum class WireTopology : std::uint8_t { none, input_source, interleaved, separate_source };

struct WireModel {
  WireTopology topology = WireTopology::none;
  double row_rho = 0;    ///< segment of an input or supply line
  double col_rho = 0;    ///< segment of an output line
  bool ladders = false;  ///< each line alone instead of the network
  bool gates = true;     ///< separate-source: cells of zero inputs are cut off

  [[nodiscard]] bool present() const noexcept {
    return topology != WireTopology::none && (row_rho > 0 || col_rho > 0);
  }
  /// True when the network depends on which inputs are on, so that no matrix stands for it.
  [[nodiscard]] bool gated() const noexcept {
    return present() && topology == WireTopology::separate_source && gates;
  }
  [[nodiscard]] std::string name() const;
};

/// Steps of the exact solution of one network of N inputs and M outputs, M N^3 or, interleaved, 8 M
/// N^3. Usage error, naming what to change in device `device`, for more than 2^40 of them: a few
/// minutes on one core.
void check_solvable(const WireModel& model, const std::string& device, std::int64_t inputs,
                    std::int64_t outputs);

/// Reads wire.*. Usage error for lines that are too resistive to solve.
[[nodiscard]] WireModel wires_from(const DeviceSpec& spec);

}  // namespace jb::crossbar
