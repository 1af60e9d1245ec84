#include "harness/scale/machine.h"

#include <algorithm>

#include "backends/core/error.h"
#include "backends/core/json_file.h"
#include "backends/core/paths.h"
#include "backends/core/table_file.h"
#include "backends/core/text.h"

namespace jb::harness::scale {
namespace {

/// The entries of the data file of links.
const Json& link_entries() {
  static const Json file = [] {
    const std::string path = (footprint_dir() / "links.json").string();
    Json json = read_json_file(path, 1U << 20U);
    if (!json.is_object() || json.value("schema", "") != "joulebench/links/1") {
      fail_usage("{} is no file of links: its schema must be 'joulebench/links/1'", path);
    }
    return json;
  }();
  return file.at("links");
}

bool has_key(const DeviceSpec& spec, const char* key) {
  return std::any_of(spec.schema().begin(), spec.schema().end(),
                     [key](const ParameterSpec& parameter) { return parameter.key == key; });
}

Price movement_price(const TableEntry& entry, const char* table, const char* component,
                     const char* action) {
  Price price;
  price.component = component;
  price.action = action;
  price.category = Category::movement;
  price.boundary = Boundary::B2;
  price.energy_per_action_J = entry.value;
  price.cls = entry.cls;
  price.constant = table;
  price.source = entry.source;
  return price;
}

// Master weights and moments of training lie in the DRAM of the digital side.
constexpr const char* kStateMemory = "dram/ddr5";

}  // namespace

std::vector<std::string> link_names() {
  std::vector<std::string> names;
  for (const Json& entry : link_entries()) names.push_back(entry.at("name").get<std::string>());
  return names;
}

Link link_from(const std::string& name) {
  for (const Json& entry : link_entries()) {
    if (entry.at("name") != name) continue;
    const TableEntry energy = table_entry(entry.at("energy").get<std::string>());
    return {name, energy.value, entry.at("B_per_s").get<double>(), energy.cls,
            energy.source + "; " + entry.at("source").get<std::string>()};
  }
  const std::vector<std::string> names = link_names();
  fail_usage("--link: unknown link '{}'{} (there are: {})", name, did_you_mean(name, names),
             join(names));
}

Joules& Joules::operator+=(const Joules& other) noexcept {
  for (std::size_t b = 0; b < up_to.size(); ++b) up_to[b] += other.up_to[b];
  static_J += other.static_J;
  adc_J += other.adc_J;
  movement_J += other.movement_J;
  return *this;
}

Joules Joules::scaled(double factor) const noexcept {
  Joules result = *this;
  for (double& joules : result.up_to) joules *= factor;
  result.static_J *= factor;
  result.adc_J *= factor;
  result.movement_J *= factor;
  return result;
}

Machine::Machine(const Backend& backend, const DeviceSpec& spec,
                 std::optional<ElementType> precision, const Link& link)
    : backend_(backend),
      device_(backend.open(spec, {1, 0, precision})),
      precision_(precision.value_or(backend.info().precisions.front())),
      link_(link),
      prices_(device_->prices()),
      periphery_(add_periphery(prices_)) {
  Price byte;
  byte.component = "link " + link.name;
  byte.action = "send byte";
  byte.category = Category::movement;
  byte.boundary = Boundary::B2;
  byte.energy_per_action_J = link.J_per_B;
  byte.cls = link.cls;
  byte.constant = "link/" + link.name;
  byte.source = link.source;
  link_byte_ = prices_.add(std::move(byte));
  state_byte_ = prices_.add(
      movement_price(table_entry(kStateMemory), kStateMemory, "optimizer memory", "move byte"));
  if (has_key(spec, "memory.bytes")) memory_bytes_ = spec.number("memory.bytes");
}

std::string Machine::name() const { return backend_.info().id + " " + spec().name(); }

double Machine::value_bytes() const {
  if (backend_.info().kind != "cmos") return 2;  // codes of at most 16 bits on the digital side
  return std::max(2.0, static_cast<double>(bytes_of(precision_)));
}

Joules Machine::price(const Activity& activity) const {
  Joules joules;
  for (const ActivityRow& row : activity.rows()) {
    const Price& price = prices_.prices.at(row.action);
    const double energy = row.count * price.energy_per_action_J;
    for (std::size_t b = static_cast<std::size_t>(price.boundary); b < joules.up_to.size(); ++b) {
      joules.up_to[b] += energy;
    }
    if (price.category == Category::static_power) joules.static_J += energy;
    if (price.component.rfind("adc", 0) == 0) joules.adc_J += energy;
    if (price.category == Category::movement && price.boundary <= Boundary::B2) {
      joules.movement_J += energy;
    }
  }
  return joules;
}

void Machine::add(Activity& activity, const PeripheryWork& work) const {
  count(activity, periphery_, work, 0);
}
void Machine::add_link_bytes(Activity& activity, double bytes) const {
  activity.add(link_byte_, bytes);
}
void Machine::add_memory_bytes(Activity& activity, double bytes) const {
  activity.add(state_byte_, bytes);
}

std::vector<Machine::Constant> Machine::constants(const Activity& activity) const {
  std::vector<Constant> constants;
  for (const ActivityRow& row : activity.rows()) {
    const Price& price = prices_.prices.at(row.action);
    if (price.boundary > prices_.highest) continue;
    const auto known =
        std::find_if(constants.begin(), constants.end(), [&price](const Constant& other) {
          return other.price->constant == price.constant &&
                 other.price->component == price.component;
        });
    const double energy = row.count * price.energy_per_action_J;
    if (known != constants.end()) {
      known->joules += energy;
    } else {
      constants.push_back({&price, energy});
    }
  }
  std::sort(constants.begin(), constants.end(),
            [](const Constant& x, const Constant& y) { return x.joules > y.joules; });
  return constants;
}

std::vector<MachineChoice> all_machines() {
  std::vector<MachineChoice> machines;
  for (const Backend* backend : backends()) {
    for (const std::string& device : preset_names(backend->info().id)) {
      machines.push_back({backend, device});
    }
  }
  return machines;
}

}  // namespace jb::harness::scale
