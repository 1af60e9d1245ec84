#include "results/footprint/footprint_data.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "backends/core/error.h"
#include "backends/core/paths.h"
#include "backends/core/text.h"

namespace jb::results {
namespace {

constexpr const char* kDataSchema = "joulebench/footprint-data/1";

/// What a section of the files holds and which numbers make sense in it.
struct Kind {
  const char* section;
  const char* flag;
  const char* what;
  const char* unit;
  double least;
  double most;
};

// Largest values: no plant emits 3 kg/kWh; no facility of record wastes nine tenths; prices beyond
// these are slips of unit (cents, MWh).
constexpr Kind kGrid = {"grids", "--grid", "grid", "g/kWh", 0, 3000};
constexpr Kind kPue = {"pue", "--pue", "PUE", "1", 1, 10};
constexpr Kind kElectricity = {"electricity", "--price", "price of electricity", "$/kWh", 0, 100};
constexpr Kind kCloud = {"cloud", "--cloud", "price of a rented machine", "$/h", 0, 1e5};
constexpr Kind kFee = {"fees", "--fee", "carbon fee", "$/t", 0, 1e5};
constexpr Kind kHardware = {"hardware", "--hardware", "embodied carbon", "kg", 0, 1e6};

void check_value(const Kind& kind, double value, const std::string& where) {
  if (value >= kind.least && value <= kind.most) return;
  const std::string unit(kind.unit);
  fail_usage("{}: a {} of {}{} makes no sense; it lies between {} and {}", where, kind.what, value,
             unit == "1" ? "" : " " + unit, kind.least, kind.most);
}

const Json& field(const Json& entry, const char* key, const std::string& where) {
  if (!entry.is_object() || !entry.contains(key)) {
    fail_usage("{}: an entry lacks the key '{}'", where, key);
  }
  return entry.at(key);
}

std::string text_field(const Json& entry, const char* key, const std::string& where) {
  const Json& value = field(entry, key, where);
  if (!value.is_string() || value.get<std::string>().empty()) {
    fail_usage("{}: the key '{}' of an entry must be a text", where, key);
  }
  return value.get<std::string>();
}

double number_field(const Json& entry, const char* key, const std::string& where) {
  const Json& value = field(entry, key, where);
  if (!value.is_number()) fail_usage("{}: the key '{}' must be a number", where, key);
  return value.get<double>();
}

FootprintConstant constant_from(const Json& entry, const Kind& kind, const std::string& file) {
  FootprintConstant constant;
  constant.name = text_field(entry, "name", file + ", section " + kind.section);
  const std::string where = fmt::format("{}, {} '{}'", file, kind.what, constant.name);
  double number = 0;
  if (parse_number(constant.name, number) || has_control_characters(constant.name)) {
    fail_usage("{}: a name must not be a number and must be printable", where);
  }
  constant.unit = text_field(entry, "unit", where);
  if (constant.unit != kind.unit) {
    fail_usage("{}: the unit is '{}', and must be '{}'", where, constant.unit, kind.unit);
  }
  constant.value = number_field(entry, "value", where);
  check_value(kind, constant.value, where);
  if (entry.contains("high")) {
    constant.high = number_field(entry, "high", where);
    check_value(kind, *constant.high, where);
    if (*constant.high < constant.value) fail_usage("{}: 'high' lies below 'value'", where);
  }
  const Json& year = field(entry, "year", where);
  if (!year.is_null() && !year.is_number_integer()) {
    fail_usage("{}: 'year' must be a year, or null where the source gives none", where);
  }
  if (!year.is_null()) constant.year = year.get<int>();
  constant.source = text_field(entry, "source", where);
  if (entry.contains("basis"))
    constant.basis = carbon_basis_from(text_field(entry, "basis", where));
  if (entry.contains("signal")) {
    constant.signal = carbon_signal_from(text_field(entry, "signal", where));
  }
  return constant;
}

bool same_key(const FootprintConstant& x, const FootprintConstant& y) {
  return x.name == y.name && x.basis == y.basis && x.signal == y.signal;
}

void put(std::vector<FootprintConstant>& all, FootprintConstant constant) {
  const auto known = std::find_if(all.begin(), all.end(), [&](const FootprintConstant& other) {
    return same_key(other, constant);
  });
  if (known != all.end()) {
    *known = std::move(constant);
  } else {
    all.push_back(std::move(constant));
  }
}

std::vector<std::string> names_in(const std::vector<FootprintConstant>& all) {
  std::vector<std::string> names;
  for (const FootprintConstant& constant : all) {
    if (std::find(names.begin(), names.end(), constant.name) == names.end()) {
      names.push_back(constant.name);
    }
  }
  return names;
}

/// A number typed by the user; nothing when the text is a name.
std::optional<FootprintConstant> typed(const std::string& text, const Kind& kind) {
  FootprintConstant constant;
  if (!parse_number(text, constant.value)) return std::nullopt;
  check_value(kind, constant.value, kind.flag);
  constant.name = text;
  constant.unit = kind.unit;
  constant.source = fmt::format("given with {}", kind.flag);
  return constant;
}

[[noreturn]] void fail_unknown(const std::string& text, const Kind& kind,
                               const std::vector<FootprintConstant>& all) {
  const std::vector<std::string> names = names_in(all);
  fail_usage(
      "{}: unknown {} '{}'{}; known: {}; a number{} will do, and --footprint-data FILE adds "
      "your own",
      kind.flag, kind.what, text, did_you_mean(text, names), join(names),
      std::string_view(kind.unit) == "1" ? "" : fmt::format(" in {}", kind.unit));
}

FootprintConstant named(const std::string& text, const Kind& kind,
                        const std::vector<FootprintConstant>& all) {
  if (const auto number = typed(text, kind)) return *number;
  for (const FootprintConstant& constant : all) {
    if (constant.name == text) return constant;
  }
  fail_unknown(text, kind, all);
}

}  // namespace

std::string_view name_of(CarbonBasis basis) noexcept {
  return basis == CarbonBasis::location ? "location" : "market";
}
std::string_view name_of(CarbonSignal signal) noexcept {
  return signal == CarbonSignal::average ? "average" : "marginal";
}
CarbonBasis carbon_basis_from(const std::string& text) {
  if (text == "location") return CarbonBasis::location;
  if (text == "market") return CarbonBasis::market;
  fail_usage("carbon basis '{}' is unknown (there are: location, market)", text);
}
CarbonSignal carbon_signal_from(const std::string& text) {
  if (text == "average") return CarbonSignal::average;
  if (text == "marginal") return CarbonSignal::marginal;
  fail_usage("carbon signal '{}' is unknown (there are: average, marginal)", text);
}

std::string FootprintConstant::cited() const {
  return year ? fmt::format("{} [{}]", source, *year) : source;
}

FootprintData FootprintData::load(const std::vector<std::string>& user_files) {
  FootprintData data;
  for (const char* file : {"grids.json", "costs.json", "hardware.json"}) {
    data.read((footprint_dir() / file).string());
  }
  for (const std::string& file : user_files) data.read(file);
  return data;
}

void FootprintData::read(const std::string& path) {
  const Json file = read_json_file(path, 4U << 20U);
  if (!file.is_object() || !file.contains("schema") || file.at("schema") != kDataSchema) {
    fail_usage("{} is no file of footprint data: its schema must be '{}'", path, kDataSchema);
  }
  const std::array<std::pair<const Kind*, std::vector<FootprintConstant>*>, 6> sections = {
      {{&kGrid, &grids_},
       {&kPue, &pues_},
       {&kElectricity, &electricity_},
       {&kCloud, &cloud_},
       {&kFee, &fees_},
       {&kHardware, &hardware_}}};
  for (const auto& item : file.items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    if (key == "schema" || key == "description") continue;
    const auto section = std::find_if(sections.begin(), sections.end(), [&key](const auto& entry) {
      return key == entry.first->section;
    });
    if (section == sections.end()) {
      fail_usage(
          "{}: unknown section '{}' (there are: grids, pue, electricity, cloud, fees, hardware)",
          path, key);
    }
    if (!value.is_array()) fail_usage("{}: section '{}' must be a list", path, key);
    for (const Json& entry : value) {
      put(*section->second, constant_from(entry, *section->first, path));
    }
  }
}

FootprintConstant FootprintData::grid(const std::string& text, CarbonBasis basis,
                                      CarbonSignal signal) const {
  if (auto number = typed(text, kGrid)) {
    number->basis = basis;
    number->signal = signal;
    return *number;
  }
  std::vector<FootprintConstant> fitting;
  bool known = false;
  for (const FootprintConstant& constant : grids_) {
    known = known || constant.name == text;
    if (constant.basis != basis || constant.signal != signal) continue;
    if (constant.name == text) return constant;
    fitting.push_back(constant);
  }
  if (!known) fail_unknown(text, kGrid, grids_);
  const std::vector<std::string> names = names_in(fitting);
  fail_usage(
      "--grid: of '{}' no {}-based {} intensity is known ({}); give a number in g/kWh or add it "
      "with --footprint-data FILE",
      text, name_of(basis), name_of(signal),
      names.empty() ? "of no grid is one" : "there are: " + join(names));
}

FootprintConstant FootprintData::pue(const std::string& text) const {
  return named(text, kPue, pues_);
}
FootprintConstant FootprintData::electricity(const std::string& text) const {
  return named(text, kElectricity, electricity_);
}
FootprintConstant FootprintData::cloud(const std::string& text) const {
  return named(text, kCloud, cloud_);
}
FootprintConstant FootprintData::fee(const std::string& text) const {
  return named(text, kFee, fees_);
}
FootprintConstant FootprintData::hardware(const std::string& text) const {
  return named(text, kHardware, hardware_);
}

}  // namespace jb::results
