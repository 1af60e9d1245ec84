#include "harness/cli/footprint_flags.h"

#include <CLI/CLI.hpp>
#include <array>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/text.h"
#include "harness/cli/app.h"
#include "harness/cli/output.h"

namespace jb::harness::cli {

double number_flag(const std::string& flag, const std::string& text) {
  double value = 0;
  if (!parse_number(text, value)) fail_usage("{}: '{}' is not a number", flag, text);
  return value;
}

double positive_flag(const std::string& flag, const std::string& text, double most) {
  const double value = number_flag(flag, text);
  if (!(value > 0) || value > most) {
    fail_usage("{}: {} makes no sense; a number above 0 and up to {:g} is meant", flag, text, most);
  }
  return value;
}

namespace {

struct TextFlag {
  const char* name;
  std::string FootprintFlags::*value;
  const char* metavar;
  const char* help;
};

constexpr std::array<TextFlag, 13> kTextFlags = {{
    {"--grid", &FootprintFlags::grid, "NAME|G",
     "grid, or grams CO2e per kWh; default: WORLD (see 'joulebench footprint grids')"},
    {"--basis", &FootprintFlags::basis, "B",
     "location (the grid; default) or market (net of contracts)"},
    {"--signal", &FootprintFlags::signal, "S", "average (default) or marginal intensity"},
    {"--pue", &FootprintFlags::pue, "NAME|N",
     "power usage effectiveness, 1 or more; default: the facility is not counted"},
    {"--price", &FootprintFlags::price, "NAME|$", "electricity, dollars per kWh"},
    {"--fee", &FootprintFlags::fee, "NAME|$", "carbon fee, dollars per tonne CO2e"},
    {"--cloud", &FootprintFlags::cloud, "NAME|$", "rented machines, dollars per machine-hour"},
    {"--hardware", &FootprintFlags::hardware, "NAME|KG", "embodied carbon, kg CO2e a machine"},
    {"--machines", &FootprintFlags::machines, "N", "machines that --cloud and --hardware count"},
    {"--lifetime", &FootprintFlags::lifetime, "YEARS", "of the hardware; default: 4"},
    {"--duty", &FootprintFlags::duty, "SHARE", "of its life that the hardware works; default: 1"},
    {"--sci", &FootprintFlags::sci, "N[:UNIT]",
     "carbon per functional unit (ISO/IEC 21031), such as --sci 1000:inferences: the work served "
     "1000 of them"},
    {"--tornado", &FootprintFlags::tornado, "FILE.svg",
     "which assumption moves the carbon most, as a figure"},
}};

}  // namespace

void add_footprint_flags(CLI::App& verb, FootprintFlags& flags) {
  constexpr const char* kGroup = "Carbon and money";
  for (const TextFlag& flag : kTextFlags) {
    verb.add_option(flag.name, flags.*flag.value, flag.help)
        ->type_name(flag.metavar)
        ->group(kGroup);
  }
  verb.add_option("--footprint-data", flags.data,
                  "your own grids, prices, PUEs, fees and hardware (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false)
      ->group(kGroup);
  verb.add_flag("--sensitivity", flags.sensitivity, "which assumption moves the carbon most")
      ->group(kGroup);
  verb.add_flag("--method", flags.method, "formula, inputs, sources and omissions of each figure")
      ->group(kGroup);
}

std::string given_footprint_flag(const FootprintFlags& flags) {
  const FootprintFlags defaults;
  for (const TextFlag& flag : kTextFlags) {
    if (flags.*flag.value != defaults.*flag.value) return flag.name;
  }
  if (!flags.data.empty()) return "--footprint-data";
  if (flags.sensitivity) return "--sensitivity";
  return flags.method ? "--method" : "";
}

void check_tornado_file(const FootprintFlags& flags) {
  if (!flags.tornado.empty()) check_output_file(flags.tornado, "tornado.svg");
}

void write_tornado_file(const FootprintFlags& flags,
                        const std::vector<results::Tornado>& tornados) {
  if (flags.tornado.empty()) return;
  if (tornados.empty()) fail_usage("--tornado: there is no answer to draw");
  write_file_atomically(flags.tornado, results::tornado_svg(tornados));
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
