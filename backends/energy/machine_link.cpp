#include "backends/energy/machine_link.h"

#include "backends/core/table_file.h"

namespace jb {
namespace {

Price link_price(const char* constant, const char* action, Category category, Boundary boundary) {
  const TableEntry entry = table_entry(constant);
  Price price;
  price.component = kMachineLink;
  price.action = action;
  price.category = category;
  price.boundary = boundary;
  price.energy_per_action_J = entry.value;
  price.cls = entry.cls;
  price.constant = constant;
  price.source = entry.source;
  return price;
}

}  // namespace

MachineLinkActions add_machine_link(PriceTable& table) {
  MachineLinkActions actions;
  actions.rescale = table.add(
      link_price("ops-7nm/mul.fp32", "rescale_value", Category::conversion, Boundary::B1));
  actions.round =
      table.add(link_price("ops-7nm/add.fp32", "round_value", Category::conversion, Boundary::B1));
  actions.sent_byte = table.add(
      link_price("wires/link.pcie_gen5", "transfer_byte", Category::movement, Boundary::B2));
  return actions;
}

void count_transfer(Activity& activity, const MachineLinkActions& actions, double elements,
                    double bytes, std::uint32_t layer) {
  activity.add(actions.rescale, elements, layer);
  activity.add(actions.round, elements, layer);
  activity.add(actions.sent_byte, bytes, layer);
}

}  // namespace jb
