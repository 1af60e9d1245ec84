#include "backends/systolic/systolic_model.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "backends/core/error.h"

namespace jb::systolic {
namespace {

constexpr std::int64_t kMostSide = 1 << 16;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 50;
constexpr double kMostEnergy_J = 1e-3;

Dataflow dataflow_of(const DeviceSpec& spec) {
  const std::string& name = spec.text("dataflow");
  if (name == "os") return Dataflow::output_stationary;
  return name == "is" ? Dataflow::input_stationary : Dataflow::weight_stationary;
}

// What a precision is called in device files.
struct ArithmeticKeys {
  const char* name;
  const char* multiply;
  const char* add;
};

ArithmeticKeys keys_of(ElementType precision) {
  if (precision == ElementType::bf16) return {"bf16", "energy.mul_bf16_J", "energy.add_f32_J"};
  return {"s8", "energy.mul_J", "energy.add_J"};
}

void check_consistent(const DeviceSpec& spec, const ArrayConfig& array, const ArithmeticKeys& keys,
                      bool priced) {
  if (array.timing == Timing::double_buffered) {
    if (array.dataflow != Dataflow::weight_stationary) {
      fail_usage(
          "device '{}': timing double_buffered has no closed form for dataflow {}; allowed: "
          "dataflow ws, or timing single_buffered",
          spec.name(), spec.text("dataflow"));
    }
    const std::int64_t one_row = array.cols * static_cast<std::int64_t>(kResultBytes);
    if (array.accumulator_bytes < one_row) {
      fail_usage(
          "device '{}': accumulator.bytes = {} does not hold one row of sums of {} columns; "
          "allowed with double_buffered timing: {} .. {}",
          spec.name(), array.accumulator_bytes, array.cols, one_row, kMostBytes);
    }
  }
  if (spec.text("activations.port") == "dram" && spec.number("activations.bandwidth_B_per_s") > 0) {
    fail_usage(
        "device '{}': activations.bandwidth_B_per_s is {} B/s, but activations.port is dram; "
        "allowed: 0, or activations.port host",
        spec.name(), spec.number("activations.bandwidth_B_per_s"));
  }
  if (!priced) return;
  std::vector<const char*> needed = {keys.multiply,
                                     keys.add,
                                     "energy.register_J_per_b",
                                     "energy.sram_a_J_per_B",
                                     "energy.sram_b_J_per_B",
                                     "energy.sram_c_J_per_B",
                                     "energy.dram_J_per_B"};
  if (array.timing == Timing::double_buffered) needed.push_back("energy.accumulator_J_per_B");
  for (const char* key : needed) {
    if (spec.number(key) > 0) continue;
    fail_usage(
        "device '{}': {} is 0, but an array that computes in {} and is no theory bound needs "
        "it; allowed: more than 0, at most {}",
        spec.name(), key, keys.name, kMostEnergy_J);
  }
}

}  // namespace

const std::vector<ParameterSpec>& systolic_parameters() {
  static const std::vector<ParameterSpec> specs = {
      integer_spec("rows", "1", 1, kMostSide, "rows of processing elements: k of a weight tile"),
      integer_spec("cols", "1", 1, kMostSide, "columns of processing elements: n of a weight tile"),
      number_spec("clock_Hz", "Hz", 1, 1e12, "clock of the array"),
      choice_spec("dataflow", {"ws", "os", "is"}, "operand that stays: weights, output or input",
                  "ws"),
      choice_spec("timing", {"single_buffered", "double_buffered"},
                  "one fold after the other, or weights loaded behind the running pass",
                  "single_buffered"),
      integer_spec("arrays", "1", 1, 1 << 10, "equal arrays side by side, sharing out the folds",
                   1),
      choice_spec("arithmetic", {"s8", "bf16", "s8+bf16", "float"},
                  "8-bit codes with 32-bit sums, bf16 with sums in f32, either, or float64", "s8"),
      choice_spec("quantisation.weights", {"per_tensor", "per_column"}, "scales of B",
                  "per_column"),
      integer_spec("buffer.a_bytes", "B", 0, kMostBytes, "on-chip buffer of A"),
      integer_spec("buffer.b_bytes", "B", 0, kMostBytes, "on-chip buffer of B"),
      integer_spec("buffer.c_bytes", "B", 0, kMostBytes, "on-chip buffer of C and partial sums"),
      integer_spec("accumulator.bytes", "B", 0, kMostBytes,
                   "accumulators of double_buffered timing", 0),
      integer_spec("weights.resident_bytes", "B", 0, kMostBytes,
                   "storage that keeps weights between products; 0: every product streams them", 0),
      number_spec("dram.bandwidth_B_per_s", "B/s", 0, 1e18, "of the DRAM port; 0: no limit", 0),
      choice_spec("activations.port", {"dram", "host"},
                  "A and C share the DRAM port with weights, or have a port to the host", "dram"),
      number_spec("activations.bandwidth_B_per_s", "B/s", 0, 1e18,
                  "of the host port; 0: its transfers overlap with other work", 0),
      number_spec("energy.mul_J", "J", 0, kMostEnergy_J, "one 8-bit multiplication", 0),
      number_spec("energy.add_J", "J", 0, kMostEnergy_J, "one 32-bit addition", 0),
      number_spec("energy.mul_bf16_J", "J", 0, kMostEnergy_J, "one bf16 multiplication", 0),
      number_spec("energy.add_f32_J", "J", 0, kMostEnergy_J, "one f32 addition", 0),
      number_spec("energy.pe_input_J_per_B", "J/B", 0, kMostEnergy_J,
                  "scratchpad of inputs in each element, read once a multiply-add; 0: has none", 0),
      number_spec("energy.pe_weight_J_per_B", "J/B", 0, kMostEnergy_J,
                  "scratchpad of weights, likewise", 0),
      number_spec("energy.pe_sum_J_per_B", "J/B", 0, kMostEnergy_J,
                  "scratchpad of sums, read and written once a multiply-add; 0: has none", 0),
      number_spec("energy.register_J_per_b", "J/b", 0, kMostEnergy_J,
                  "one bit moved on to the next element", 0),
      number_spec("energy.sram_a_J_per_B", "J/B", 0, kMostEnergy_J, "buffer of A", 0),
      number_spec("energy.sram_b_J_per_B", "J/B", 0, kMostEnergy_J, "buffer of B", 0),
      number_spec("energy.sram_c_J_per_B", "J/B", 0, kMostEnergy_J, "buffer of C", 0),
      number_spec("energy.accumulator_J_per_B", "J/B", 0, kMostEnergy_J, "accumulators", 0),
      number_spec("energy.dram_J_per_B", "J/B", 0, kMostEnergy_J, "DRAM", 0),
      number_spec("energy.link_J_per_B", "J/B", 0, kMostEnergy_J,
                  "host port, on top of the host's DRAM", 0),
      number_spec("static.power_W", "W", 0, 1e6,
                  "power that flows whether or not the array computes", 0),
  };
  return specs;
}

Arithmetic arithmetic_of(const DeviceSpec& spec) {
  const std::string& name = spec.text("arithmetic");
  return {name == "s8" || name == "s8+bf16", name == "bf16" || name == "s8+bf16", name == "float"};
}

SystolicModel::SystolicModel(const DeviceSpec& spec, ElementType precision)
    : precision_(precision),
      weight_scale_(spec.text("quantisation.weights") == "per_tensor" ? WeightScale::per_tensor
                                                                      : WeightScale::per_column),
      clock_Hz_(spec.number("clock_Hz")),
      resident_bytes_(spec.number("weights.resident_bytes")),
      dram_bytes_per_s_(spec.number("dram.bandwidth_B_per_s")),
      activation_bytes_per_s_(spec.number("activations.bandwidth_B_per_s")),
      own_activation_port_(spec.text("activations.port") == "host") {
  array_.rows = spec.integer("rows");
  array_.cols = spec.integer("cols");
  array_.arrays = spec.integer("arrays");
  // An array of floats is what s8 idealises to, with its traffic.
  array_.operand_bytes = precision == ElementType::bf16 ? bytes_of(precision) : 1;
  array_.dataflow = dataflow_of(spec);
  array_.timing =
      spec.text("timing") == "double_buffered" ? Timing::double_buffered : Timing::single_buffered;
  array_.a_bytes = spec.integer("buffer.a_bytes");
  array_.b_bytes = spec.integer("buffer.b_bytes");
  array_.c_bytes = spec.integer("buffer.c_bytes");
  array_.accumulator_bytes = spec.integer("accumulator.bytes");
  // Prices are those of hardware: an array of floats, or a bound that is no machine, has
  // none.
  prices_.has_energy = precision_ != ElementType::f64 && !spec.theory_bound();
  check_consistent(spec, array_, keys_of(precision_), prices_.has_energy);
  add_prices(spec);
}

void SystolicModel::add_prices(const DeviceSpec& spec) {
  const auto row = [&](const char* key, const char* component, const char* action,
                       Category category, Boundary boundary, double dram_bytes = 0) {
    Price price = price_from(spec, key, component, action, category, boundary);
    price.dram_bytes = dram_bytes;
    return prices_.add(std::move(price));
  };
  constexpr auto kMove = Category::movement;
  const ArithmeticKeys keys = keys_of(precision_);
  multiply_ = row(keys.multiply, "mac", "multiply", Category::compute, Boundary::B0);
  add_ = row(keys.add, "mac", "add", Category::compute, Boundary::B0);
  pe_input_ = row("energy.pe_input_J_per_B", "pe scratchpad", "input byte", kMove, Boundary::B1);
  pe_weight_ = row("energy.pe_weight_J_per_B", "pe scratchpad", "weight byte", kMove, Boundary::B1);
  pe_sum_ = row("energy.pe_sum_J_per_B", "pe scratchpad", "sum byte", kMove, Boundary::B1);
  registers_ = row("energy.register_J_per_b", "pe registers", "bit", kMove, Boundary::B1);
  sram_a_ = row("energy.sram_a_J_per_B", "sram a", "read byte", kMove, Boundary::B1);
  sram_a_fill_ = row("energy.sram_a_J_per_B", "sram a", "fill byte", kMove, Boundary::B1);
  sram_b_ = row("energy.sram_b_J_per_B", "sram b", "read byte", kMove, Boundary::B1);
  sram_b_fill_ = row("energy.sram_b_J_per_B", "sram b", "fill byte", kMove, Boundary::B1);
  sram_c_write_ = row("energy.sram_c_J_per_B", "sram c", "write byte", kMove, Boundary::B1);
  sram_c_read_ = row("energy.sram_c_J_per_B", "sram c", "read byte", kMove, Boundary::B1);
  sram_c_fill_ = row("energy.sram_c_J_per_B", "sram c", "fill byte", kMove, Boundary::B1);
  sram_c_drain_ = row("energy.sram_c_J_per_B", "sram c", "drain byte", kMove, Boundary::B1);
  accumulators_ = row("energy.accumulator_J_per_B", "accumulators", "byte", kMove, Boundary::B1);
  dram_a_ = row("energy.dram_J_per_B", "dram", "read a byte", kMove, Boundary::B2, 1);
  dram_b_ = row("energy.dram_J_per_B", "dram", "weight byte", kMove, Boundary::B2, 1);
  dram_c_ = row("energy.dram_J_per_B", "dram", "write c byte", kMove, Boundary::B2, 1);
  dram_sums_ = row("energy.dram_J_per_B", "dram", "partial-sum byte", kMove, Boundary::B2, 1);
  link_ = row("energy.link_J_per_B", "host port", "byte", kMove, Boundary::B2);
  static_ = row("static.power_W", "chip", "second", Category::static_power, Boundary::B3);
  prices_.lowest = Boundary::B0;
  prices_.highest = spec.number("static.power_W") > 0 ? Boundary::B3 : Boundary::B2;
}

double SystolicModel::peak_mac_per_s() const noexcept {
  return static_cast<double>(array_.rows) * static_cast<double>(array_.cols) *
         static_cast<double>(array_.arrays) * clock_Hz_;
}

std::int64_t SystolicModel::fold_depth(std::int64_t k) const noexcept {
  return array_.dataflow == Dataflow::output_stationary ? k : array_.rows;
}

double SystolicModel::on_chip_bytes() const noexcept {
  return static_cast<double>(array_.a_bytes) + static_cast<double>(array_.b_bytes) +
         static_cast<double>(array_.c_bytes) + static_cast<double>(array_.accumulator_bytes) +
         static_cast<double>(array_.rows) * static_cast<double>(array_.cols) *
             static_cast<double>(array_.arrays) * (2 * array_.operand_bytes + kResultBytes) +
         resident_bytes_;
}

bool SystolicModel::weights_stay(const GemmShape& shape, OperandMode mode) const noexcept {
  if (mode == OperandMode::dynamic) return false;
  const double bytes =
      static_cast<double>(shape.k) * static_cast<double>(shape.n) * array_.operand_bytes;
  return bytes <= resident_bytes_;
}

double SystolicModel::transfer_time_s(double weight_bytes, double activation_bytes) const noexcept {
  const auto time = [](double bytes, double rate) { return rate > 0 ? bytes / rate : 0; };
  if (!own_activation_port_) return time(weight_bytes + activation_bytes, dram_bytes_per_s_);
  return std::max(time(weight_bytes, dram_bytes_per_s_),
                  time(activation_bytes, activation_bytes_per_s_));
}

void SystolicModel::finish(double time_s, Activity& activity) const {
  activity.device_time_s = time_s;
  if (prices_.highest == Boundary::B3) activity.add(static_, time_s);
}

Activity SystolicModel::count(const ArrayCounts& counts, double weight_bytes) const {
  Activity activity;
  activity.executed_macs = counts.executed_macs;
  activity.add(multiply_, counts.macs);
  activity.add(add_, counts.macs);
  if (prices_.prices[pe_input_].energy_per_action_J > 0) {
    activity.add(pe_input_, counts.macs * array_.operand_bytes);
  }
  if (prices_.prices[pe_weight_].energy_per_action_J > 0) {
    activity.add(pe_weight_, counts.macs * array_.operand_bytes);
  }
  if (prices_.prices[pe_sum_].energy_per_action_J > 0) {
    activity.add(pe_sum_, 2 * counts.macs * kResultBytes);
  }
  activity.add(registers_, counts.register_bits);
  activity.add(sram_a_, counts.a_reads * array_.operand_bytes);
  activity.add(sram_b_, counts.b_reads * array_.operand_bytes);
  activity.add(sram_c_write_, counts.c_writes * kResultBytes);
  activity.add(sram_c_read_, counts.c_reads * kResultBytes);
  // What DRAM gives is written into a buffer first, and what it takes is read from one; partial
  // sums that do not fit go out and come back.
  const double spilled = counts.spill_dram_bytes / 2;
  activity.add(sram_a_fill_, counts.a_dram_bytes);
  activity.add(sram_b_fill_, weight_bytes);
  activity.add(sram_c_fill_, spilled);
  activity.add(sram_c_drain_, counts.c_dram_bytes + spilled);
  activity.add(accumulators_, counts.accumulator_accesses * kResultBytes);
  const double activation_bytes = counts.a_dram_bytes + counts.c_dram_bytes;
  activity.add(dram_a_, counts.a_dram_bytes);
  activity.add(dram_b_, weight_bytes);
  activity.add(dram_c_, counts.c_dram_bytes);
  activity.add(dram_sums_, counts.spill_dram_bytes);
  if (own_activation_port_) activity.add(link_, activation_bytes);
  finish(std::max(counts.cycles / clock_Hz_,
                  transfer_time_s(weight_bytes + counts.spill_dram_bytes, activation_bytes)),
         activity);
  return activity;
}

Activity SystolicModel::execute(const GemmShape& shape, OperandMode mode) const {
  const ArrayCounts counts = count_product(shape, array_);
  return count(counts, weights_stay(shape, mode) ? 0 : counts.b_dram_bytes);
}

Activity SystolicModel::convolve(const ConvExtent& conv) const {
  const ArrayCounts counts = count_convolution(conv, array_);
  return count(counts,
               weights_stay(conv.product, OperandMode::stationary) ? 0 : counts.b_dram_bytes);
}

Activity SystolicModel::load(const GemmShape& shape, OperandMode mode) const {
  Activity activity;
  if (!weights_stay(shape, mode)) return activity;
  const double bytes =
      static_cast<double>(shape.k) * static_cast<double>(shape.n) * array_.operand_bytes;
  activity.add(dram_b_, bytes);
  activity.add(sram_b_fill_, bytes);
  finish(transfer_time_s(bytes, 0), activity);
  return activity;
}

Activity SystolicModel::update(const GemmShape& shape, OperandMode mode) const {
  const double bytes =
      static_cast<double>(shape.k) * static_cast<double>(shape.n) * array_.operand_bytes;
  Activity activity;
  activity.add(dram_b_, bytes);
  finish(transfer_time_s(bytes, 0), activity);
  activity += load(shape, mode);
  return activity;
}

}  // namespace jb::systolic
