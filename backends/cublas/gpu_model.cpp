#include "backends/cublas/gpu_model.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "backends/cublas/number_formats.h"

namespace jb::cublas {
namespace {

constexpr double kSumBytes = 4;  // sums are f32 or s32
constexpr double kMostBytes = 1e15;
constexpr std::int64_t kMostTile = 1 << 16;
// Bytes along k of one tensor-core instruction: m16n8k16 of f16, m16n8k32 of s8, m16n8k8 of tf32
// (PTX ISA 7.0, "mma"; wgmma has the same depth, PTX ISA 8.0).
constexpr std::int64_t kInstructionDepthBytes = 32;
/// Largest k whose s8 sum cannot leave 32 bits: floor((2^31 - 1) / 127^2).
constexpr std::int64_t kLargestS8Depth = 133144;

// What a precision is called in device files, and where the hardware has it.
struct Arithmetic {
  ElementType type;
  const char* peak_key;
  const char* multiply_key;
  const char* add_key;
  int least_capability;  // CUDA C++ Programming Guide, "Compute Capabilities"
};

constexpr std::array<Arithmetic, 7> kArithmetic = {{
    {ElementType::f32, "peak.f32_mac_per_s", "energy.mul_f32_J", "energy.add_f32_J", 50},
    {ElementType::tf32, "peak.tf32_mac_per_s", "energy.mul_tf32_J", "energy.add_f32_J", 80},
    {ElementType::f16, "peak.f16_mac_per_s", "energy.mul_f16_J", "energy.add_f32_J", 70},
    {ElementType::bf16, "peak.f16_mac_per_s", "energy.mul_bf16_J", "energy.add_f32_J", 80},
    {ElementType::f8e4m3, "peak.f8_mac_per_s", "energy.mul_f8_J", "energy.add_f32_J", 89},
    {ElementType::f8e5m2, "peak.f8_mac_per_s", "energy.mul_f8_J", "energy.add_f32_J", 89},
    {ElementType::s8, "peak.s8_mac_per_s", "energy.mul_s8_J", "energy.add_s32_J", 75},
}};

const Arithmetic& arithmetic_of(ElementType precision) {
  for (const Arithmetic& entry : kArithmetic) {
    if (entry.type == precision) return entry;
  }
  fail_usage(
      "backend 'cublas' does not compute in {}; use f32, tf32, f16, bf16, s8, f8e4m3 or "
      "f8e5m2",
      name_of(precision));
}

// Multiply-adds per cycle and multiprocessor: CUDA C++ Programming Guide, "Arithmetic
// Instructions" for f32; data sheets for tensor cores, dense (V100: 125 TFLOPS / 80 SMs / 1.53 GHz;
// A100: 312 / 108 / 1.41; H100: 989 / 132 / 1.83). Consumer chips of 8.6 and 8.9 have half of 8.0.
double macs_per_cycle(int capability, ElementType precision) {
  if (precision == ElementType::f32) {
    const bool has_64 = capability == 70 || capability == 75 || capability == 80;
    return has_64 ? 64 : 128;
  }
  const double f16 = capability >= 90 ? 2048 : capability == 80 ? 1024 : 512;
  return f16 * 2 / bytes_of(precision);
}

double given_or(const DeviceSpec& spec, const char* key, const GpuProperties* detected,
                double value) {
  const double given = spec.number(key);
  if (given > 0) return given;
  if (detected == nullptr) {
    fail_usage("device '{}': {} is 0 (detect), but there is no GPU to ask; give its value",
               spec.name(), key);
  }
  if (!(value > 0)) {
    fail_usage("device '{}': the GPU does not report {}; give it with --set {}=VALUE", spec.name(),
               key, key);
  }
  return value;
}

ParameterSpec peak_spec(const char* key, const char* what) {
  return number_spec(key, "1/s", 0, 1e18,
                     std::string("multiply-adds per second, dense, ") + what +
                         "; 0: ask the GPU of this computer, or none");
}

}  // namespace

const std::vector<ParameterSpec>& gpu_parameters() {
  static const std::vector<ParameterSpec> specs = {
      flag_spec("runs_here",
                "products run on this computer's GPU; false: a description to estimate with"),
      integer_spec("gpu", "1", 0, 63, "number of the GPU in this computer", 0),
      integer_spec("compute_capability", "1", 0, 999,
                   "10 major + minor (90: Hopper); 0: ask the GPU"),
      number_spec("memory.bytes", "B", 0, kMostBytes, "of the GPU; 0: ask the GPU"),
      number_spec("cache.l2_bytes", "B", 0, kMostBytes, "last-level cache; 0: ask the GPU"),
      number_spec("hbm.bandwidth_B_per_s", "B/s", 0, 1e15, "of the memory; 0: ask the GPU"),
      peak_spec("peak.f32_mac_per_s", "f32 without tensor cores"),
      peak_spec("peak.tf32_mac_per_s", "tf32"),
      peak_spec("peak.f16_mac_per_s", "f16 and bf16"),
      peak_spec("peak.f8_mac_per_s", "f8e4m3 and f8e5m2"),
      peak_spec("peak.s8_mac_per_s", "s8"),
      number_spec("time.fixed_s", "s", 0, 1, "least duration of a kernel"),
      integer_spec("tile.m", "1", 1, kMostTile, "rows of C in a thread block"),
      integer_spec("tile.n", "1", 1, kMostTile, "columns of C in a thread block"),
      integer_spec("tile.warp_m", "1", 1, kMostTile, "rows of C in a warp's tile"),
      integer_spec("tile.warp_n", "1", 1, kMostTile, "columns of C in a warp's tile"),
      integer_spec("wave.rows", "1", 1, kMostTile, "tiles of a wave along m"),
      integer_spec("wave.cols", "1", 1, kMostTile, "tiles of a wave along n"),
      integer_spec("cluster", "1", 1, 16, "thread blocks that share a read of the L2 cache"),
      integer_spec("instruction.m", "1", 1, 1024, "long side of a tensor-core instruction"),
      integer_spec("instruction.n", "1", 1, 1024, "flexible side of a tensor-core instruction"),
      integer_spec("instruction.lanes", "1", 1, 1024, "threads that issue it together"),
      flag_spec("instruction.operands_in_registers",
                "operands are read from registers; false: from shared memory directly"),
      number_spec("energy.mul_f32_J", "J", 0, 1e-3, "one f32 multiplication"),
      number_spec("energy.mul_tf32_J", "J", 0, 1e-3, "one tf32 multiplication"),
      number_spec("energy.mul_f16_J", "J", 0, 1e-3, "one f16 multiplication"),
      number_spec("energy.mul_bf16_J", "J", 0, 1e-3, "one bf16 multiplication"),
      number_spec("energy.mul_f8_J", "J", 0, 1e-3, "one 8-bit float multiplication"),
      number_spec("energy.mul_s8_J", "J", 0, 1e-3, "one s8 multiplication"),
      number_spec("energy.add_f32_J", "J", 0, 1e-3, "one f32 addition"),
      number_spec("energy.add_s32_J", "J", 0, 1e-3, "one s32 addition"),
      number_spec("energy.issue_J", "J", 0, 1e-3,
                  "fetch, decode, issue and operand routing of one lane's instruction"),
      number_spec("energy.register_J_per_B", "J/B", 0, 1e-3, "register file, read or written"),
      number_spec("energy.shared_J_per_B", "J/B", 0, 1e-3, "shared memory, read or written"),
      number_spec("energy.l2_J_per_B", "J/B", 0, 1e-3,
                  "last-level cache with the way to a multiprocessor, read or written"),
      number_spec("energy.hbm_J_per_B", "J/B", 0, 1e-3, "HBM, read or written"),
      number_spec("static.power_W", "W", 0, 1e5, "leakage, clock and refresh of the board"),
  };
  return specs;
}

GpuModel::GpuModel(const DeviceSpec& spec, ElementType precision, const GpuProperties* detected)
    : name_(spec.name()), precision_(precision) {
  read_machine(spec, detected);
  read_geometry(spec);
  add_prices(spec);
}

void GpuModel::read_machine(const DeviceSpec& spec, const GpuProperties* detected) {
  const GpuProperties none;
  const GpuProperties& gpu = detected == nullptr ? none : *detected;
  compute_capability_ =
      static_cast<int>(given_or(spec, "compute_capability", detected, gpu.compute_capability));
  memory_bytes_ = given_or(spec, "memory.bytes", detected, static_cast<double>(gpu.memory_bytes));
  geometry_.l2_bytes =
      given_or(spec, "cache.l2_bytes", detected, static_cast<double>(gpu.l2_bytes));
  bandwidth_ = given_or(spec, "hbm.bandwidth_B_per_s", detected, gpu.bandwidth_bytes_per_s);
  fixed_s_ = spec.number("time.fixed_s");

  const Arithmetic& arithmetic = arithmetic_of(precision_);
  peak_mac_per_s_ = spec.number(arithmetic.peak_key);
  peak_detected_ = !(peak_mac_per_s_ > 0);
  const bool has_it = compute_capability_ >= arithmetic.least_capability;
  if (peak_detected_ && has_it) {
    const double detected_peak = static_cast<double>(gpu.multiprocessors) * gpu.clock_Hz *
                                 macs_per_cycle(compute_capability_, precision_);
    peak_mac_per_s_ = given_or(spec, arithmetic.peak_key, detected, detected_peak);
  }
}

void GpuModel::read_geometry(const DeviceSpec& spec) {
  geometry_.tiling = {spec.integer("tile.m"),      spec.integer("tile.n"),
                      spec.integer("tile.warp_m"), spec.integer("tile.warp_n"),
                      spec.integer("wave.rows"),   spec.integer("wave.cols"),
                      spec.integer("cluster")};
  const GpuTiling& tile = geometry_.tiling;
  if (tile.warp_m > tile.block_m || tile.warp_n > tile.block_n) {
    fail_usage(
        "device '{}': the warp's tile {} x {} (tile.warp_m, tile.warp_n) is larger than the thread "
        "block's {} x {} (tile.m, tile.n)",
        spec.name(), tile.warp_m, tile.warp_n, tile.block_m, tile.block_n);
  }
  geometry_.bytes_in = bytes_of(precision_);
  geometry_.bytes_out = kSumBytes;
  geometry_.bytes_sum = kSumBytes;
  if (precision_ == ElementType::f32) {
    geometry_.instruction = {1, 1, 1, 1, true};  // one multiply-add of one lane
    return;
  }
  geometry_.instruction = {spec.integer("instruction.m"), spec.integer("instruction.n"),
                           kInstructionDepthBytes / bytes_of(precision_),
                           spec.integer("instruction.lanes"),
                           spec.flag("instruction.operands_in_registers")};
}

void GpuModel::add_prices(const DeviceSpec& spec) {
  const auto row = [&](const char* key, const char* component, const char* action,
                       Category category, Boundary boundary) {
    return prices_.add(price_from(spec, key, component, action, category, boundary));
  };
  const Arithmetic& arithmetic = arithmetic_of(precision_);
  const char* unit = precision_ == ElementType::f32 ? "fma" : "tensor core";
  multiply_ = row(arithmetic.multiply_key, unit, "multiply", Category::compute, Boundary::B0);
  add_ = row(arithmetic.add_key, unit, "add", Category::compute, Boundary::B0);
  issue_ = row("energy.issue_J", "front end", "lane instruction", Category::control, Boundary::B1);
  registers_ =
      row("energy.register_J_per_B", "register file", "byte", Category::movement, Boundary::B1);
  const auto moved = [&](const char* key, const char* component, const char* action,
                         Boundary boundary = Boundary::B1) {
    return row(key, component, action, Category::movement, boundary);
  };
  shared_a_ = moved("energy.shared_J_per_B", "shared memory", "read a byte");
  shared_b_ = moved("energy.shared_J_per_B", "shared memory", "read b byte");
  shared_fill_ = moved("energy.shared_J_per_B", "shared memory", "fill byte");
  l2_a_ = moved("energy.l2_J_per_B", "l2", "read a byte");
  l2_b_ = moved("energy.l2_J_per_B", "l2", "read b byte");
  l2_ = moved("energy.l2_J_per_B", "l2", "byte");
  l2_fill_ = moved("energy.l2_J_per_B", "l2", "fill byte");
  const auto hbm = [&](const char* action) {
    const ActionId id = moved("energy.hbm_J_per_B", "hbm", action, Boundary::B2);
    prices_.prices[id].dram_bytes = 1;
    return id;
  };
  hbm_a_ = hbm("read a byte");
  hbm_b_ = hbm("read b byte");
  hbm_b_write_ = hbm("write b byte");
  hbm_c_ = hbm("write c byte");
  hbm_ = hbm("byte");
  static_ = row("static.power_W", "board", "second", Category::static_power, Boundary::B3);
  prices_.lowest = Boundary::B0;
  prices_.highest = Boundary::B3;
}

void GpuModel::add_hbm(double bytes, Activity& activity) const {
  activity.add(hbm_, bytes);
  activity.add(l2_fill_, bytes);
}

// A kernel that reads and writes `bytes` in all.
void GpuModel::add_pass(double bytes, Activity& activity) const {
  activity.add(l2_, bytes);
  if (bytes > geometry_.l2_bytes) add_hbm(bytes, activity);
}

void GpuModel::finish(double arithmetic_s, Activity& activity) const {
  if (activity.rows().empty()) return;
  double bytes = 0;
  for (const ActionId id : {hbm_a_, hbm_b_, hbm_b_write_, hbm_c_, hbm_}) {
    bytes += activity.count(id);
  }
  activity.device_time_s = fixed_s_ + std::max(arithmetic_s, bytes / bandwidth_);
  activity.add(static_, activity.device_time_s);
}

// `loaded_bytes` of B are written to HBM first.
Activity GpuModel::count(const GpuTraffic& t, double loaded_bytes) const {
  Activity activity;
  activity.add(multiply_, t.executed_macs);
  activity.add(add_, t.executed_macs);
  activity.add(issue_, t.lane_instructions);
  activity.add(registers_, t.register_file);
  activity.add(shared_a_, t.shared_a_read);
  activity.add(shared_b_, t.shared_b_read);
  activity.add(shared_fill_, t.l2_read);
  activity.add(l2_a_, t.l2_a_read);
  activity.add(l2_b_, t.l2_b_read);
  activity.add(hbm_a_, t.dram_a_read);
  activity.add(hbm_b_, t.dram_b_read);
  activity.add(hbm_b_write_, loaded_bytes);
  activity.add(hbm_c_, t.dram_write);
  activity.add(l2_fill_, t.dram_read + t.dram_write + loaded_bytes);
  if (is_scaled(precision_)) add_pass(2 * t.dram_write, activity);
  activity.executed_macs = t.executed_macs;
  finish(peak_mac_per_s_ > 0 ? t.executed_macs / peak_mac_per_s_ : 0, activity);
  return activity;
}

Activity GpuModel::execute(const GemmShape& shape, OperandMode mode) const {
  const GpuTraffic t = gpu_traffic(shape, geometry_);
  const bool loads = mode == OperandMode::dynamic && t.executed_macs > 0;
  return count(
      t,
      loads ? static_cast<double>(shape.k) * static_cast<double>(shape.n) * geometry_.bytes_in : 0);
}

Activity GpuModel::convolve(const ConvExtent& conv) const {
  return count(gpu_conv_traffic(conv, geometry_), 0);
}

Activity GpuModel::load(const GemmShape& shape) const {
  const double bytes =
      static_cast<double>(shape.k) * static_cast<double>(shape.n) * geometry_.bytes_in;
  Activity activity;
  activity.add(hbm_b_write_, bytes);
  activity.add(l2_fill_, bytes);
  finish(0, activity);
  return activity;
}

Activity GpuModel::update(std::int64_t k, std::int64_t n) const { return load({1, n, k}); }

Activity GpuModel::convert(double elements) const {
  if (precision_ == ElementType::f32 || precision_ == ElementType::tf32) return {};
  return pass(elements * (kSumBytes + geometry_.bytes_in));
}

Activity GpuModel::pass(double bytes) const {
  Activity activity;
  add_pass(bytes, activity);
  finish(0, activity);
  return activity;
}

Support GpuModel::supports(const GemmShape& shape) const {
  const Arithmetic& arithmetic = arithmetic_of(precision_);
  if (compute_capability_ < arithmetic.least_capability) {
    return Support::no(fmt::format(
        "{} needs compute capability {}.{}, device '{}' has {}.{}; use another --precision",
        name_of(precision_), arithmetic.least_capability / 10, arithmetic.least_capability % 10,
        name_, compute_capability_ / 10, compute_capability_ % 10));
  }
  if (precision_ == ElementType::s8 && shape.k > kLargestS8Depth) {
    return Support::no(fmt::format(
        "sums over k = {} may leave 32 bits; at most k = {} in s8; --precision f16 takes it",
        shape.k, kLargestS8Depth));
  }
  const auto m = static_cast<double>(shape.m);
  const auto n = static_cast<double>(shape.n);
  const auto k = static_cast<double>(shape.k);
  // A arrives as f32 and is rounded beside it; scaled formats keep their sums beside the result.
  const bool copies_a = precision_ != ElementType::f32 && precision_ != ElementType::tf32;
  const double needed = m * k * (kSumBytes + (copies_a ? geometry_.bytes_in : 0)) +
                        k * n * geometry_.bytes_in +
                        m * n * kSumBytes * (is_scaled(precision_) ? 2 : 1);
  if (needed > memory_bytes_) {
    return Support::no(fmt::format("needs {:.1f} GB, device '{}' has {:.1f} GB of memory",
                                   needed * 1e-9, name_, memory_bytes_ * 1e-9));
  }
  return Support::yes();
}

double GpuModel::on_chip_bytes() const noexcept {
  // Of a multiprocessor: 256 KiB of registers, up to 256 KiB of shared memory and L1 (NVIDIA A100
  // and H100 architecture white papers).
  constexpr double kMultiprocessor_bytes = 512 * 1024;
  return geometry_.l2_bytes + kMultiprocessor_bytes *
                                  static_cast<double>(geometry_.tiling.wave_rows) *
                                  static_cast<double>(geometry_.tiling.wave_cols);
}

double GpuModel::peak_mac_per_s() const noexcept { return peak_detected_ ? 0 : peak_mac_per_s_; }

}  // namespace jb::cublas
