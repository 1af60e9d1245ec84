#include "backends/crossbar/cell_model.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/parameters.h"
#include "backends/crossbar/cell_fits.h"
#include "backends/crossbar/cell_table.h"

namespace jb::crossbar {
namespace {

constexpr double kBoltzmann_eV = 8.617333262e-5;  // eV / K, CODATA 2018
constexpr double kZeroCelsius_K = 273.15;

/// Which keys describe a model besides those that all have.
struct ModelKeys {
  const char* name;
  bool own_program;  ///< its programming error is published: program.c0 ... c4 are not asked
  bool own_drift;    ///< its drift is published: drift.nu_mean, nu_std and t0_s are not asked
  bool own_flicker;  ///< its 1/f noise is published: read.flicker and t_read_s are not asked
};

constexpr ModelKeys kModels[] = {
    {"ideal", false, false, false},          {"pcm-like", true, true, true},
    {"pcm-joshi", true, false, false},       {"pcm-hermes-1dev", true, true, true},
    {"pcm-hermes-2dev", true, true, true},   {"reram-wan", true, true, false},
    {"reram-wan-write", true, false, false}, {"reram-milo", true, false, false},
    {"reram-cmo", true, true, true},         {"sonos", true, true, false},
    {"floating-gate", true, true, false},    {"sram-charge", true, false, false},
    {"generic", false, false, false},        {"table", true, true, false}};

CellModel::Law constant(double value) {
  return [value](double) { return value; };
}

CellModel::Law times(double factor, const CellModel::Law& law) {
  if (!law || factor == 0) return nullptr;
  return [factor, law](double u) { return factor * law(u); };
}

CellModel sonos_from(const DeviceSpec& spec, double program_scale, double drift_scale) {
  const double i_max_nA = spec.number("cell.i_max_nA");
  const double largest = drift_scale > 0 ? kSonosLargestDrift_nA : kSonosLargest_nA;
  if (i_max_nA > largest) {
    fail_usage(
        "device '{}': cell.i_max_nA = {} is beyond the data of the SONOS fit: give at most {} nA "
        "({} nA with drift.scale = 0)",
        spec.name(), i_max_nA, largest, kSonosLargest_nA);
  }
  return sonos(i_max_nA, program_scale, drift_scale);
}

/// A capacitor per cell: its size errs from cell to cell for good, and nothing moves it.
CellModel sram_charge(const DeviceSpec& spec) {
  CellModel model;
  const double mismatch = spec.number("cell.mismatch");
  model.program_std = [mismatch](double u) { return mismatch * u; };
  model.fixed_error = true;
  return model;
}

CellModel generic(const DeviceSpec& spec) {
  const std::array<double, 5> in_uS = {spec.number("program.c0"), spec.number("program.c1"),
                                       spec.number("program.c2"), spec.number("program.c3"),
                                       spec.number("program.c4")};
  const double g_max_uS = spec.number("cell.g_max_uS");
  CellModel model;
  model.program_std = [=](double u) { return std::max(0.0, polynomial(in_uS, u) / g_max_uS); };
  return model;
}

CellModel table_from(const DeviceSpec& spec, double program_scale, double drift_scale) {
  const std::filesystem::path path = spec.file("cell.table");
  if (path.empty()) {
    fail_usage(
        "device '{}': cell.model = table needs cell.table, the path of a CSV file of measured "
        "cells",
        spec.name());
  }
  return measured_cells(path, spec.number("cell.g_max_uS"), program_scale, drift_scale,
                        "device '" + spec.name() + "', cell.table");
}

CellModel published(const DeviceSpec& spec, const std::string& name, double program_scale,
                    double drift_scale) {
  if (name == "pcm-like") return pcm_like();
  if (name == "pcm-joshi") return pcm_joshi();
  if (name == "pcm-hermes-1dev") return pcm_hermes_one_device();
  if (name == "pcm-hermes-2dev") return pcm_hermes_two_devices();
  if (name == "reram-wan") return reram_wan(program_scale, drift_scale);
  if (name == "reram-wan-write") return reram_wan_write();
  if (name == "reram-milo") return reram_milo();
  if (name == "reram-cmo") {
    return reram_cmo(spec.text("program.acceptance") == "0.2%" ? 0.2 : 2.0, drift_scale);
  }
  // No statistics of analog floating gates are published over time; those of SONOS stand in, with
  // drift.scale (reference: a third) for the smaller loss through a thicker oxide.
  if (name == "sonos" || name == "floating-gate") {
    return sonos_from(spec, program_scale, drift_scale);
  }
  if (name == "sram-charge") return sram_charge(spec);
  if (name == "generic") return generic(spec);
  if (name == "table") return table_from(spec, program_scale, drift_scale);
  fail_internal("cell model '{}' is in the schema but not in the list of models", name);
}

/// A key of the device file that is set although the cell's model has published data instead.
void refuse_unused(const DeviceSpec& spec, const ModelKeys& keys) {
  const auto refuse = [&](const char* key) {
    if (spec.number(key) == 0) return;
    fail_usage(
        "device '{}': {} = {} contradicts cell.model = {}, which has published data for it; set it "
        "to 0, or cell.model to generic",
        spec.name(), key, spec.number(key), keys.name);
  };
  if (keys.own_program) {
    for (const char* key : {"program.c0", "program.c1", "program.c2", "program.c3", "program.c4"}) {
      refuse(key);
    }
  }
  if (keys.own_drift) {
    refuse("drift.nu_mean");
    refuse("drift.nu_std");
  }
  if (keys.own_flicker) refuse("read.flicker");
  if (std::string(keys.name) != "table" && !spec.text("cell.table").empty()) {
    fail_usage("device '{}': cell.table is read by cell.model = table, not by {}; drop one of them",
               spec.name(), keys.name);
  }
}

/// Ideal cells hold their target: what would move it is a contradiction, not an addition.
void refuse_on_ideal(const DeviceSpec& spec) {
  for (const char* key : {"fault.stuck_off", "fault.stuck_on"}) {
    if (spec.number(key) == 0) continue;
    fail_usage(
        "device '{}': {} = {} contradicts cell.model = ideal; set it to 0, or cell.model to "
        "generic, whose cells have no error unless keys give them one",
        spec.name(), key, spec.number(key));
  }
  if (spec.text("temperature.law") != "none") {
    fail_usage(
        "device '{}': temperature.law = {} contradicts cell.model = ideal; set it to none, or "
        "cell.model to generic",
        spec.name(), spec.text("temperature.law"));
  }
}

void take_drift_keys(const DeviceSpec& spec, CellModel& model) {
  const double mean = spec.number("drift.nu_mean");
  const double std = spec.number("drift.nu_std");
  model.t0_s = spec.number("drift.t0_s");
  if (mean == 0 && std == 0) return;
  model.nu_mean = constant(mean);
  model.nu_std = constant(std);
}

void take_flicker_keys(const DeviceSpec& spec, CellModel& model) {
  model.t_read_s = spec.number("read.t_read_s");
  if (spec.number("read.flicker") > 0) model.flicker = constant(spec.number("read.flicker"));
}

void take_faults(const DeviceSpec& spec, CellModel& model) {
  model.stuck_off = spec.number("fault.stuck_off");
  model.stuck_on = spec.number("fault.stuck_on");
  if (model.stuck_off + model.stuck_on > 1) {
    fail_usage(
        "device '{}': fault.stuck_off + fault.stuck_on = {} is more than all devices; their sum "
        "must lie in 0 .. 1",
        spec.name(), model.stuck_off + model.stuck_on);
  }
}

void take_temperature(const DeviceSpec& spec, CellModel& model) {
  const std::string& law = spec.text("temperature.law");
  if (law == "linear") model.temperature = CellModel::Temperature::linear;
  if (law == "arrhenius") model.temperature = CellModel::Temperature::arrhenius;
  if (law == "subthreshold") model.temperature = CellModel::Temperature::subthreshold;
  model.reference_C = spec.number("temperature.reference_C");
  model.per_kelvin = spec.number("temperature.per_K");
  model.activation_eV = spec.number("temperature.activation_eV");
  model.subthreshold_state = spec.number("temperature.threshold_state");
  model.drift_activation_eV = spec.number("temperature.drift_activation_eV");
}

std::shared_ptr<const CellTables> tables_of(const CellModel& model) {
  CellTables tables;
  if (model.program_std) tables.program_std = StateTable(model.program_std);
  if (model.nu_mean) {
    tables.nu_mean = StateTable(model.nu_mean);
    tables.nu_std = StateTable(model.nu_std);
  }
  if (model.flicker) tables.flicker = StateTable(model.flicker);
  if (model.has_white()) {
    tables.white = StateTable([&model](double u) {
      const double law = model.white_law ? model.white_law(u) : 0.0;
      const double relative = model.white * u;
      return std::sqrt(law * law + relative * relative + model.white_floor * model.white_floor);
    });
  }
  return std::make_shared<const CellTables>(std::move(tables));
}

/// 1 / (k T0) - 1 / (k T) in 1 / eV: what an activation energy is multiplied with.
double inverse_energy(const CellModel& model, double temperature_C) {
  return 1.0 / (kBoltzmann_eV * (model.reference_C + kZeroCelsius_K)) -
         1.0 / (kBoltzmann_eV * (temperature_C + kZeroCelsius_K));
}

void take_temperature_of(const CellModel& model, double temperature_C, CellClock& clock) {
  switch (model.temperature) {
    case CellModel::Temperature::none:
      return;
    case CellModel::Temperature::linear:
      clock.factor = std::max(0.0, 1 + model.per_kelvin * (temperature_C - model.reference_C));
      return;
    case CellModel::Temperature::arrhenius:
      clock.factor = std::exp(model.activation_eV * inverse_energy(model, temperature_C));
      return;
    case CellModel::Temperature::subthreshold: {
      // I = I0 exp((V_G - V_T) / (n k T / q)): ln(I / I0) goes as 1 / T; I0's own dependence is
      // the reference's, which a PTAT gate voltage would take out as well.
      const double power = (model.reference_C + kZeroCelsius_K) / (temperature_C + kZeroCelsius_K);
      const double at = model.subthreshold_state;
      clock.by_state = std::make_shared<const StateTable>(
          [=](double u) { return u > 0 ? at * std::pow(u / at, power) : 0.0; });
      return;
    }
  }
}

}  // namespace

StateTable::StateTable(const std::function<double(double)>& law) {
  nodes_.resize(kIntervals + 1);
  for (int i = 0; i <= kIntervals; ++i) {
    nodes_[static_cast<std::size_t>(i)] = static_cast<float>(law(double{1} * i / kNodesPerUnit));
  }
}

float StateTable::operator()(float state) const noexcept {
  const float x =
      std::clamp(state * static_cast<float>(kNodesPerUnit), 0.0F, static_cast<float>(kIntervals));
  const int i = std::min(static_cast<int>(x), kIntervals - 1);
  const float low = nodes_[static_cast<std::size_t>(i)];
  const float high = nodes_[static_cast<std::size_t>(i) + 1];
  return low + (x - static_cast<float>(i)) * (high - low);
}

float StateTable::largest() const noexcept {
  return empty() ? 0.0F : *std::max_element(nodes_.begin(), nodes_.end());
}

const std::vector<std::string>& cell_model_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const ModelKeys& model : kModels) out.emplace_back(model.name);
    return out;
  }();
  return names;
}

