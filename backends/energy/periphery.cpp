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

}  // namespace

PeripheryWork& PeripheryWork::operator+=(const PeripheryWork& other) noexcept {
  adds += other.adds;
  multiplies += other.multiplies;
  comparisons += other.comparisons;
  functions += other.functions;
  macs += other.macs;
  bytes += other.bytes;
  return *this;
}

PeripheryActions add_periphery(PriceTable& table) {
  const auto compute = [&](const char* constant, const char* action) {
    return table.add(periphery_price(constant, action, Category::compute));
  };
  PeripheryActions actions;
  actions.add_f32 = compute("ops-7nm/add.fp32", "add_f32");
  actions.multiply_f32 = compute("ops-7nm/mul.fp32", "multiply_f32");
  actions.compare_f32 = compute("ops-7nm/add.fp32", "compare_f32");
  actions.function_f32 = compute("ops-7nm/function.fp32", "function_f32");
  actions.mac_f32 = compute("ops-7nm/mac.fp32", "mac_f32");
  actions.buffer_bytes =
      table.add(periphery_price("memory-7nm/sram.32KiB", "buffer_byte", Category::movement));
  return actions;
}

void count(Activity& activity, const PeripheryActions& actions, const PeripheryWork& work,
           std::uint32_t layer) {
  activity.add(actions.add_f32, work.adds, layer);
  activity.add(actions.multiply_f32, work.multiplies, layer);
  activity.add(actions.compare_f32, work.comparisons, layer);
  activity.add(actions.function_f32, work.functions, layer);
  activity.add(actions.mac_f32, work.macs, layer);
  activity.add(actions.buffer_bytes, work.bytes, layer);
}

PeripheryWork bias_work(double elements) noexcept {
  PeripheryWork work;
  work.adds = elements;
  work.bytes = 2 * kBytesPerValue * elements;
  return work;
}

PeripheryWork relu_work(double elements) noexcept {
  PeripheryWork work;
  work.comparisons = elements;
  work.bytes = 2 * kBytesPerValue * elements;
  return work;
}

}  // namespace jb
