#pragma once
// Digital periphery around the linear operators of a network: bias, activation and the buffer that
// holds activations between layers. Priced at 7 nm (Jouppi et al., ISCA 2021, Table 2) on every
// machine alike, so that it shifts no comparison; boundary B1, because B0 is the product itself.

#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"

namespace jb {

/// Ids of the periphery's actions inside a table that add_periphery() extended.
struct PeripheryActions {
  ActionId add_f32 = 0;       ///< one addition of a bias
  ActionId max_f32 = 0;       ///< one comparison of a ReLU
  ActionId buffer_bytes = 0;  ///< one byte read from or written to the activation buffer
};

/// Appends the periphery's prices to a device's table. A table without energy, and one that stops
/// at B0, get rows that no reported boundary counts.
PeripheryActions add_periphery(PriceTable& table);

/// Activity of adding a bias to `elements` values: read, add, write.
void count_bias(Activity& activity, const PeripheryActions& actions, double elements,
                std::uint32_t layer);
/// Activity of max(x, 0) over `elements` values: read, compare, write.
void count_relu(Activity& activity, const PeripheryActions& actions, double elements,
                std::uint32_t layer);

}  // namespace jb
