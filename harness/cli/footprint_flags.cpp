#include "harness/cli/footprint_flags.h"

#include <CLI/CLI.hpp>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"

namespace jb::harness::cli {

double number_flag(const std::string& flag, const std::string& text) {
  double value = 0;
  if (!parse_number(text, value)) fail_usage("{}: '{}' is not a number", flag, text);
  return value;
}

void add_footprint_flags(CLI::App& verb, FootprintFlags& flags) {
  constexpr const char* kGroup = "Carbon and money";
  const auto add = [&verb](const char* name, std::string& value, const char* metavar,
                           const char* help) {
    verb.add_option(name, value, help)->type_name(metavar)->group(kGroup);
  };
  add("--grid", flags.grid, "NAME|G",
      "grid, or grams CO2e per kWh; default: WORLD (see 'joulebench footprint grids')");
  add("--basis", flags.basis, "B", "location (the grid; default) or market (net of contracts)");
  add("--signal", flags.signal, "S", "average (default) or marginal intensity");
  add("--pue", flags.pue, "NAME|N",
      "power usage effectiveness, 1 or more; default: the facility is not counted");
  add("--price", flags.price, "NAME|$", "electricity, dollars per kWh");
  add("--fee", flags.fee, "NAME|$", "carbon fee, dollars per tonne CO2e");
  add("--cloud", flags.cloud, "NAME|$", "rented machines, dollars per machine-hour");
  add("--hardware", flags.hardware, "NAME|KG", "embodied carbon, kg CO2e a machine");
  add("--machines", flags.machines, "N", "machines that --cloud and --hardware count");
  add("--lifetime", flags.lifetime, "YEARS", "of the hardware; default: 4");
  add("--duty", flags.duty, "SHARE", "of its life that the hardware works; default: 1");
  add("--sci", flags.sci, "N[:UNIT]",
      "carbon per functional unit (ISO/IEC 21031), such as --sci 1000:inferences: the work served "
      "1000 of them");
  verb.add_option("--footprint-data", flags.data,
                  "your own grids, prices, PUEs, fees and hardware (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(kGroup);
}

results::FootprintOptions footprint_options(const FootprintFlags& flags,
                                            const results::FootprintData& data) {
  results::FootprintOptions options;
  options.grid = data.grid(flags.grid, results::carbon_basis_from(flags.basis),
                           results::carbon_signal_from(flags.signal));
  if (!flags.pue.empty()) options.pue = data.pue(flags.pue);
  options.electricity = data.electricity(flags.price);
  options.fee = data.fee(flags.fee);
  if (!flags.cloud.empty()) options.cloud = data.cloud(flags.cloud);
  if (!flags.hardware.empty()) options.hardware = data.hardware(flags.hardware);
  options.machines = number_flag("--machines", flags.machines);
  options.lifetime_years = number_flag("--lifetime", flags.lifetime);
  options.duty = number_flag("--duty", flags.duty);
  if (!flags.sci.empty()) {
    const std::size_t colon = flags.sci.find(':');
    options.units = number_flag("--sci", flags.sci.substr(0, colon));
    options.unit = colon == std::string::npos ? "unit" : flags.sci.substr(colon + 1);
    if (options.unit.empty()) fail_usage("--sci: name the unit after ':', as in 1000:inferences");
  }
  return options;
}

}  // namespace jb::harness::cli
