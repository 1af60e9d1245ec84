#include "backends/crossbar/cell_model.h"

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"
#include "backends/core/parameters.h"

namespace jb::crossbar {
namespace {

// Fits are evaluated from u = 1e-7 on: the floor of the published code, below any conductance.
constexpr double kSmallestState = 1e-7;

double polynomial(const std::array<double, 5>& c, double u) noexcept {
  return c[0] + u * (c[1] + u * (c[2] + u * (c[3] + u * c[4])));
}

StateFit constant(double value) { return {0, 0, 0, 0, 0, {value, 0, 0, 0}}; }

/// A fit that is a clipped logarithm over all states.
StateFit logarithm(double slope, double offset, double low, double high) {
  return {1e30, slope, offset, low, high, {}};
}

/// Coefficients published in uS at the fit's own g_max, made relative to it.
std::array<double, 5> relative(const std::array<double, 5>& in_uS, double g_max_uS) {
  std::array<double, 5> out{};
  std::transform(in_uS.begin(), in_uS.end(), out.begin(),
                 [g_max_uS](double c) { return c / g_max_uS; });
  return out;
}

/// [Nandakumar2019] as in aihwkit PCMLikeNoiseModel: sigma_prog in uS at g_max 25 uS.
CellModel pcm_like() {
  CellModel model;
  model.program = relative({0.26348, 1.9650, -1.1731, 0, 0}, 25.0);
  model.nu_mean = logarithm(-0.0155, 0.0244, 0.049, 0.1);
  model.nu_std = logarithm(-0.0125, -0.0059, 0.008, 0.045);
  model.read.power = 0.65;
  model.read.scale = 0.0088;
  model.read.cap = 0.2;
  model.t0_s = 20;
  model.t_read_s = 250e-9;
  return model;
}

/// [LeGallo2023], one device per polarity.
CellModel hermes_one_device() {
  CellModel model;
  model.program = relative({0.15781817, 2.32443916, -2.16310839, 0.68841818, 0}, 10.35);
  model.nu_mean = {0.0945, -0.0387, -0.0182, 0.072, 0.13, {0.0736, -0.0126, -0.0436, 0}};
  model.nu_std = {0.3039, -0.0120, -0.0023, 0.0124, 0.04, {0.0104, 0.0116, -0.0165, 0}};
  model.read.fit = {0.1591, -0.0078, 0.0038, 0.0179, 0.04, {0.0088, 0.0768, -0.1352, 0.0664}};
  model.t0_s = 200;
  model.t_read_s = 512e-9;
  return model;
}

/// [LeGallo2023] and [Vasilopoulos2023], two devices per polarity, summed.
CellModel hermes_two_devices() {
  CellModel model = hermes_one_device();
  model.program = relative({0.16603222, 4.71806468, -8.48101252, 4.68961419, 0}, 20.7);
  model.nu_std = {0.3055, -0.0117, -0.0057, 0.0091, 0.04, {0.0073, 0.0093, -0.0118, 0}};
  model.read.fit = {0.16, -0.0117, -0.0069, 0.015, 0.04, {0.0123, 0.0211, -0.0280, 0.0069}};
  model.t0_s = 300;
  return model;
}

/// Coefficients that the device file gives itself.
CellModel generic(const DeviceSpec& spec) {
  CellModel model;
  const double g_max_uS = spec.number("cell.g_max_uS");
  model.program =
      relative({spec.number("program.c0"), spec.number("program.c1"), spec.number("program.c2"),
                spec.number("program.c3"), spec.number("program.c4")},
               g_max_uS);
  model.nu_mean = constant(spec.number("drift.nu_mean"));
  model.nu_std = constant(spec.number("drift.nu_std"));
  model.read.fit = constant(spec.number("read.flicker"));
  model.t0_s = spec.number("drift.t0_s");
  model.t_read_s = spec.number("read.t_read_s");
  return model;
}

}  // namespace

double StateFit::operator()(double u) const noexcept {
  const double state = std::max(u, kSmallestState);
  if (state < threshold) return std::clamp(log_slope * std::log(state) + log_offset, low, high);
  return cubic[0] + state * (cubic[1] + state * (cubic[2] + state * cubic[3]));
}

double ReadFit::operator()(double u) const noexcept {
  if (power == 0) return fit(u);
  return std::min(scale / std::max(std::pow(std::max(u, 0.0), power), 1e-3), cap);
}

double CellModel::program_std(double u) const noexcept {
  return program_scale * std::max(0.0, polynomial(program, u));
}

CellModel cell_model_from(const DeviceSpec& spec) {
  const std::string& name = spec.text("cell.model");
  CellModel model;
  if (name == "pcm-like") {
    model = pcm_like();
  } else if (name == "pcm-hermes-1dev") {
    model = hermes_one_device();
  } else if (name == "pcm-hermes-2dev") {
    model = hermes_two_devices();
  } else if (name == "generic") {
    model = generic(spec);
  } else if (name != "ideal") {
    fail_internal("cell model '{}' is in the schema but not in the list of models", name);
  }
  model.name = name;
  model.ideal = name == "ideal";
  model.program_scale = spec.number("program.scale");
  model.nu_scale = spec.number("drift.scale");
  model.read_scale = spec.number("read.scale");
  model.white = spec.number("read.white");
  return model;
}

}  // namespace jb::crossbar
