// A device's parameters and prices.

#include "backends/core/text.h"
#include "harness/cli/device_text.h"
#include "harness/cli/explain.h"
#include "harness/cli/output.h"
#include "results/report/terminal_table.h"

namespace jb::harness::cli {

namespace {

std::string heading(const Backend& backend, const DeviceSpec& spec, int width) {
  std::string out =
      wrap(fmt::format("{} {}: {}", backend.info().id, spec.name(), spec.description()), width);
  if (spec.theory_bound()) out += wrap("theory bound, not a machine", width, 2);
  const PresetValidation& validation = spec.validation();
  const PresetValidation& comparison = spec.comparison();
  const bool validated = !validation.against.empty();
  if (validated) {
    out += wrap((validation.holds() ? "validated against " : "not validated: held against ") +
                    validation.against,
                width, 2);
  } else {
    out += wrap("not validated against a published or metered energy", width, 2);
    if (!comparison.against.empty()) out += wrap("compared with " + comparison.against, width, 2);
  }
  const PresetValidation& figure = validated ? validation : comparison;
  if (figure.published_J_per_mac > 0 && figure.ratio > 0) {
    const bool outside = figure.caveat.empty() && !figure.holds();
    out += wrap(fmt::format("modelled / published {}/MAC = {:.3g}{}{}",
                            results::format_energy(figure.published_J_per_mac), figure.ratio,
                            outside ? ", outside 0.5 to 2" : "",
                            figure.caveat.empty() ? "" : "; " + figure.caveat),
                width, 2);
  }
  return out;
}

std::string parameters_text(const DeviceSpec& spec, int width) {
  std::string out = "\nparameters (--set key=value)\n";
  for (const ParameterSpec& parameter : spec.schema()) {
    const ParameterValue& value = spec.at(parameter.key);
    const std::string unit = value.unit == "1" || value.unit.empty() ? "" : " " + value.unit;
    out += wrap(fmt::format("{} = {}{} (class {})", parameter.key, value_text(value), unit,
                            name_of(value.cls)),
                width, 2);
    out +=
        wrap(fmt::format("{}; takes {}", parameter.description, range_text(parameter)), width, 6);
    // The device file leaves the key out: its default is explained by its description alone.
    const bool fallback = value.source == "default: " + parameter.description;
    out += wrap("source: " + (fallback ? "default" : value.source), width, 6);
  }
  return out;
}

std::string prices_text(const PriceTable& table, int width) {
  if (!table.has_energy) return "\nno energy data: records of this device hold no joules\n";
  std::string out = fmt::format("\nprices of its actions; energy is known from {} to {}\n",
                                name_of(table.lowest), name_of(table.highest));
  for (const Price& price : table.prices) {
    out += wrap(fmt::format("{} {}: {} an action, {}, {} (class {}){}", price.component,
                            price.action, results::format_energy(price.energy_per_action_J),
                            name_of(price.category), name_of(price.boundary), name_of(price.cls),
                            price.data_dependent ? ", counted from the values" : ""),
                width, 2);
    out += wrap(fmt::format("{}: {}", price.constant, price.source), width, 6);
  }
  return out;
}

}  // namespace

std::string explain_device(const Backend& backend, const DeviceSpec& spec, int width) {
  std::string out = heading(backend, spec, width);
  if (const std::unique_ptr<Device> device = open_if_available(backend, spec)) {
    out += wrap("calibrations: " + join(device->calibration_methods()) + "; default " +
                    device->default_calibration(),
                width, 2);
    return out + parameters_text(spec, width) + prices_text(device->prices(), width);
  }
  out += wrap("unavailable here: " + backend.available().reason, width, 2);
  return out + parameters_text(spec, width);
}

Json device_with_prices_json(const Backend& backend, const DeviceSpec& spec) {
  Json json = device_json(backend, spec);
  json["prices"] = Json::array();
  const std::unique_ptr<Device> device = open_if_available(backend, spec);
  if (device == nullptr || !device->prices().has_energy) return json;
  for (const Price& price : device->prices().prices) {
    json["prices"].push_back({{"component", price.component},
                              {"action", price.action},
                              {"category", std::string(name_of(price.category))},
                              {"boundary", std::string(name_of(price.boundary))},
                              {"energy_per_action_J", price.energy_per_action_J},
                              {"class", std::string(name_of(price.cls))},
                              {"constant", price.constant},
                              {"data_dependent", price.data_dependent},
                              {"source", price.source}});
  }
  return json;
}

}  // namespace jb::harness::cli
