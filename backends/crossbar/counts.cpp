#include "backends/crossbar/counts.h"

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"

namespace jb::crossbar {
namespace {

struct ActionPrice {
  Action action;
  const char* parameter;
  const char* component;
  const char* name;
  Category category;
  Boundary boundary;
  bool data_dependent;
};

constexpr std::array<ActionPrice, kActions> kActionPrices{{
    {Action::core_mvm, "energy.core_mvm_J", "macro (undivided)", "core_mvm", Category::compute,
     Boundary::B1, false},
    {Action::dac, "energy.dac_J", "dac", "drive", Category::conversion, Boundary::B0, false},
    {Action::cell_read, "energy.cell_read_J", "cells", "read", Category::compute, Boundary::B0,
     true},
    {Action::adc, "energy.adc_J", "adc", "convert", Category::conversion, Boundary::B0, false},
    {Action::sample_hold, "energy.sample_hold_J", "sample_hold", "sample", Category::conversion,
     Boundary::B0, false},
    {Action::shift_add, "energy.shift_add_J", "digital", "shift_add", Category::compute,
     Boundary::B1, false},
    {Action::buffer_read, "energy.buffer_read_J", "buffer", "read_bit", Category::movement,
     Boundary::B1, false},
    {Action::buffer_write, "energy.buffer_write_J", "buffer", "write_bit", Category::movement,
     Boundary::B1, false},
    {Action::partial_sum, "energy.partial_sum_J", "digital", "partial_sum_add", Category::compute,
     Boundary::B1, false},
    {Action::array_cycle, "energy.array_cycle_J", "cells", "array_cycle", Category::compute,
     Boundary::B0, false},
    {Action::periphery, "energy.periphery_cycle_J", "periphery", "tile_cycle", Category::control,
     Boundary::B1, false},
}};

// Without a converter a value moves as the float32 that the host hands over.
constexpr double kBitsWithoutConverter = 32;

std::size_t index_of(Action action) { return static_cast<std::size_t>(action); }

void refuse_divided_beside_undivided(const DeviceSpec& spec) {
  if (spec.number("energy.array_cycle_J") > 0 && spec.number("energy.cell_read_J") > 0) {
    fail_usage(
        "device '{}': energy.cell_read_J is part of the undivided figure energy.array_cycle_J and "
        "would count twice; set one of them to 0",
        spec.name());
  }
  if (spec.number("energy.core_mvm_J") <= 0) return;
  for (const ActionPrice& price : kActionPrices) {
    if (price.action == Action::core_mvm || spec.number(price.parameter) <= 0) continue;
    fail_usage(
        "device '{}': {} is part of the undivided figure energy.core_mvm_J and would count "
        "twice; set one of them to 0",
        spec.name(), price.parameter);
  }
  if (spec.number("power.static_W") > 0) {
    fail_usage(
        "device '{}': power.static_W is part of the undivided figure energy.core_mvm_J and "
        "would count twice; set one of them to 0",
        spec.name());
  }
}

using Ids = std::array<std::optional<ActionId>, kActions>;

void add(Activity& activity, const Ids& ids, Action action, double count) {
  const auto& id = ids[index_of(action)];
  if (id) activity.add(*id, count);
}

double bits_or_host(int bits) { return bits > 0 ? bits : kBitsWithoutConverter; }

}  // namespace

Catalogue catalogue_from(const DeviceSpec& spec) {
  refuse_divided_beside_undivided(spec);
  Catalogue out;
  PriceTable& table = out.table;
  for (const ActionPrice& entry : kActionPrices) {
    if (spec.number(entry.parameter) <= 0) continue;
    Price price = price_from(spec, entry.parameter, entry.component, entry.name, entry.category,
                             entry.boundary);
    price.data_dependent = entry.data_dependent;
    table.highest = std::max(table.highest, entry.boundary);
    out.product[index_of(entry.action)] = table.add(price);
    price.category = Category::calibration;
    out.calibration[index_of(entry.action)] = table.add(price);
  }
  if (spec.number("energy.program_cell_J") > 0) {
    out.program = table.add(price_from(spec, "energy.program_cell_J", "cells", "program",
                                       Category::programming, Boundary::B0));
  }
  if (spec.number("energy.core_update_J") > 0) {
    out.core_update = table.add(price_from(spec, "energy.core_update_J", "macro (undivided)",
                                           "core_update", Category::programming, Boundary::B1));
    table.highest = std::max(table.highest, Boundary::B1);
  }
  if (spec.number("energy.update_pulse_J") > 0) {
    Price pulse = price_from(spec, "energy.update_pulse_J", "cells", "update_pulse",
                             Category::programming, Boundary::B0);
    pulse.data_dependent = true;
    out.update_pulse = table.add(pulse);
  }
  if (spec.number("power.static_W") > 0) {
    out.static_power = table.add(price_from(spec, "power.static_W", "machine", "static_second",
                                            Category::static_power, Boundary::B3));
    table.highest = Boundary::B3;
  }
  table.has_energy = !table.prices.empty();
  // An undivided figure cannot be taken apart below its own boundary.
  table.lowest = out.product[index_of(Action::core_mvm)] ? Boundary::B1 : Boundary::B0;
  return out;
}

Layout layout_of(const Config& config, std::int64_t k, std::int64_t n, bool transposed) {
  const Partition rows = partition(k, config.tile_rows, config.rule);
  const Partition cols = partition(n, config.tile_cols, config.rule);
  return transposed ? Layout{cols, rows} : Layout{rows, cols};
}

double Counter::rounds(std::int64_t tiles) const noexcept {
  if (config_->tile_count == 0 || tiles <= config_->tile_count) return 1;
  return std::ceil(static_cast<double>(tiles) / static_cast<double>(config_->tile_count));
}

/// Mean level of the weights, weighted by what drives them: products whose weights differ have
/// inputs of their own.
double Counter::driven_level(const OperandStatistics& statistics) const noexcept {
  const OperandMoments& a = statistics.a;
  const bool constant = config_->coding == InputCoding::bit_serial;
  if (!statistics.pairs || constant) return statistics.b.abs_of_peak();
  const PairMeans& pairs = *statistics.pairs;
  const bool fixed = config_->input_range == InputRange::fixed;
  const bool pulses = config_->coding == InputCoding::pulse_width;
  const double drive = fixed ? (pulses ? a.mean_abs : a.mean_square)
                             : (pulses ? a.abs_of_peak() : a.square_of_peak());
  const double both = fixed ? (pulses ? pairs.mean_abs : pairs.mean_square)
                            : (pulses ? pairs.abs_of_peak : pairs.square_of_peak);
  return drive > 0 ? both / drive : 0.0;
}

/// Of all cells of a weight. Digits below the highest are taken as evenly distributed.
double Counter::conductance_sum(double mean_level) const noexcept {
  const WeightMapping& mapping = config_->mapping;
  const double idle = mapping.cells() * mapping.g_min;
  if (mapping.scheme == SignScheme::differential) {
    return idle + mapping.range * (mean_level + 0.5 * (mapping.slices - 1));
  }
  // Two-sided pairs and offset digits stand half way on average; one offset cell at its middle.
  if (mapping.slices == 1 && !mapping.differential()) return mapping.middle();
  return idle + 0.5 * mapping.range * mapping.cells();
}

/// Squares of what drives a line, relative to full scale, summed over the readings of a product.
double Counter::input_square(const OperandMoments& a) const noexcept {
  const bool fixed = config_->input_range == InputRange::fixed;
  const double full_scale = fixed ? config_->input_max : a.max_abs;
  if (full_scale <= 0) return 0;
  if (config_->coding == InputCoding::bit_serial) {
    // Digits from 0 to d, evenly distributed: mean square (2 d + 1) / (6 d) of full scale.
    const double digits = std::ldexp(1.0, config_->plane_bits) - 1.0;
    return config_->planes() * (2.0 * digits + 1.0) / (6.0 * digits);
  }
  // A pulse has its full voltage for the time that the input is worth.
  if (config_->coding == InputCoding::pulse_width) {
    return std::min(1.0, fixed ? a.mean_abs / full_scale : a.abs_of_peak());
  }
  return std::min(1.0, fixed ? a.mean_square / (full_scale * full_scale) : a.square_of_peak());
}

double Counter::readings() const noexcept { return config_->planes(); }

double Counter::conversions() const noexcept { return static_cast<double>(config_->conversions()); }

double Counter::columns(std::int64_t outputs, const Partition& tiles,
                        bool transposed) const noexcept {
  const bool units = config_->mapping.unit_column() && !transposed;
  return static_cast<double>(outputs + (units ? tiles.tiles : 0));
}

double Counter::product_time_s() const noexcept {
  // t = P max(t_settle, ceil(C k / N_adc) / f_adc), C the outputs that a tile's converters share.
  // A pulse settles in each of its slots and is converted once.
  double step_s = config_->step_time_s * config_->input_steps() / readings();
  if (config_->adc_rate_Hz > 0 && config_->tile_cols > 0) {
    const double outputs = static_cast<double>(config_->tile_cols) * conversions() / readings();
    const double turns = std::ceil(outputs / static_cast<double>(config_->adc_per_tile));
    step_s = std::max(step_s, turns / config_->adc_rate_Hz);
  }
  return config_->mvm_time_s + readings() * step_s;
}

void Counter::add_time(Activity& activity, double seconds) const {
  activity.device_time_s += seconds;
  add_static(activity, seconds);
}

void Counter::add_static(Activity& activity, double seconds) const {
  if (catalogue_->static_power) activity.add(*catalogue_->static_power, seconds);
}

Activity Counter::execute(std::int64_t m, std::int64_t k, std::int64_t n, bool transposed,
                          bool reloaded, const OperandStatistics& statistics) const {
  const Layout layout = layout_of(*config_, k, n, transposed);
  const auto rows = static_cast<double>(m);
  const auto inputs = static_cast<double>(transposed ? n : k);
  const auto outputs = static_cast<double>(transposed ? k : n);
  const auto input_tiles = static_cast<double>(layout.inputs.tiles);
  const auto output_tiles = static_cast<double>(layout.outputs.tiles);
  const double tiles = input_tiles * output_tiles;
  const double conversions = rows * columns(transposed ? k : n, layout.outputs, transposed) *
                             input_tiles * this->conversions();
  // Cells: t V^2 sum_ij (g+ + g-) x_j^2 with means in place of the sum; x relative to full scale.
  const double cells = rows * inputs * outputs * conductance_sum(driven_level(statistics)) *
                       input_square(statistics.a);

  Activity activity = reloaded ? program(k, n) : Activity{};
  const Ids& ids = catalogue_->product;
  add(activity, ids, Action::core_mvm, rows * tiles);
  add(activity, ids, Action::dac, rows * inputs * output_tiles * readings());
  add(activity, ids, Action::cell_read, cells);
  add(activity, ids, Action::array_cycle, rows * tiles * readings());
  add(activity, ids, Action::periphery, rows * tiles * readings());
  add(activity, ids, Action::adc, conversions);
  add(activity, ids, Action::sample_hold, conversions);
  add(activity, ids, Action::shift_add, conversions);
  add(activity, ids, Action::buffer_read, rows * inputs * bits_or_host(config_->dac.bits));
  add(activity, ids, Action::buffer_write, rows * outputs * bits_or_host(config_->adc_bits));
  add(activity, ids, Action::partial_sum, rows * outputs * std::max(0.0, input_tiles - 1.0));
  // Slices and planes are MACs of their own; slots of a pulse are one.
  activity.executed_macs =
      rows * cells_of_tiles(k, n) * config_->mapping.slices * config_->planes();
  add_time(activity, rows * rounds(layout.tiles()) * product_time_s());
  return activity;
}

/// A tile works on all its rows and columns, used or not.
double Counter::cells_of_tiles(std::int64_t k, std::int64_t n) const noexcept {
  const auto width = [](std::int64_t capacity, const Partition& p) {
    return static_cast<double>(capacity == 0 ? p.size : capacity);
  };
  const Layout layout = layout_of(*config_, k, n, false);
  return static_cast<double>(layout.tiles()) * width(config_->tile_rows, layout.inputs) *
         width(config_->tile_cols, layout.outputs);
}

Activity Counter::update_outer(std::int64_t samples, std::int64_t k, std::int64_t n,
                               double coincidences) const {
  Activity activity;
  const auto times = static_cast<double>(samples);
  const Layout layout = layout_of(*config_, k, n, false);
  if (catalogue_->core_update) {
    activity.add(*catalogue_->core_update, times * static_cast<double>(layout.tiles()));
  }
  if (catalogue_->update_pulse) activity.add(*catalogue_->update_pulse, coincidences);
  activity.executed_macs = times * cells_of_tiles(k, n);
  add_time(activity, times * config_->update_time_s);
  return activity;
}

Activity Counter::program(std::int64_t k, std::int64_t n) const {
  Activity activity;
  const Layout layout = layout_of(*config_, k, n, false);
  const double cells = static_cast<double>(k) * columns(n, layout.outputs, false) *
                       config_->mapping.cells() * static_cast<double>(config_->cells_per_polarity);
  if (catalogue_->program) activity.add(*catalogue_->program, cells);
  add_time(activity, rounds(layout.tiles()) * static_cast<double>(layout.inputs.longest()) *
                         config_->program_row_time_s);
  return activity;
}

Activity Counter::calibrate(std::int64_t k, std::int64_t n, const OperandMoments& b) const {
  Activity activity;
  const Layout layout = layout_of(*config_, k, n, false);
  if (layout.tiles() == 0) return activity;
  const auto vectors_of = [this](std::int64_t inputs) {
    const std::int64_t asked = config_->calibration_vectors;
    return asked == 0 ? inputs : std::min(asked, inputs);
  };
  // One-hot vectors, every tile with its own: a tile reads as many as it has inputs, or those
  // asked.
  const double reads = static_cast<double>(layout.inputs.tiles - 1) *
                           static_cast<double>(vectors_of(layout.inputs.size)) +
                       static_cast<double>(vectors_of(layout.inputs.last));
  const auto outputs = static_cast<double>(n);
  const auto output_tiles = static_cast<double>(layout.outputs.tiles);
  const Ids& ids = catalogue_->calibration;
  add(activity, ids, Action::core_mvm, reads * output_tiles);
  const double converted = reads * columns(n, layout.outputs, false) * conversions();
  add(activity, ids, Action::dac, reads * output_tiles * readings());
  add(activity, ids, Action::cell_read, reads * outputs * conductance_sum(b.abs_of_peak()));
  add(activity, ids, Action::adc, converted);
  add(activity, ids, Action::sample_hold, converted);
  add(activity, ids, Action::shift_add, converted);
  add(activity, ids, Action::array_cycle, reads * output_tiles * readings());
  add(activity, ids, Action::periphery, reads * output_tiles * readings());
  add(activity, ids, Action::buffer_write, reads * outputs * bits_or_host(config_->adc_bits));
  activity.device_time_s =
      static_cast<double>(vectors_of(layout.inputs.longest())) * product_time_s();
  return activity;
}

Activity Counter::probe(std::int64_t m, std::int64_t k, std::int64_t n,
                        const OperandStatistics& statistics) const {
  const Activity product = execute(m, k, n, false, false, statistics);
  Activity activity;
  for (std::size_t i = 0; i < kActions; ++i) {
    const auto& from = catalogue_->product[i];
    const auto& to = catalogue_->calibration[i];
    if (from && to) activity.add(*to, product.count(*from));
  }
  activity.device_time_s = product.device_time_s;
  return activity;
}

Activity Counter::setup(std::int64_t k, std::int64_t n, const OperandMoments& b) const {
  Activity activity = program(k, n);
  if (config_->default_calibration == "none") return activity;
  const Activity reference = calibrate(k, n, b);
  add_static(activity, reference.device_time_s);
  activity += reference;
  return activity;
}

}  // namespace jb::crossbar
