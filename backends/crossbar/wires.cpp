#include "backends/crossbar/wires.h"

#include <cmath>

#include "backends/core/error.h"
#include "backends/core/parameters.h"

namespace jb::crossbar {
namespace {

// A segment of a line that is as resistive as the best cell: nothing is computed on such an array,
// and beyond it the solver's cancellation is not covered by its test.
constexpr double kLargestRho = 1.0;
constexpr double kMicrosiemens = 1e-6;

double rho_of(const DeviceSpec& spec, const char* key) {
  const double g_max_S = spec.number("cell.g_max_uS") * kMicrosiemens;
  const double rho = spec.number(key) * g_max_S;
  if (rho > kLargestRho) {
    fail_usage(
        "device '{}': {} = {} ohm is too resistive to solve: one segment of the line would have "
        "{:.3g} times the resistance of a cell at cell.g_max_uS = {}; give 0 to {:.6g} ohm",
        spec.name(), key, spec.number(key), rho, spec.number("cell.g_max_uS"),
        kLargestRho / g_max_S);
  }
  return rho;
}

// 1024 x 1024 cells: 155 s at the 7e9 steps a second of a core of 2.6 GHz.
constexpr double kMostSteps = 1099511627776.0;  // 2^40

}  // namespace

void check_solvable(const WireModel& model, const std::string& device, std::int64_t inputs,
                    std::int64_t outputs) {
  const bool chained =
      model.topology == WireTopology::input_source || model.topology == WireTopology::interleaved;
  if (!model.present() || model.ladders || !chained) return;
  const double per_cube =
      static_cast<double>(outputs) * (model.topology == WireTopology::interleaved ? 8 : 1);
  const auto n = static_cast<double>(inputs);
  const double steps = per_cube * n * n * n;
  if (steps <= kMostSteps) return;
  fail_usage(
      "device '{}': wire.solution = exact would take {:.2g} steps for each network of a tile of {} "
      "inputs x {} outputs, more than {:.2g} (minutes on a core); set tile.rows to 1 to {} with "
      "that many outputs, make tile.cols smaller, or set wire.solution to ladders",
      device, steps, inputs, outputs, kMostSteps, std::floor(std::cbrt(kMostSteps / per_cube)));
}

std::string WireModel::name() const {
  switch (topology) {
    case WireTopology::input_source:
      return "input-source";
    case WireTopology::interleaved:
      return "interleaved";
    case WireTopology::separate_source:
      return "separate-source";
    case WireTopology::none:
      break;
  }
  return "no-wires";
}

WireModel wires_from(const DeviceSpec& spec) {
  WireModel model;
  const std::string& name = spec.text("wire.topology");
  if (name == "input-source") model.topology = WireTopology::input_source;
  if (name == "interleaved") model.topology = WireTopology::interleaved;
  if (name == "separate-source") model.topology = WireTopology::separate_source;
  model.row_rho = rho_of(spec, "wire.row_ohm");
  model.col_rho = rho_of(spec, "wire.col_ohm");
  model.ladders = spec.text("wire.solution") == "ladders";
  model.gates = spec.flag("wire.gates");
  for (const char* key : {"wire.row_ohm", "wire.col_ohm"}) {
    if (model.topology != WireTopology::none || spec.number(key) == 0) continue;
    fail_usage(
        "device '{}': {} = {} ohm has no effect with wire.topology = none; set wire.topology to "
        "input-source, interleaved or separate-source, or {} to 0",
        spec.name(), key, spec.number(key), key);
  }
  const bool pairs = spec.text("weight.mapping").rfind("differential", 0) == 0;
  if (model.topology == WireTopology::interleaved && !pairs) {
    fail_usage(
        "device '{}': wire.topology = interleaved crosses the lines of pairs of cells, which "
        "weight.mapping = {} has not; set weight.mapping to differential or "
        "differential-two-sided, or wire.topology to input-source",
        spec.name(), spec.text("weight.mapping"));
  }
  return model;
}

}  // namespace jb::crossbar
