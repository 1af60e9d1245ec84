#pragma once
// What it costs to hand activations from one machine to another: rescaling each value to the number
// format of the receiver, and the link between the two.

#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"

namespace jb {

/// Component of these rows in a ledger.
inline constexpr const char* kMachineLink = "machine link";

/// Ids of the actions inside a table that add_machine_link() extended.
struct MachineLinkActions {
  ActionId rescale = 0;    ///< one value multiplied by the receiver's scale
  ActionId round = 0;      ///< and rounded to its format
  ActionId sent_byte = 0;  ///< one byte over the link
};

/// Appends the prices of a link: arithmetic at 7 nm as the rest of the digital periphery (category
/// conversion, B1), bytes over a PCIe-class link between separate packages (movement, B2).
MachineLinkActions add_machine_link(PriceTable& table);

/// Bytes that the link carries in a second: sixteen lanes of PCI Express 5.0, 32 GT/s each in its
/// 128b/130b code (PCI Express Base Specification 5.0, section 4.2).
inline constexpr double kLinkBytesPerSecond = 16 * 32e9 / 8 * 128 / 130;

/// Counts the transfer of `elements` values that take `bytes` in all, received by `layer`.
void count_transfer(Activity& activity, const MachineLinkActions& actions, double elements,
                    double bytes, std::uint32_t layer);

}  // namespace jb