CellModel cell_model_from(const DeviceSpec& spec) {
  const std::string& name = spec.text("cell.model");
  const auto keys = std::find_if(std::begin(kModels), std::end(kModels),
                                 [&name](const ModelKeys& model) { return name == model.name; });
  if (keys == std::end(kModels)) fail_internal("cell model '{}' is not in the list", name);
  CellModel model;
  if (name != "ideal") {
    refuse_unused(spec, *keys);
    const double program_scale = spec.number("program.scale");
    const double drift_scale = spec.number("drift.scale");
    const double read_scale = spec.number("read.scale");
    model = published(spec, name, program_scale, drift_scale);
    model.ideal = false;
    if (!keys->own_drift) take_drift_keys(spec, model);
    if (!keys->own_flicker) take_flicker_keys(spec, model);
    model.program_std = times(program_scale, model.program_std);
    if (model.nu_mean) {
      model.nu_mean = times(drift_scale, model.nu_mean);
      model.nu_std = times(drift_scale, model.nu_std);
    }
    model.flicker = times(read_scale, model.flicker);
    model.white_law = times(read_scale, model.white_law);
    take_faults(spec, model);
    take_temperature(spec, model);
  } else {
    refuse_unused(spec, *keys);
    refuse_on_ideal(spec);
  }
  model.name = name;
  model.white = spec.number("read.white");
  model.white_floor = spec.number("read.white_floor");
  model.tables = tables_of(model);
  return model;
}

CellClock clock_at(const CellModel& model, double age_s, double temperature_C) {
  CellClock clock;
  if (model.ideal) return clock;
  clock.age_s = age_s;
  if (model.drift_activation_eV > 0) {
    clock.age_s *= std::exp(model.drift_activation_eV * inverse_energy(model, temperature_C));
  }
  if (model.nu_mean) clock.log_time = analog::log_time(clock.age_s, model.t0_s);
  if (model.flicker && (model.flicker_from_t0 || age_s > 0)) {
    const double since_s = model.flicker_from_t0 ? age_s + model.t0_s : age_s;
    clock.flicker_growth = analog::flicker_growth(since_s, model.t_read_s);
    clock.epoch = analog::epoch_key(age_s);
  }
  if (model.retention) {
    const double at_s = clock.age_s;
    clock.mean = std::make_shared<const StateTable>(
        [&model, at_s](double u) { return model.retention(u, at_s).mean; });
    clock.std = std::make_shared<const StateTable>(
        [&model, at_s](double u) { return model.retention(u, at_s).std; });
  }
  take_temperature_of(model, temperature_C, clock);
  return clock;
}

}  // namespace jb::crossbar
