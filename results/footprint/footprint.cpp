#include "results/footprint/footprint.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

#include "backends/core/error.h"
#include "results/footprint/omissions.h"

namespace jb::results {
namespace {

constexpr double kMostHours = 1000 * kHoursPerYear;
constexpr double kMostWatts = 1e10;  // ten large power stations

/// Name, unit and method of a figure that is an earlier one times a factor.
struct Derived {
  const char* name;
  const char* unit;
  const char* formula;
  SheetInput factor;
};

Figure derived(const Figure& from, const Derived& how, double scale) {
  Figure figure;
  figure.name = how.name;
  figure.unit = how.unit;
  figure.formula = how.formula;
  figure.boundary = from.boundary;
  figure.provenance = from.provenance;
  figure.value = from.value * scale;
  if (from.low && from.high) {
    figure.low = *from.low * scale;
    figure.high = *from.high * scale;
  }
  figure.inputs = {how.factor};
  return figure;
}

Figure energy_figure(const EnergyUse& use, const Multiplicity& multiplicity) {
  const double runs = multiplicity.runs();
  Figure figure;
  figure.name = "energy_kWh";
  figure.unit = "kWh";
  figure.boundary = use.boundary;
  figure.provenance = use.provenance;
  figure.value = use.energy_J * runs / kJoulesPerKilowattHour;
  if (use.low_J && use.high_J) {
    figure.low = *use.low_J * runs / kJoulesPerKilowattHour;
    figure.high = *use.high_J * runs / kJoulesPerKilowattHour;
  }
  figure.formula = fmt::format("{}{} / 3.6e6 J/kWh", runs == 1 ? "" : "runs x (",
                               use.formula + (runs == 1 ? "" : ")"));
  figure.inputs = use.inputs;
  if (runs != 1) {
    figure.formula += ", runs = trials x tuning x search";
    figure.inputs.push_back({"trials", multiplicity.trials, "1", "given with --trials"});
    figure.inputs.push_back({"tuning", multiplicity.tuning, "1", "given with --tuning"});
    figure.inputs.push_back({"search", multiplicity.search, "1", "given with --search"});
  }
  return figure;
}

double known_hours(const EnergyUse& use, const char* flag) {
  if (!(use.machine_hours > 0)) {
    fail_usage("{} needs the hours of the machine, which {} does not tell; give --hours", flag,
               use.subject);
  }
  return use.machine_hours;
}

Figure cloud_figure(const EnergyUse& use, const FootprintOptions& options) {
  const double hours = known_hours(use, "--cloud") * options.multiplicity.runs();
  Figure figure;
  figure.name = "cloud_USD";
  figure.unit = "$";
  figure.formula = "machines x hours x price of a machine-hour";
  figure.provenance = Provenance::literature;
  figure.value = options.machines * hours * options.cloud->value;
  if (options.cloud->high) {
    figure.low = figure.value;
    figure.high = options.machines * hours * *options.cloud->high;
  }
  figure.inputs = {{"machines", options.machines, "1", "given, or 1"},
                   {"hours", hours, "h", use.subject},
                   options.cloud->input("price of a machine-hour")};
  return figure;
}

/// M = TE x TS x RS of ISO/IEC 21031:2024 (SCI), the whole machine reserved: RS = 1.
Figure embodied_figure(const EnergyUse& use, const FootprintOptions& options) {
  const double hours = known_hours(use, "--hardware") * options.multiplicity.runs();
  const double life_h = options.lifetime_years * kHoursPerYear * options.duty;
  Figure figure;
  figure.name = "embodied_kg";
  figure.unit = "kg CO2e";
  figure.formula = "machines x embodied carbon x hours / (lifetime x duty)";
  figure.provenance = Provenance::literature;
  figure.value = options.machines * options.hardware->value * hours / life_h;
  figure.inputs = {{"machines", options.machines, "1", "given, or 1"},
                   options.hardware->input("embodied carbon"),
                   {"hours", hours, "h", use.subject},
                   {"lifetime", options.lifetime_years, "years", "given with --lifetime, or 4"},
                   {"duty", options.duty, "1", "given with --duty, or 1"}};
  return figure;
}

/// SCI = (O + M) per R (ISO/IEC 21031:2024).
Figure sci_figure(const EnergyUse& use, const MethodSheet& sheet, const FootprintOptions& options) {
  const auto boundary = boundary_from(use.boundary);
  if (boundary && *boundary < Boundary::B3) {
    fail_usage(
        "an SCI takes the energy of whole machines, and {} stops at {}; its device file has no "
        "more",
        use.subject, use.boundary);
  }
  const Figure& carbon = sheet.at("carbon_kg");
  const Figure* embodied = sheet.find("embodied_kg");
  Figure figure = carbon;
  const double added = embodied != nullptr ? embodied->value : 0;
  figure.name = "sci_kg_per_unit";
  figure.unit = "kg CO2e per " + options.unit;
  figure.formula = "(carbon_kg + embodied_kg) / units";
  figure.value = (carbon.value + added) / options.units;
  if (carbon.low && carbon.high) {
    figure.low = (*carbon.low + added) / options.units;
    figure.high = (*carbon.high + added) / options.units;
  }
  figure.inputs = {{"units", options.units, options.unit, "given"}};
  if (embodied == nullptr) {
    figure.inputs.push_back({"embodied_kg", 0, "kg CO2e", "not counted: give --hardware"});
  }
  return figure;
}

void check(const FootprintOptions& options) {
  const Multiplicity& m = options.multiplicity;
  for (const auto& [value, flag] : {std::pair{m.trials, "--trials"},
                                    {m.tuning, "--tuning"},
                                    {m.search, "--search"},
                                    {options.machines, "--machines"}}) {
    if (!(value >= 1) || value > 1e12) {
      fail_usage("{}: {} makes no sense; a count from 1 to 1e12 is meant", flag, value);
    }
  }
  if (!(options.lifetime_years > 0) || options.lifetime_years > 100) {
    fail_usage("--lifetime: {} years make no sense; machines live up to 100",
               options.lifetime_years);
  }
  if (!(options.duty > 0) || options.duty > 1) {
    fail_usage("--duty: {} makes no sense; a share above 0 and up to 1 is meant", options.duty);
  }
  if (!options.unit.empty() && !(options.units > 0)) {
    fail_usage("--sci: the number of units must be above 0");
  }
}

}  // namespace

MethodSheet footprint_of(const EnergyUse& use, const FootprintOptions& options) {
  check(options);
  MethodSheet sheet;
  sheet.subject = use.subject;
  sheet.omissions = use.omissions;
  sheet.notes = use.notes;
  sheet.figures.push_back(energy_figure(use, options.multiplicity));
  if (!use.interval_source.empty()) sheet.notes.push_back("interval: " + use.interval_source);
  if (options.pue) {
    Figure facility =
        derived(sheet.figures.front(),
                {"facility_energy_kWh", "kWh", "energy_kWh x PUE", options.pue->input("PUE")},
                options.pue->value);
    facility.boundary = use.boundary + " x PUE";
    const std::vector<std::string> above = omissions_above(Boundary::B4);
    auto& omitted = sheet.omissions;
    omitted.erase(std::remove(omitted.begin(), omitted.end(), above.front()), omitted.end());
    sheet.figures.push_back(std::move(facility));
  } else {
    sheet.notes.emplace_back("the facility is not counted: give --pue to multiply by its PUE");
  }
  const Figure drawn = sheet.figures.back();
  const std::string drawn_name = drawn.name;
  const auto add = [&](const Derived& how, double scale) {
    sheet.figures.push_back(derived(drawn, how, scale));
    sheet.figures.back().formula = drawn_name + sheet.figures.back().formula;
  };
  const std::string kind = fmt::format("grid {}, {}-based, {}", options.grid.name,
                                       name_of(options.grid.basis), name_of(options.grid.signal));
  SheetInput grid = options.grid.input("intensity");
  grid.source = kind + ": " + grid.source;
  add({"carbon_kg", "kg CO2e", " x intensity / 1000", grid}, options.grid.value / 1000);
  if (options.electricity) {
    add({"electricity_USD", "$", " x price", options.electricity->input("price")},
        options.electricity->value);
  }
  if (options.fee) {
    sheet.figures.push_back(
        derived(sheet.at("carbon_kg"),
                {"carbon_fee_USD", "$", "carbon_kg / 1000 x fee", options.fee->input("fee")},
                options.fee->value / 1000));
  }
  if (options.cloud) sheet.figures.push_back(cloud_figure(use, options));
  if (options.hardware) {
    sheet.figures.push_back(embodied_figure(use, options));
  } else {
    sheet.omissions.emplace_back("carbon embodied in the machines (give --hardware)");
  }
  if (!options.unit.empty()) sheet.figures.push_back(sci_figure(use, sheet, options));
  return sheet;
}

EnergyUse energy_of(const PowerDraw& draw) {
  check_hours(draw.hours, "--hours");
  check_watts(draw.cpu_W, "--cpu");
  check_watts(draw.dram_W, "--dram");
  check_watts(draw.gpu_W, "--gpu");
  if (!(draw.gpus >= 0) || draw.gpus > 1e7) {
    fail_usage("--gpus: {} makes no sense; a count from 0 to 1e7 is meant", draw.gpus);
  }
  const double power_W = draw.cpu_W + draw.dram_W + draw.gpus * draw.gpu_W;
  check_watts(power_W, "the power of all parts together");
  if (!(power_W > 0)) fail_usage("the parts draw no power; give --cpu, --dram or --gpu in watts");
  EnergyUse use;
  use.subject = "the power given";
  use.boundary = "B3";
  use.provenance = Provenance::literature;  // no meter of this program saw it
  use.energy_J = power_W * draw.hours * 3600;
  use.machine_hours = draw.hours;
  use.formula = "t (p_c + p_r + g p_g)";  // Strubell et al. 2019, eq. (1), without PUE
  use.inputs = {{"t", draw.hours, "h", "given with --hours"},
                {"p_c", draw.cpu_W, "W", "all processors; given with --cpu"},
                {"p_r", draw.dram_W, "W", "all memory; given with --dram"},
                {"g", draw.gpus, "1", "accelerators; given with --gpus"},
                {"p_g", draw.gpu_W, "W", "each accelerator; given with --gpu"}};
  use.omissions = omissions_above(Boundary::B3);
  return use;
}

void check_hours(double hours, const std::string& what) {
  if (hours > 0 && hours <= kMostHours) return;
  fail_usage("{}: {} hours make no sense; they lie above 0 and within a thousand years ({:.0f})",
             what, hours, kMostHours);
}

void check_watts(double watts, const std::string& what) {
  if (watts >= 0 && watts <= kMostWatts) return;
  fail_usage("{}: {} W make no sense; powers lie from 0 to {:.0e} W", what, watts, kMostWatts);
}

}  // namespace jb::results
