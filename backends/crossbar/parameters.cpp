// Keys of crossbar device files. Defaults describe an ideal, unpriced machine.

#include <fmt/format.h>

#include "backends/crossbar/config.h"

namespace jb::crossbar {
namespace {

using Schema = std::vector<ParameterSpec>;

constexpr std::int64_t kLargestTile = 1 << 20;

void add_array(Schema& s) {
  s.push_back(integer_spec("tile.rows", "1", 0, kLargestTile,
                           "inputs (crossbar rows) of a tile; 0: as many as the matrix needs", 0));
  s.push_back(integer_spec("tile.cols", "1", 0, kLargestTile,
                           "outputs (crossbar columns) of a tile; 0: as many as needed", 0));
  s.push_back(
      integer_spec("tile.count", "1", 0, 1 << 24, "tiles of the machine; 0: as many as needed", 0));
  s.push_back(choice_spec("tile.partition", {"fill", "equal"},
                          "full tiles first, or tiles of nearly equal size", "fill"));
  s.push_back(number_spec("cell.g_max_uS", "uS", 1e-6, 1e9,
                          "largest conductance, to which program.c0 ... c4 refer", 25.0));
  s.push_back(integer_spec("cell.per_polarity", "1", 1, 16,
                           "physical cells whose sum is one conductance of a pair", 1));
}

void add_mapping(Schema& s) {
  s.push_back(choice_spec(
      "weight.mapping", {"differential", "differential-two-sided", "offset", "offset-unit-column"},
      "how signs are told: pairs of cells with one idle, pairs of constant sum, one cell about a "
      "middle subtracted digitally, or about the reading of a column of zero weights per tile",
      "differential"));
  s.push_back(integer_spec("weight.bits", "1", 0, 16,
                           "bits of a weight, sign included; 0: analog weights", 0));
  s.push_back(integer_spec("weight.slices", "1", 1, kMostSlices,
                           "cells (or pairs) over which the bits of a weight are spread", 1));
  s.push_back(number_spec("weight.percentile", "1", 0.5, 1,
                          "full scale of the mapping is this percentile of the weights, from "
                          "either end; weights beyond are clipped. 1: the largest magnitude",
                          1.0));
  s.push_back(number_spec("weight.max", "1", 0, 1e300,
                          "full scale of the mapping in units of B, larger weights are clipped; "
                          "0: by weight.percentile",
                          0.0));
  s.push_back(flag_spec("weight.flip",
                        "offset slices: a column of a tile that is more than half full holds its "
                        "complement, which the digital side takes back (saves a bit of the ADC)",
                        false));
  s.push_back(flag_spec("emulate_crosssim_offset_gain",
                        "offset in one slice: divide by the range of the cells instead of the "
                        "narrowed one, as CrossSim V3.2 does (a gain of (L - 2) / (L - 1))",
                        false));
  s.push_back(integer_spec("cell.bits", "1", 0, 16,
                           "bits of a cell: 2^bits conductance levels; 0: analog cells", 0));
  s.push_back(number_spec("cell.on_off", "1", 0, 1e15,
                          "G_max / G_min of a cell, above 1; 0: G_min is 0", 0.0));
}

void add_wires(Schema& s) {
  s.push_back(choice_spec("wire.topology",
                          {"none", "input-source", "interleaved", "separate-source"},
                          "resistive lines: none, drivers on input lines (pairs in arrays of their "
                          "own, or input lines of pairs interleaved on shared output lines), or "
                          "supply lines beside the output lines with inputs at the gates",
                          "none"));
  s.push_back(number_spec("wire.row_ohm", "ohm", 0, 1e9,
                          "resistance of an input (or supply) line from one cell to the next",
                          0.0));
  s.push_back(number_spec("wire.col_ohm", "ohm", 0, 1e9,
                          "resistance of an output line from one cell to the next", 0.0));
  s.push_back(flag_spec("wire.gates",
                        "separate-source: an input of zero cuts its cells off, so that the network "
                        "changes with each vector; false: cells always conduct",
                        true));
  s.push_back(choice_spec("wire.solution", {"exact", "ladders"},
                          "exact: the whole network; ladders: each line alone, a cheap "
                          "approximation for sweeps",
                          "exact"));
  s.push_back(number_spec("column.current_limit", "1", 0, 1e9,
                          "largest current of a column of cells, clipped before pairs are "
                          "subtracted, in array units; 0: none",
                          0.0));
}

void add_cell(Schema& s) {
  s.push_back(choice_spec("cell.model", cell_model_names(),
                          "statistics of programming, drift and read noise", "ideal"));
  s.push_back(file_spec("cell.table",
                        "table: CSV file of measured cells, age_s,target_uS,mean_uS,std_uS"
                        "[,read_std_uS]; its path starts at the device file's folder"));
  s.push_back(number_spec("cell.i_max_nA", "nA", 1e-3, 1e9,
                          "sonos, floating-gate: current of the largest state, at which the fits "
                          "are read",
                          1600.0));
  s.push_back(number_spec("cell.mismatch", "1", 0, 1,
                          "sram-charge: std of a cell's capacitor, relative", 0.0));
  s.push_back(choice_spec("program.acceptance", {"0.2%", "2%"},
                          "reram-cmo: window of program-and-verify around the target", "2%"));
  s.push_back(number_spec("program.scale", "1", 0, 1e3, "multiplies the programming error", 1.0));
  const char* const order[] = {"c0", "c1", "c2", "c3", "c4"};
  for (const char* c : order) {
    s.push_back(number_spec(std::string("program.") + c, "uS", -1e9, 1e9,
                            "generic cell: coefficient of u^i, u = G / g_max, in the std of the "
                            "programmed conductance",
                            0.0));
  }
  s.push_back(number_spec("drift.scale", "1", 0, 1e3,
                          "multiplies the drift exponents, or what time adds to means and "
                          "deviations",
                          1.0));
  s.push_back(number_spec("drift.nu_mean", "1", -1, 1,
                          "cells without a drift of their own: mean exponent", 0.0));
  s.push_back(number_spec("drift.nu_std", "1", 0, 1,
                          "cells without a drift of their own: spread of the exponent between "
                          "cells",
                          0.0));
  s.push_back(number_spec("drift.t0_s", "s", 1e-9, 1e9,
                          "cells without a drift of their own: end of programming to first read",
                          20.0));
  s.push_back(number_spec("read.scale", "1", 0, 1e3,
                          "multiplies the published read noise of a model, and read.flicker", 1.0));
  s.push_back(number_spec("read.flicker", "1", 0, 1,
                          "cells without 1/f noise of their own: its std relative to G before its "
                          "growth",
                          0.0));
  s.push_back(number_spec("read.t_read_s", "s", 1e-12, 1,
                          "cells without 1/f noise of their own: duration of one read", 250e-9));
  s.push_back(number_spec("read.white", "1", 0, 1,
                          "read noise drawn anew per product: std relative to G, beside the "
                          "model's own",
                          0.0));
  s.push_back(number_spec("read.white_floor", "1", 0, 1,
                          "read noise drawn anew per product: std of each cell at full-scale "
                          "input, relative to the largest conductance",
                          0.0));
}

void add_environment(Schema& s) {
  s.push_back(number_spec("fault.stuck_off", "1", 0, 1,
                          "share of devices that stay at the smallest conductance", 0.0));
  s.push_back(number_spec("fault.stuck_on", "1", 0, 1,
                          "share of devices that stay at the largest conductance", 0.0));
  s.push_back(choice_spec("temperature.law", {"none", "linear", "arrhenius", "subthreshold"},
                          "how cells answer to --temperature: not at all, by temperature.per_K, "
                          "by temperature.activation_eV, or as the current of a transistor below "
                          "its threshold",
                          "none"));
  s.push_back(number_spec("temperature.reference_C", "degC", -273, 1000,
                          "temperature at which the cells' data hold", 25.0));
  s.push_back(number_spec("temperature.per_K", "1/K", -1, 1,
                          "linear: relative change of a conductance", 0.0));
  s.push_back(number_spec("temperature.activation_eV", "eV", 0, 5,
                          "arrhenius: activation energy of the conductance", 0.0));
  s.push_back(number_spec("temperature.threshold_state", "1", 1e-12, 1e12,
                          "subthreshold: state at which the gate is at its threshold, relative to "
                          "the largest",
                          1.0));
  s.push_back(number_spec("temperature.drift_activation_eV", "eV", 0, 5,
                          "activation energy by which warm cells age faster; 0: they do not", 0.0));
}

void add_converters(Schema& s) {
  s.push_back(integer_spec("dac.bits", "1", 0, 16,
                           "bits of the input converter, the sign included; 0: none", 0));
  s.push_back(choice_spec("dac.style", {"sign-magnitude", "unsigned"},
                          "codes from -(2^(bits-1) - 1) to 2^(bits-1) - 1, or from 0 to 2^bits - 1 "
                          "(negative inputs become 0)",
                          "sign-magnitude"));
  s.push_back(choice_spec("input.coding", {"multi-bit", "bit-serial", "pulse-width"},
                          "an input as one voltage, as planes of input.plane_bits after each "
                          "other, or as one pulse of 2^bits - 1 slots",
                          "multi-bit"));
  s.push_back(integer_spec("input.plane_bits", "1", 1, 16, "bit-serial: bits of a plane", 1));
  s.push_back(choice_spec("input.accumulation", {"digital", "analog"},
                          "bit-serial: each plane is converted, or planes are added before one "
                          "conversion",
                          "digital"));
  s.push_back(choice_spec("input.range", {"per_vector", "fixed"},
                          "full scale of inputs: max|x| of each vector, or input.max",
                          "per_vector"));
  s.push_back(number_spec("input.max", "1", 1e-300, 1e300,
                          "full scale of inputs when input.range is fixed", 1.0));
  s.push_back(integer_spec("adc.bits", "1", 0, 16, "bits of the output converter; 0: none", 0));
  s.push_back(choice_spec("adc.style", {"quantizer", "sign-magnitude"},
                          "2^bits levels without a zero, or 2^bits - 1 with one",
                          "sign-magnitude"));
  s.push_back(choice_spec("adc.range", {"max", "granular", "calibrated", "given"},
                          "nothing clips; steps of the least current of one cell; a percentile "
                          "of what calibration vectors give; or adc.limit, adc.low and adc.high",
                          "max"));
  s.push_back(number_spec("adc.limit", "1", 1e-9, 1e9,
                          "range when adc.range is given: +- this, in array units (sums of g x, "
                          "relative to G_max and to full-scale inputs)",
                          1.0));
  s.push_back(number_spec("adc.low", "1", -1e9, 1e9,
                          "lower end when adc.range is given, in array units; 0 here and in "
                          "adc.high: +-adc.limit",
                          0.0));
  s.push_back(number_spec("adc.high", "1", -1e9, 1e9,
                          "upper end when adc.range is given, in array units", 0.0));
  s.push_back(choice_spec("adc.sign", {"auto", "signed", "unsigned"},
                          "whether ranges other than given are about zero or begin there; auto: "
                          "unsigned for a quantizer of unsigned inputs on offset weights",
                          "auto"));
  for (int slice = 0; slice < kMostSlices; ++slice) {
    s.push_back(number_spec(fmt::format("adc.scale_{}", slice), "1", 1e-9, 1e9,
                            fmt::format("multiplies the range of the ADCs of slice {}, counted "
                                        "from the lowest bits",
                                        slice),
                            1.0));
  }
  s.push_back(number_spec("adc.percentile", "1", 0.5, 1,
                          "calibrated: share of the samples' magnitudes inside the range", 0.9999));
  s.push_back(integer_spec("adc.calibration_vectors", "1", 1, 4096,
                           "calibrated: vectors of normal random inputs that are read", 64));
  s.push_back(number_spec("adc.gain_error", "1", 0, 1,
                          "std of the static gain error of each converter", 0.0));
  s.push_back(number_spec("adc.offset_error", "1", 0, 1e3,
                          "std of the static offset of each converter, in steps", 0.0));
}

void add_calibration(Schema& s) {
  s.push_back(number_spec("adc.gain_drift", "1", 0, 1,
                          "random walk of each converter's gain: std after adc.drift_tau_s", 0.0));
  s.push_back(number_spec("adc.offset_drift", "1", 0, 1e3,
                          "random walk of each converter's offset: std in steps after "
                          "adc.drift_tau_s",
                          0.0));
  s.push_back(number_spec("adc.drift_tau_s", "s", 1e-9, 1e12,
                          "time after which converters have walked adc.gain_drift and "
                          "adc.offset_drift",
                          86400.0));
  s.push_back(number_spec("adc.gain_per_K", "1/K", 0, 1,
                          "std over converters of their gain's temperature coefficient", 0.0));
  s.push_back(number_spec("adc.offset_per_K", "1/K", 0, 1e3,
                          "std over converters of their offset's temperature coefficient, in "
                          "steps",
                          0.0));
  s.push_back(number_spec("adc.trim_step", "1", 0, 1,
                          "calibration column: resolution of a converter's gain trim; 0: "
                          "continuous",
                          0.0));
  s.push_back(number_spec("adc.trim_range", "1", 0, 10,
                          "calibration column: largest gain trim to either side", 0.5));
  s.push_back(choice_spec("calibration.default",
                          {"none", "gdc", "column", "range", "range+column", "state", "reprogram"},
                          "calibration whose reference is read right after programming", "none"));
  s.push_back(integer_spec("calibration.fit_vectors", "1", 16, 65536,
                           "known random vectors that column, range and state read", 256));
  s.push_back(integer_spec("calibration.vectors", "1", 0, kLargestTile,
                           "one-hot vectors read per tile; 0: one per input", 0));
}

void add_updates(Schema& s) {
  s.push_back(choice_spec("update.rule", {"reprogram", "outer-product"},
                          "how a stored operand changes in training: targets written anew with "
                          "verification, or pulses on rows and columns in place",
                          "reprogram"));
  s.push_back(number_spec("update.step", "1", 0, 1,
                          "outer products: mean change of a weight by one coincidence of pulses, "
                          "relative to full scale; 0: continuous",
                          0.0));
  s.push_back(number_spec("update.step_c2c", "1", 0, 10,
                          "outer products: spread of a step from pulse to pulse, relative", 0.0));
  s.push_back(number_spec("update.step_d2d", "1", 0, 10,
                          "outer products: spread of the mean step from cell to cell, relative",
                          0.0));
  s.push_back(number_spec("update.asymmetry", "1", 0, 1,
                          "outer products: spread over cells of (step up - step down) / mean",
                          0.0));
  s.push_back(integer_spec("update.pulses", "1", 1, 4096,
                           "outer products: slots of a pulse train, for each sample", 31));
  s.push_back(number_spec("weight.headroom", "1", 1, 1e3,
                          "full scale of the mapping, relative to the largest weight when it is "
                          "programmed: room for training in place",
                          1.0));
}

void add_prices(Schema& s) {
  const auto energy = [&s](const char* key, const char* description) {
    s.push_back(number_spec(key, "J", 0, 1, description, 0.0));
  };
  energy("energy.core_mvm_J",
         "undivided energy of one tile product, converters and local logic included; excludes the "
         "other energies of a product");
  energy("energy.dac_J", "driving one input line once");
  energy("energy.cell_read_J", "one cell at g_max with a full-scale input, one read");
  energy("energy.adc_J", "one conversion");
  energy("energy.sample_hold_J", "sampling one output once");
  energy("energy.shift_add_J", "one digital correction or shift-and-add of a conversion");
  energy("energy.buffer_read_J", "reading one bit of input buffer");
  energy("energy.buffer_write_J", "writing one bit of output buffer");
  energy("energy.partial_sum_J", "adding the partial sums of two tiles, one output");
  energy("energy.array_cycle_J",
         "one reading of a tile's cells, all together; excludes energy.cell_read_J");
  energy("energy.periphery_cycle_J",
         "buffers, buses and digital units of a tile during one reading, all together");
  energy("energy.program_cell_J", "programming one physical cell, verification included");
  energy("energy.core_update_J",
         "undivided energy of an outer product of two vectors on one tile, all cells at once");
  energy("energy.update_pulse_J", "one coincidence of pulses at one weight");
  s.push_back(number_spec("power.static_W", "W", 0, 1e6,
                          "power of the machine that flows whether or not it computes", 0.0));
  s.push_back(
      number_spec("time.mvm_s", "s", 0, 1e3, "one product of a tile, whatever its readings", 0.0));
  s.push_back(number_spec("time.step_s", "s", 0, 1e3,
                          "one reading of a tile (an input plane, or the whole input)", 0.0));
  s.push_back(number_spec("adc.rate_Hz", "Hz", 0, 1e12,
                          "conversions per second of one converter, which may hold up a reading; "
                          "0: it does not",
                          0.0));
  s.push_back(integer_spec("adc.per_tile", "1", 1, kLargestTile,
                           "converters that the outputs of a tile share", 1));
  s.push_back(number_spec("time.update_s", "s", 0, 1e3,
                          "an outer product of two vectors on all tiles of an operand", 0.0));
  s.push_back(number_spec("time.program_row_s", "s", 0, 1e6,
                          "programming one row of a tile; all tiles and columns in parallel", 0.0));
}

void add_area(Schema& s) {
  const auto area = [&s](const char* key, const char* description) {
    s.push_back(number_spec(key, "m2", 0, 1, description, 0.0));
  };
  area("area.array_m2", "cells of a tile");
  area("area.converters_m2", "converters and sample-and-holds of a tile");
  area("area.periphery_m2", "buffers, buses and digital units of a tile");
  area("area.chip_m2", "what stands once on the machine (links, controllers)");
}

Schema make_schema() {
  Schema s;
  add_array(s);
  add_mapping(s);
  add_wires(s);
  add_cell(s);
  add_environment(s);
  add_converters(s);
  add_calibration(s);
  add_updates(s);
  add_prices(s);
  add_area(s);
  return s;
}

}  // namespace

const std::vector<ParameterSpec>& parameter_schema() {
  static const Schema schema = make_schema();
  return schema;
}

}  // namespace jb::crossbar
