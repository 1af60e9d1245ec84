#pragma once
// Published training footprints, recomputed from the powers, hours and prices behind them.

#include <optional>
#include <string>
#include <vector>

#include "results/footprint/footprint_data.h"
#include "results/report/terminal_table.h"

namespace jb::results {

/// A row of Strubell et al. 2019, Table 3: printed values and what the formulas give.
struct StrubellRow {
  std::string model, hardware, note;
  double devices = 0;
  std::optional<double> power_W;
  double hours_printed = 0;
  double hours = 0;  ///< with the digits that the paper keeps to itself
  std::optional<double> kWh_pue_printed, co2e_lb_printed;
  double cloud_low_printed = 0, cloud_high_printed = 0;

  std::optional<double> kWh_pue;    ///< 1.58 t p / 1000, eq. (1); B3 x PUE
  std::optional<double> co2e_lb;    ///< 0.954 lb/kWh x kWh, eq. (2)
  std::optional<double> co2e_t;     ///< tonnes
  std::optional<double> fee_USD;    ///< $15 a tonne
  std::optional<double> power_USD;  ///< electricity
  double cloud_low = 0, cloud_high = 0;
};

/// A row of its Table 4: research and development of one model.
struct DevelopmentRow {
  std::string name, label;
  double jobs = 0, hours = 0;
  double kWh_pue = 0, co2e_lb = 0, electricity_USD = 0, cloud_low = 0, cloud_high = 0;
  double cloud_low_printed = 0, cloud_high_printed = 0, electricity_printed = 0;
  double unit_dollars = 1;  ///< the last digit that cloud costs are printed to
  std::optional<double> co2e_lb_printed;
};

struct EverydayRow {
  std::string name;
  double co2e_lb = 0;
};

struct StrubellTables {
  std::string source;
  FootprintConstant pue, grid, electricity, fee;
  std::string development_power_source;
  std::vector<StrubellRow> rows;
  std::vector<DevelopmentRow> development;
  std::vector<EverydayRow> everyday;  ///< Table 1
};

/// A row of Patterson et al. 2021, Table 4.
struct PattersonRow {
  std::string model, chip;
  double chips = 0, days = 0, power_W = 0, pue = 1, tdp_W = 0;
  double MWh_printed = 0, t_gross_printed = 0, t_net_printed = 0;
  double gross_kg_per_kWh = 0, net_kg_per_kWh = 0;
  double MWh = 0;  ///< chips x 24 x days x W x PUE / 1e6; B3 x PUE
  double t_gross = 0, t_net = 0;
};

struct NasCorrection {
  std::string of, of_hardware, reason, source;
  double t_CO2e = 0;                                 ///< what the search came to
  double too_high_average = 0, too_high_google = 0;  ///< as printed
};

struct PattersonTable {
  std::string source;
  std::vector<PattersonRow> rows;
  NasCorrection nas;
};

StrubellTables strubell_tables();
PattersonTable patterson_table();

/// Names that published_text() and published_json() take.
std::vector<std::string> publication_names();
std::string published_text(const std::string& name, const TableStyle& style);
Json published_json(const std::string& name);
/// The method sheet of one publication's formulas, inputs, sources and omissions.
MethodSheet published_sheet(const std::string& name);

}  // namespace jb::results
