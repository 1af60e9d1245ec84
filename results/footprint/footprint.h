#pragma once
// Joules to kilowatt-hours, carbon and money.

#include <optional>
#include <string>

#include "results/footprint/footprint_data.h"
#include "results/footprint/record_energy.h"

namespace jb::results {

inline constexpr double kJoulesPerKilowattHour = 3.6e6;
inline constexpr double kPoundKg = 0.45359237;        // definition of the pound
inline constexpr double kHoursPerYear = 365.25 * 24;  // Julian year

/// How often what was measured or modelled once was done on the way to a result.
struct Multiplicity {
  double trials = 1;  ///< repetitions with other seeds
  double tuning = 1;  ///< settings of hyper-parameters
  double search = 1;  ///< candidates of an architecture search
  [[nodiscard]] double runs() const noexcept { return trials * tuning * search; }
};

struct FootprintOptions {
  FootprintConstant grid;
  std::optional<FootprintConstant> pue;  ///< none: the facility is not counted
  std::optional<FootprintConstant> electricity, fee, cloud, hardware;
  Multiplicity multiplicity;
  double machines = 1;        ///< that cloud and embodied carbon are counted for
  double lifetime_years = 4;  ///< of the hardware
  double duty = 1;            ///< share of its life that the hardware works
  std::string unit;           ///< of the SCI: "1000 inferences"; "" = no SCI
  double units = 0;           ///< how many of them the energy served
};

/// Figures energy_kWh, facility_energy_kWh (B3 x PUE; with a PUE), carbon_kg, electricity_USD,
/// carbon_fee_USD, cloud_USD, embodied_kg, sci_kg_per_unit: those that the options ask for.
/// Usage error for an SCI of an energy below B3 and for what needs hours that are not known.
MethodSheet footprint_of(const EnergyUse& use, const FootprintOptions& options);

/// Power of the processors, the memory and each accelerator, as Strubell et al. measure it.
struct PowerDraw {
  double cpu_W = 0;
  double dram_W = 0;
  double gpu_W = 0;  ///< of each
  double gpus = 0;
  double hours = 0;
};

/// Energy of drawing that power for so long. Usage error for negative or absurd powers and hours.
EnergyUse energy_of(const PowerDraw& draw);

/// Refuses (usage) hours that are not above 0 or exceed a thousand years, naming `what`.
void check_hours(double hours, const std::string& what);
/// Refuses (usage) negative powers and those beyond what any machine (a hall: 10 GW) draws.
void check_watts(double watts, const std::string& what);

}  // namespace jb::results
