#pragma once
// Prices: joules per action, with category, boundary, class and source.

#include <string>
#include <string_view>
#include <vector>

#include "backends/core/parameters.h"
#include "backends/core/table_file.h"
#include "backends/energy/activity.h"
#include "backends/energy/vocabulary.h"

namespace jb {

/// What one action costs. `constant` names the constant so that an uncertainty analysis perturbs
/// all rows that share it together.
struct Price {
  std::string component;  ///< "adc"
  std::string action;     ///< "convert"
  Category category = Category::compute;
  Boundary boundary = Boundary::B0;
  double energy_per_action_J = 0;
  ConstantClass cls = ConstantClass::D;
  std::string constant;  ///< "crossbar/pcm-hermes/energy.adc_J" or "ops-45nm/mul.int8"
  std::string source;
  bool data_dependent = false;  ///< the values in A or B decide its count
  double dram_bytes = 0;        ///< off-chip bytes one action moves (traffic bounds); else 0
};

/// All actions of one device, indexed by ActionId, and the boundaries the preset has data for.
struct PriceTable {
  std::vector<Price> prices;
  bool has_energy = true;  ///< false: no joules at all (ideal presets); energy is not reported
  Boundary lowest = Boundary::B0;   ///< below it energy is not known (undivided published figures)
  Boundary highest = Boundary::B0;  ///< the record stops here

  ActionId add(Price price);  ///< appends; returns its id
  /// Whether the values in A or B decide any count.
  [[nodiscard]] bool depends_on_data() const noexcept;
};

/// A Price whose energy, class, constant name and source come from a device parameter.
Price price_from(const DeviceSpec& device, std::string_view parameter, std::string component,
                 std::string action, Category category, Boundary boundary);

}  // namespace jb
