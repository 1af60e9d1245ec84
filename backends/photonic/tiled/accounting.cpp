#include "backends/photonic/tiled/accounting.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace jb::photonic {
namespace {

/// Bytes that memories keep a value of that many bits in; 32-bit floats where it is not quantised.
double bytes_of_bits(std::int64_t bits) {
  return bits > 0 ? static_cast<double>((bits + 7) / 8) : 4;
}

/// Energy of a `bits`-bit DAC relative to one of 8 bits (hardware model of Lightening-Transformer,
/// DAC.py: power follows 2^b / b).
double dac_scale(const DeviceSpec& spec, std::int64_t bits) {
  if (spec.text("dac.energy_law") == "given" || bits == 0) return 1;
  const auto b = static_cast<double>(bits);
  return std::exp2(b) / b / (256.0 / 8.0);
}

/// The same of an ADC: proportional to its bits (ADC.py there).
double adc_scale(const DeviceSpec& spec, std::int64_t bits) {
  return spec.text("adc.energy_law") == "given" ? 1 : static_cast<double>(bits) / 8;
}

Price scaled(Price price, double factor, std::int64_t bits) {
  price.energy_per_action_J *= factor;
  if (factor != 1) price.source += fmt::format("; scaled to {} bits, x {:.4g}", bits, factor);
  return price;
}

double ceiling(double size, std::int64_t lanes) {
  return std::ceil(size / static_cast<double>(lanes));
}

}  // namespace

Tiling tiling_of(const TiledParameters& p, std::int64_t k, std::int64_t n) noexcept {
  return {(k + p.slots - 1) / p.slots, (n + p.outputs - 1) / p.outputs};
}

TiledCounts count_tiled(const TiledParameters& p, const GemmShape& shape, const TiledUse& use) {
  TiledCounts c;
  if (shape.m == 0 || shape.n == 0 || shape.k == 0) return c;
  const bool twice = p.intensities() && p.signed_inputs == SignedInputs::two_pass;
  // The share is that of a count: whole rows, but for a mean over several products.
  const auto m = static_cast<double>(shape.m);
  const double given = m * use.signed_rows_frac;
  const bool whole = std::fabs(given - std::round(given)) <= 1e-9 * m;
  const double rows = m + (!twice ? 0.0 : whole ? std::round(given) : given);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  const double tn = ceiling(n, p.outputs);
  const double tk = ceiling(k, p.slots);
  const double tm = p.samples == 1 ? rows : ceiling(rows, p.samples);  // mean passes
  const double tiles = tn * tk;
  c.core_cycles = tm * tiles;
  c.activation_symbols = rows * k * tn / p.window_sharing;
  c.readouts = rows * n * tk;
  c.partial_sums = c.readouts - m * n;
  if (p.continuous || !p.stationary()) {
    c.weight_conversions = p.weight_converters() * c.core_cycles;
    c.weight_modulations = p.weight_modulators() * c.core_cycles;
  }
  if (!p.stationary()) {
    c.weight_symbols = k * n * tm;
    c.device_time_s = ceiling(c.core_cycles, p.cores) / p.clock_Hz;
    return c;
  }
  // Cores work on a tile each; a round ends when all its tiles have seen all rows.
  const double rounds = ceiling(tiles, p.cores);
  c.device_time_s = rounds * tm / p.clock_Hz;
  if (use.reloaded) {
    c.weight_symbols = k * n;
    c.loaded_elements = tiles * p.weight_modulators();
    c.load_conversions = tiles * p.weight_converters();
    c.device_time_s += rounds * p.reload_s;
  }
  return c;
}

double tuned_rings(const DeviceSpec& spec, const TiledParameters& p) {
  const auto cores = static_cast<double>(p.cores);
  const auto slots = static_cast<double>(p.slots);
  if (p.kind == TiledKind::ring_bank) {
    const double endpoints = static_cast<double>(p.samples) * p.weight_modulators();
    return cores *
           (spec.number("rings.per_weight") * endpoints + spec.number("rings.per_input") * slots);
  }
  return cores * spec.number("rings.per_modulator") * slots *
         static_cast<double>(p.samples + p.outputs);
}

