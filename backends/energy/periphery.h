#pragma once
// Digital periphery around the linear operators of a network: biases, activations, normalisation,
// pooling, and the buffer that holds activations between layers. Priced at 7 nm (Jouppi et al.,
// ISCA 2021, Table 2) on every machine alike, so that it shifts no comparison; boundary B1, because
// B0 is the product itself.

#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"

namespace jb {

/// What a digital unit does to some values; additive.
struct PeripheryWork {
  double adds = 0;         ///< additions and subtractions
  double multiplies = 0;   ///< multiplications
  double comparisons = 0;  ///< maxima, comparisons, selections, roundings
  double functions = 0;    ///< divisions, roots, exponentials and other functions of one value
  double macs = 0;         ///< multiply-accumulates of products that stay on the digital side
  double bytes = 0;        ///< read from and written to the activation buffer

  PeripheryWork& operator+=(const PeripheryWork& other) noexcept;
};

/// Ids of the periphery's actions inside a table that add_periphery() extended.
struct PeripheryActions {
  ActionId add_f32 = 0;
  ActionId multiply_f32 = 0;
  ActionId compare_f32 = 0;
  ActionId function_f32 = 0;
  ActionId mac_f32 = 0;
  ActionId buffer_bytes = 0;  ///< one byte read from or written to the activation buffer
};

/// Appends the periphery's prices to a device's table. A table without energy, and one that stops
/// at B0, get rows that no reported boundary counts.
PeripheryActions add_periphery(PriceTable& table);

void count(Activity& activity, const PeripheryActions& actions, const PeripheryWork& work,
           std::uint32_t layer);

/// Adding a bias to, and taking max(x, 0) of, `elements` f32 values: read, operate, write.
PeripheryWork bias_work(double elements) noexcept;
PeripheryWork relu_work(double elements) noexcept;

}  // namespace jb
