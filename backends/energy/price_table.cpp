#include "backends/energy/price_table.h"

#include <algorithm>
#include <limits>

#include "backends/core/error.h"

namespace jb {

ActionId PriceTable::add(Price price) {
  if (prices.size() > std::numeric_limits<ActionId>::max()) fail_internal("too many actions");
  prices.push_back(std::move(price));
  return static_cast<ActionId>(prices.size() - 1);
}

bool PriceTable::depends_on_data() const noexcept {
  return std::any_of(prices.begin(), prices.end(),
                     [](const Price& price) { return price.data_dependent; });
}

Price price_from(const DeviceSpec& device, std::string_view parameter, std::string component,
                 std::string action, Category category, Boundary boundary) {
  const ParameterValue& value = device.at(parameter);
  Price price;
  price.component = std::move(component);
  price.action = std::move(action);
  price.category = category;
  price.boundary = boundary;
  price.energy_per_action_J = device.number(parameter);
  price.cls = value.cls;
  price.constant = fmt::format("{}/{}/{}", device.backend(), device.name(), parameter);
  price.source = value.source;
  return price;
}

}  // namespace jb