TiledAccounting::TiledAccounting(const DeviceSpec& spec, const TiledParameters& p)
    : p_(p),
      ids_(kActions),
      bytes_a_(bytes_of_bits(p.bits_a)),
      bytes_b_(bytes_of_bits(p.bits_b)),
      bytes_c_(bytes_of_bits(p.adc_bits)) {
  prices_.has_energy = p.has_energy;
  prices_.lowest = p.lowest;
  prices_.highest = p.highest;
  if (!p.has_energy) return;
  const bool given = spec.text("laser.law") == "given";
  Price light = price_from(spec, given ? "laser.endpoint_W" : "wpe", "laser", "core second",
                           Category::compute, Boundary::B0);
  light.energy_per_action_J = p.laser_W;
  if (!given) {
    light.source = fmt::format(
        "sensitivity x fan-out x 2^bits / (transmission x wall-plug efficiency), {:.4g} dB from "
        "facet to detector; efficiency: {}",
        p.loss_dB, spec.at("wpe").source);
  }
  Price idle = light;
  idle.action = "idle core second";
  idle.category = Category::static_power;
  idle.boundary = Boundary::B3;
  Price locking = light;
  locking.action = "lock core second";
  locking.category = Category::calibration;
  offer(laser, std::move(light));
  offer(idle_laser, std::move(idle));
  offer(lock_laser, std::move(locking));
  add_converters(spec);
  add_memories(spec);
  add_loads(spec);
  add_static(spec);
}

void TiledAccounting::offer(Action action, Price price) {
  if (price.boundary > p_.highest || price.energy_per_action_J == 0) return;
  // The signs of A decide how many passes there are.
  const bool passes = p_.intensities() && p_.signed_inputs == SignedInputs::two_pass;
  const bool of_loads = price.category == Category::programming ||
                        price.category == Category::calibration || action == sram_b ||
                        action == dram_a || action == dram_b || action == dram_c ||
                        action == sram_write_b || action == dram_write_b;
  price.data_dependent = passes && !of_loads;
  ids_[action] = prices_.add(std::move(price));
}

void TiledAccounting::add_converters(const DeviceSpec& spec) {
  const auto offer_converter = [&](Action action, const char* key, const char* component,
                                   const char* what, double factor, std::int64_t bits,
                                   Category category) {
    offer(action,
          scaled(price_from(spec, key, component, what, category, Boundary::B0), factor, bits));
  };
  constexpr auto kConversion = Category::conversion;
  constexpr auto kCalibration = Category::calibration;
  // A mesh sets phases with converters of the activations' kind when their bits are not given.
  const std::int64_t bits_b = p_.bits_b > 0 ? p_.bits_b : p_.bits_a;
  const double of_a = dac_scale(spec, p_.bits_a);
  const double of_b = dac_scale(spec, bits_b);
  const double of_c = adc_scale(spec, p_.adc_bits);
  offer_converter(dac_a, "energy.dac_J", "dac", "convert activation", of_a, p_.bits_a, kConversion);
  offer_converter(dac_b, "energy.dac_J", "dac", "convert weight", of_b, bits_b, kConversion);
  offer_converter(lock_dac, "energy.dac_J", "dac", "lock convert", of_a, p_.bits_a, kCalibration);
  offer_converter(modulator_a, "energy.modulator_J", "modulator", "modulate activation", 1, 0,
                  kConversion);
  offer_converter(modulator_b, "energy.modulator_J", "modulator", "modulate weight", 1, 0,
                  kConversion);
  offer_converter(detector, "energy.detector_J", "detector", "read", 1, 0, kConversion);
  offer_converter(lock_detector, "energy.detector_J", "detector", "lock read", 1, 0, kCalibration);
  offer_converter(adc, "energy.adc_J", "adc", "convert", of_c, p_.adc_bits, kConversion);
  offer_converter(lock_adc, "energy.adc_J", "adc", "lock convert", of_c, p_.adc_bits, kCalibration);
}

void TiledAccounting::add_memories(const DeviceSpec& spec) {
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
}

void TiledAccounting::add_loads(const DeviceSpec& spec) {
  if (!p_.stationary()) return;
  const std::int64_t bits_b = p_.bits_b > 0 ? p_.bits_b : p_.bits_a;
  offer(load_dac, scaled(price_from(spec, "energy.dac_J", "dac", "convert loaded weight",
                                    Category::programming, Boundary::B0),
                         dac_scale(spec, bits_b), bits_b));
  offer(load_element, price_from(spec, "reload.energy_J", "weights", "set element",
                                 Category::programming, Boundary::B0));
  offer(lock_element, price_from(spec, "reload.energy_J", "weights", "lock element",
                                 Category::calibration, Boundary::B0));
}

