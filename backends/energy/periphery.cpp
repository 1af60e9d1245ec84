#include "backends/energy/periphery.h"

#include "backends/core/table_file.h"

namespace jb {
namespace {

constexpr double kBytesPerValue = 4;  // activations between layers are f32

Price periphery_price(const char* constant, const char* action, Category category) {
  const TableEntry entry = table_entry(constant);
  Price price;
  price.component = "digital periphery";
  price.action = action;
  price.category = category;
  price.boundary = Boundary::B1;
  price.energy_per_action_J = entry.value;
  price.cls = entry.cls;
  price.constant = constant;
  price.source = entry.source;
  return price;
}

void count_pass(Activity& activity, const PeripheryActions& actions, ActionId operation,
                double elements, std::uint32_t layer) {
  activity.add(operation, elements, layer);
  activity.add(actions.buffer_bytes, 2 * kBytesPerValue * elements, layer);
}

}  // namespace

PeripheryActions add_periphery(PriceTable& table) {
  PeripheryActions actions;
  actions.add_f32 =
      table.add(periphery_price("ops-7nm/add.fp32", "add_bias_f32", Category::compute));
  actions.max_f32 = table.add(periphery_price("ops-7nm/add.fp32", "relu_f32", Category::compute));
  actions.buffer_bytes =
      table.add(periphery_price("memory-7nm/sram.32KiB", "buffer_byte", Category::movement));
  return actions;
}

void count_bias(Activity& activity, const PeripheryActions& actions, double elements,
                std::uint32_t layer) {
  count_pass(activity, actions, actions.add_f32, elements, layer);
}

void count_relu(Activity& activity, const PeripheryActions& actions, double elements,
                std::uint32_t layer) {
  count_pass(activity, actions, actions.max_f32, elements, layer);
}

}  // namespace jb
