#include "backends/photonic/accounting.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "backends/photonic/physics.h"

namespace jb::photonic {
namespace {

double tiles(std::int64_t size, std::int64_t lanes) {
  if (lanes == 0) return 1;
  return std::ceil(static_cast<double>(size) / static_cast<double>(lanes));
}

/// Bytes that memories keep a symbol or readout of that many bits in: whole ones; 32-bit floats
/// where nothing is quantised.
double bytes_of_bits(std::int64_t bits) {
  return bits > 0 ? static_cast<double>((bits + 7) / 8) : 4;
}

Price adc_price(const DeviceSpec& spec, const HomodyneParameters& p) {
  Price price =
      price_from(spec, "energy.adc_J", "adc", "convert", Category::conversion, Boundary::B0);
  if (spec.text("adc.energy_law") == "rate_aware") {
    price.energy_per_action_J = adc_energy_J(p.adc_rate_Hz, static_cast<double>(p.adc_bits));
    // A survey fit of best designs with a design rule as its floor: good to a factor of two.
    price.cls = ConstantClass::C;
    price.constant = fmt::format("{}/{}/adc.energy_law", spec.backend(), spec.name());
    price.source =
        "max of the ADC survey's Pareto fit (Accelergy ADC plug-in, commit 2136e9e) and "
        "100 fJ ENOB + 1 aJ 4^ENOB (Murmann, IEEE TVLSI 29(1) 2021), at adc.rate_Hz and adc.bits";
  }
  return price;
}

}  // namespace

HomodyneCounts count_product(const HomodyneParameters& p, const GemmShape& shape, double papr,
                             const Ends& ends) {
  HomodyneCounts c;
  if (shape.m == 0 || shape.n == 0 || shape.k == 0) return c;
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  const double tm = tiles(shape.m, p.samples);
  const double tn = tiles(shape.n, p.outputs);
  const double tk = tiles(shape.k, p.integration);
  const double rows = p.samples == 0 ? m : static_cast<double>(p.samples);
  const double cols = p.outputs == 0 ? n : static_cast<double>(p.outputs);
  c.weight_symbols = k * n * tm;
  c.activation_symbols = m * k * tn;
  c.readouts = m * n * tk;
  c.partial_sums = m * n * (tk - 1);
  c.lane_macs = rows * cols * tm * tn * k;
  c.laser_photons = (p.lane_gating ? m * n * k : c.lane_macs) * p.n_mac * papr;
  c.integration_s = m * n * k / p.clock_Hz;
  // A converter that samples more slowly than integrations end makes the pass wait.
  const bool converts = ends.digital_out && p.adc_rate_Hz > 0;
  const double shortest = converts ? std::ceil(p.clock_Hz / p.adc_rate_Hz) : 0;
  const double pass_cycles = std::max(k, tk * shortest);
  c.device_time_s = tm * tn * pass_cycles / p.clock_Hz;
  c.modulator_s = (rows + cols) * c.device_time_s;
  return c;
}

Accounting::Accounting(const DeviceSpec& spec, const HomodyneParameters& p)
    : p_(p),
      ids_(kActions),
      bytes_a_(bytes_of_bits(p.dac_bits_a)),
      bytes_b_(bytes_of_bits(p.dac_bits_b)),
      bytes_c_(bytes_of_bits(p.adc_bits)) {
  prices_.has_energy = p.has_energy;
  prices_.lowest = p.lowest;
  prices_.highest = p.highest;
  if (!p.has_energy) return;
  Price light = price_from(spec, "wpe", "laser", "photon", Category::compute, Boundary::B0);
  light.energy_per_action_J =
      photon_energy_J(p.wavelength_nm) / (p.transmission * p.wall_plug_efficiency);
  light.source = fmt::format(
      "h c / lambda / (wall-plug efficiency x transmission), {:.3g} dB from facet to detector; "
      "efficiency: {}",
      optical_loss_dB(spec), spec.at("wpe").source);
  light.data_dependent = p.papr == 0;
  offer(laser, std::move(light));
  add_converters(spec);
  add_memories(spec);
}

void Accounting::offer(Action action, Price price) {
  if (price.boundary > p_.highest || price.energy_per_action_J == 0) return;
  ids_[action] = prices_.add(std::move(price));
}

void Accounting::add_converters(const DeviceSpec& spec) {
  constexpr auto kConversion = Category::conversion;
  constexpr auto kB0 = Boundary::B0;
  offer(dac_a, price_from(spec, "energy.dac_J", "dac", "convert activation", kConversion, kB0));
  offer(dac_b, price_from(spec, "energy.dac_J", "dac", "convert weight", kConversion, kB0));
  if (p_.analog_layers) {
    offer(dac_bias, price_from(spec, "energy.dac_J", "dac", "inject bias", kConversion, kB0));
    offer(nonlinearity,
          price_from(spec, "energy.nonlinearity_J", "rectifier", "pass on", kConversion, kB0));
  }
  offer(modulator_a, price_from(spec, "energy.modulator_J", "modulator", "modulate activation",
                                kConversion, kB0));
  offer(modulator_b,
        price_from(spec, "energy.modulator_J", "modulator", "modulate weight", kConversion, kB0));
  // Its bias flows because an operation runs: B0.
  offer(integrator, price_from(spec, "energy.integrator_W", "integrator", "bias second",
                               Category::compute, kB0));
  offer(amplifier,
        price_from(spec, "energy.amplifier_J", "amplifier", "amplify", kConversion, kB0));
  offer(adc, adc_price(spec, p_));
  // Undivided figures hold memory as well: B1, and no boundary below it is known.
  offer(input_a, price_from(spec, "energy.input_J", "transmitter (undivided)", "send activation",
                            kConversion, Boundary::B1));
  offer(input_b, price_from(spec, "energy.input_J", "transmitter (undivided)", "send weight",
                            kConversion, Boundary::B1));
  offer(output, price_from(spec, "energy.output_J", "receiver (undivided)", "read", kConversion,
                           Boundary::B1));
}

void Accounting::add_memories(const DeviceSpec& spec) {
  constexpr auto kMove = Category::movement;
  const auto sram = [&](const char* what) {
    return price_from(spec, "energy.sram_J_per_B", "sram", what, kMove, Boundary::B1);
  };
  const auto dram = [&](const char* what) {
    Price price = price_from(spec, "energy.dram_J_per_B", "dram", what, kMove, Boundary::B2);
    price.dram_bytes = 1;
    return price;
  };
  offer(sram_a, sram("read activation byte"));
  offer(sram_b, sram("read weight byte"));
  offer(sram_write_b, sram("write weight byte"));
  offer(sram_c, sram("write result byte"));
  offer(partial_sum,
        price_from(spec, "energy.psum_J", "partial sum", "add", Category::compute, Boundary::B1));
  offer(dram_a, dram("read activation byte"));
  offer(dram_b, dram("read weight byte"));
  offer(dram_write_b, dram("write weight byte"));
  offer(dram_c, dram("write result byte"));
  offer(bias, price_from(spec, "static.modulator_W", "modulator", "bias second",
                         Category::static_power, Boundary::B3));
  offer(lock, price_from(spec, "static.lock_W", "phase lock", "hold second", Category::static_power,
                         Boundary::B3));
}

void Accounting::note(Activity& activity, Action action, double count) const {
  if (ids_[action]) activity.add(*ids_[action], count);
}

Activity Accounting::product(const GemmShape& shape, double papr, const Ends& ends) const {
  const HomodyneCounts c = count_product(p_, shape, papr, ends);
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  Activity activity;
  activity.device_time_s = c.device_time_s;
  activity.executed_macs = c.lane_macs;
  if (c.readouts == 0) return activity;
  note(activity, laser, c.laser_photons);
  if (ends.digital_in) {
    note(activity, dac_a, c.activation_symbols);
    note(activity, input_a, c.activation_symbols);
    note(activity, sram_a, c.activation_symbols * bytes_a_);
    note(activity, dram_a, m * k * bytes_a_);
  }
  note(activity, dac_b, c.weight_symbols);
  note(activity, modulator_a, c.activation_symbols);
  note(activity, modulator_b, c.weight_symbols);
  note(activity, integrator, c.integration_s);
  note(activity, amplifier, c.readouts);
  if (ends.digital_out) {
    note(activity, adc, c.readouts);
    note(activity, output, c.readouts);
    note(activity, sram_c, c.readouts * bytes_c_);
    note(activity, partial_sum, c.partial_sums);
    note(activity, dram_c, m * n * bytes_c_);
  } else {
    note(activity, nonlinearity, m * n);
    if (ends.analog_bias) note(activity, dac_bias, m * n);
  }
  note(activity, input_b, c.weight_symbols);
  note(activity, sram_b, c.weight_symbols * bytes_b_);
  note(activity, dram_b, k * n * bytes_b_);
  note(activity, bias, c.modulator_s);
  note(activity, lock, c.modulator_s);
  return activity;
}

Activity Accounting::calibration(std::int64_t rows, std::int64_t cols, std::int64_t readings,
                                 bool detectors) const {
  const auto m = static_cast<double>(rows);
  const auto n = static_cast<double>(cols);
  const auto times = static_cast<double>(readings);
  const auto cycles = static_cast<double>(p_.calibration_cycles());
  const double symbols = cycles * times;
  const double readouts = (detectors ? m * n : m + n) * times;
  const double shortest = p_.adc_rate_Hz > 0 ? std::ceil(p_.clock_Hz / p_.adc_rate_Hz) : 0;
  Activity activity;
  activity.device_time_s = std::max(cycles, shortest) * times / p_.clock_Hz;
  // Test light is constant: its peak is its mean.
  note(activity, laser, m * n * symbols * p_.n_mac);
  for (const auto& [dac, modulator, input, lanes] :
       {std::tuple{dac_a, modulator_a, input_a, m}, std::tuple{dac_b, modulator_b, input_b, n}}) {
    note(activity, dac, lanes * symbols);
    note(activity, modulator, lanes * symbols);
    note(activity, input, lanes * symbols);
  }
  note(activity, integrator, readouts * cycles / p_.clock_Hz);
  note(activity, amplifier, readouts);
  note(activity, adc, readouts);
  note(activity, output, readouts);
  note(activity, sram_c, readouts * bytes_c_);
  const double modulator_s = (m + n) * activity.device_time_s;
  note(activity, bias, modulator_s);
  note(activity, lock, modulator_s);
  return activity;
}

Activity Accounting::rewrite(std::int64_t k, std::int64_t n) const {
  const double bytes = static_cast<double>(k) * static_cast<double>(n) * bytes_b_;
  Activity activity;
  note(activity, sram_write_b, bytes);
  note(activity, dram_write_b, bytes);
  return activity;
}

}  // namespace jb::photonic