void TiledAccounting::add_static(const DeviceSpec& spec) {
  constexpr auto kStatic = Category::static_power;
  const auto cores = static_cast<double>(p_.cores);
  if (p_.kind == TiledKind::mesh) {
    Price heat =
        price_from(spec, "static.p_pi_W", "phase shifter", "heat second", kStatic, Boundary::B3);
    constexpr double kPi = 3.14159265358979323846;  // a definition
    heat.energy_per_action_J *= spec.number("static.mean_phase_rad") / kPi;
    heat.source += fmt::format("; mean phase {:.4g} rad", spec.number("static.mean_phase_rad"));
    shifters_ = 2 * cores * p_.weight_modulators();
    offer(heaters, std::move(heat));
  } else {
    rings_ = tuned_rings(spec, p_);
    offer(rings, price_from(spec, "static.ring_W", "ring", "tune second", kStatic, Boundary::B3));
  }
  offer(controls,
        price_from(spec, "static.lock_W", "controls", "hold second", kStatic, Boundary::B3));
}

void TiledAccounting::note(Activity& activity, Action action, double count) const {
  if (ids_[action]) activity.add(*ids_[action], count);
}

void TiledAccounting::note_static(Activity& activity, double core_seconds_lit) const {
  const double time_s = activity.device_time_s;
  // Lasers are not switched between products, loads and rounds.
  note(activity, idle_laser,
       std::max(0.0, static_cast<double>(p_.cores) * time_s - core_seconds_lit));
  note(activity, rings, rings_ * time_s);
  note(activity, heaters, shifters_ * time_s);
  note(activity, controls, time_s);
}

Activity TiledAccounting::product(const GemmShape& shape, const TiledUse& use) const {
  const TiledCounts c = count_tiled(p_, shape, use);
  Activity activity;
  activity.device_time_s = c.device_time_s;
  activity.executed_macs = c.core_cycles * static_cast<double>(p_.samples) * p_.weight_modulators();
  if (c.readouts == 0) return activity;
  const auto m = static_cast<double>(shape.m);
  note(activity, laser, c.core_cycles / p_.clock_Hz);
  note(activity, dac_a, c.activation_symbols);
  note(activity, dac_b, c.weight_conversions);
  note(activity, modulator_a, c.activation_symbols);
  note(activity, modulator_b, c.weight_modulations);
  note(activity, detector, c.readouts);
  note(activity, adc, c.readouts);
  note(activity, load_dac, c.load_conversions);
  note(activity, load_element, c.loaded_elements);
  note(activity, sram_a, c.activation_symbols * bytes_a_);
  note(activity, sram_b, c.weight_symbols * bytes_b_);
  note(activity, sram_c, c.readouts * bytes_c_);
  note(activity, partial_sum, c.partial_sums);
  note(activity, dram_a, m * static_cast<double>(shape.k) * bytes_a_);
  if (!p_.stationary() || use.reloaded) {
    note(activity, dram_b, static_cast<double>(shape.k) * static_cast<double>(shape.n) * bytes_b_);
  }
  note(activity, dram_c, m * static_cast<double>(shape.n) * bytes_c_);
  note_static(activity, c.core_cycles / p_.clock_Hz);
  return activity;
}

Activity TiledAccounting::load(std::int64_t k, std::int64_t n) const {
  Activity activity;
  const auto tiles = static_cast<double>(tiling_of(p_, k, n).count());
  if (tiles == 0 || !p_.stationary()) return activity;
  const double bytes = static_cast<double>(k) * static_cast<double>(n) * bytes_b_;
  activity.device_time_s = ceiling(tiles, p_.cores) * p_.reload_s;
  note(activity, load_dac, tiles * p_.weight_converters());
  note(activity, load_element, tiles * p_.weight_modulators());
  note(activity, sram_b, bytes);
  note(activity, dram_b, bytes);
  note_static(activity, 0);
  return activity;
}

Activity TiledAccounting::rewrite(std::int64_t k, std::int64_t n) const {
  Activity activity;
  const double bytes = static_cast<double>(k) * static_cast<double>(n) * bytes_b_;
  note(activity, sram_write_b, bytes);
  note(activity, dram_write_b, bytes);
  return activity;
}

Activity TiledAccounting::lock(double tiles) const {
  Activity activity;
  if (tiles == 0) return activity;
  const double reads = p_.weight_modulators() * static_cast<double>(p_.calibration_readings);
  activity.device_time_s = reads / p_.clock_Hz + p_.reload_s;  // cores in parallel
  const double lit = std::min(tiles, static_cast<double>(p_.cores));
  note(activity, lock_laser, lit * reads / p_.clock_Hz);
  note(activity, lock_dac, lit * reads);
  note(activity, lock_detector, lit * reads);
  note(activity, lock_adc, lit * reads);
  note(activity, lock_element, lit * p_.weight_modulators());
  note_static(activity, lit * reads / p_.clock_Hz);
  return activity;
}

}  // namespace jb::photonic
