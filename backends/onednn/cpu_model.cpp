#include "backends/onednn/cpu_model.h"

#include <algorithm>

#include "backends/core/error.h"
#include "backends/onednn/host_cpu.h"

namespace jb::onednn {
namespace {

constexpr double kBytes = 4;         // of a float
constexpr double kScalarAccess = 8;  // bytes: a broadcast takes one 64-bit access of L1
constexpr double kBitsPerByte = 8;
constexpr std::int64_t kMostBytes = std::int64_t{1} << 40;
constexpr std::int64_t kMostBlock = std::int64_t{1} << 24;

std::int64_t given_or_detected(const DeviceSpec& spec, const char* key, std::int64_t detected) {
  const std::int64_t given = spec.integer(key);
  if (given > 0) return given;
  if (spec.flag("runs_here")) return detected;
  fail_usage(
      "device '{}': {} is 0 (detect), but runs_here is false; give the value of that machine",
      spec.name(), key);
}

// The block size of `key` whose block, `other` elements in the other direction, fits a cache. A
// detected cache shrinks the block; one that the device file gives contradicts it.
std::int64_t fitted_block(const DeviceSpec& spec, const char* key, std::int64_t other,
                          const char* cache_key, std::int64_t cache_bytes) {
  const std::int64_t block = spec.integer(key);
  const std::int64_t largest = cache_bytes / static_cast<std::int64_t>(kBytes) / other;
  if (block <= largest) return block;
  if (spec.integer(cache_key) == 0) return std::max<std::int64_t>(1, largest);
  fail_usage(
      "device '{}': {} = {} does not fit {} = {} beside the other block sizes; allowed here: "
      "1 to {}",
      spec.name(), key, block, cache_key, cache_bytes, largest);
}

}  // namespace

const std::vector<ParameterSpec>& cpu_parameters() {
  static const std::vector<ParameterSpec> specs = {
      flag_spec("runs_here",
                "products run on this computer; false: a description to estimate with"),
      integer_spec("cores", "1", 0, 1 << 16, "cores that compute; 0: those this process may use"),
      number_spec("clock_Hz", "Hz", 0, 1e11, "clock of the cores; 0: ask this computer"),
      integer_spec("lanes", "1", 0, 1024, "floats of a vector register; 0: ask this computer"),
      integer_spec("fma_units", "1", 1, 64, "vector multiply-adds a core starts per cycle"),
      integer_spec("cache.l1_bytes", "B", 0, kMostBytes,
                   "data cache of a core; 0: ask this computer"),
      integer_spec("cache.l2_bytes", "B", 0, kMostBytes,
                   "second level of a core; 0: ask this computer"),
      integer_spec("cache.l3_bytes", "B", 0, kMostBytes,
                   "last level, shared; 0: ask this computer"),
      number_spec("dram.bandwidth_B_per_s", "B/s", 1e3, 1e15, "of all memory channels together"),
      integer_spec("blocking.mr", "1", 1, kMostBlock, "rows of the register tile"),
      integer_spec("blocking.nr", "1", 1, kMostBlock, "columns of the register tile"),
      integer_spec("blocking.mc", "1", 1, kMostBlock, "rows of A packed in L2"),
      integer_spec("blocking.kc", "1", 1, kMostBlock, "depth of the packed blocks"),
      integer_spec("blocking.nc", "1", 1, kMostBlock, "columns of B packed in the last level"),
      number_spec("energy.mul_J", "J", 0, 1e-3, "one f32 multiplication"),
      number_spec("energy.add_J", "J", 0, 1e-3, "one f32 addition"),
      number_spec("energy.instruction_J", "J", 0, 1e-3,
                  "fetch, decode, issue and retire one instruction"),
      number_spec("energy.register_J_per_B", "J/B", 0, 1e-3,
                  "vector register file, read or written"),
      number_spec("energy.l1_J_per_B", "J/B", 0, 1e-3, "first level, read or written"),
      number_spec("energy.l2_J_per_B", "J/B", 0, 1e-3, "second level, read or written"),
      number_spec("energy.l3_J_per_B", "J/B", 0, 1e-3, "last level, read or written"),
      number_spec("energy.wire_J_per_b_mm", "J/b/mm", 0, 1e-3,
                  "on-chip network between last level and cores"),
      number_spec("l3.distance_mm", "mm", 0, 1e3, "mean way between last level and core"),
      number_spec("energy.dram_J_per_B", "J/B", 0, 1e-3, "DRAM, read or written"),
      number_spec("static.core_W", "W", 0, 1e5, "leakage and clock of one core"),
      number_spec("static.uncore_W", "W", 0, 1e6, "leakage, clock and refresh of all the rest"),
  };
  return specs;
}

CpuModel::CpuModel(const DeviceSpec& spec) : runs_here_(spec.flag("runs_here")) {
  const HostCpu host = detect_host_cpu();
  clock_detected_ = spec.number("clock_Hz") == 0;
  if (clock_detected_ && !runs_here_) {
    fail_usage(
        "device '{}': clock_Hz is 0 (detect), but runs_here is false; give that machine's clock",
        spec.name());
  }
  const double clock = clock_detected_ ? host.clock_Hz : spec.number("clock_Hz");
  cores_ = static_cast<double>(given_or_detected(spec, "cores", host.cores));
  vector_fma_per_s_ = cores_ * clock * spec.number("fma_units");
  dram_bytes_per_s_ = spec.number("dram.bandwidth_B_per_s");
  l3_distance_mm_ = spec.number("l3.distance_mm");
  geometry_.lanes = given_or_detected(spec, "lanes", host.lanes);
  geometry_.blocking = {spec.integer("blocking.mr"), spec.integer("blocking.nr"),
                        spec.integer("blocking.mc"), spec.integer("blocking.kc"),
                        spec.integer("blocking.nc")};
  const std::int64_t l1 = given_or_detected(spec, "cache.l1_bytes", host.l1_bytes);
  const std::int64_t l2 = given_or_detected(spec, "cache.l2_bytes", host.l2_bytes);
  const std::int64_t l3 = given_or_detected(spec, "cache.l3_bytes", host.l3_bytes);
  CpuBlocking& block = geometry_.blocking;
  block.kc = fitted_block(spec, "blocking.kc", block.nr, "cache.l1_bytes", l1);
  block.mc = fitted_block(spec, "blocking.mc", block.kc, "cache.l2_bytes", l2);
  block.nc = fitted_block(spec, "blocking.nc", block.kc, "cache.l3_bytes", l3);
  geometry_.last_level_elements = l3 / static_cast<std::int64_t>(kBytes);
  add_prices(spec);
}

void CpuModel::add_prices(const DeviceSpec& spec) {
  const auto row = [&](const char* key, const char* component, const char* action,
                       Category category, Boundary boundary) {
    return prices_.add(price_from(spec, key, component, action, category, boundary));
  };
  multiply_ = row("energy.mul_J", "fma", "multiply", Category::compute, Boundary::B0);
  add_ = row("energy.add_J", "fma", "add", Category::compute, Boundary::B0);
  issue_ = row("energy.instruction_J", "front end", "issue", Category::control, Boundary::B1);
  registers_ =
      row("energy.register_J_per_B", "register file", "byte", Category::movement, Boundary::B1);
  l1_ = row("energy.l1_J_per_B", "l1", "byte", Category::movement, Boundary::B1);
  l1_fill_ = row("energy.l1_J_per_B", "l1", "fill byte", Category::movement, Boundary::B1);
  l2_ = row("energy.l2_J_per_B", "l2", "byte", Category::movement, Boundary::B1);
  l2_fill_ = row("energy.l2_J_per_B", "l2", "fill byte", Category::movement, Boundary::B1);
  l3_ = row("energy.l3_J_per_B", "l3", "byte", Category::movement, Boundary::B1);
  l3_fill_ = row("energy.l3_J_per_B", "l3", "fill byte", Category::movement, Boundary::B1);
  wires_ =
      row("energy.wire_J_per_b_mm", "on-chip network", "bit mm", Category::movement, Boundary::B1);
  dram_ = row("energy.dram_J_per_B", "dram", "byte", Category::movement, Boundary::B2);
  prices_.prices[dram_].dram_bytes = 1;
  static_cores_ = row("static.core_W", "cores", "second", Category::static_power, Boundary::B3);
  static_uncore_ = row("static.uncore_W", "uncore", "second", Category::static_power, Boundary::B3);
  prices_.lowest = Boundary::B0;
  prices_.highest = Boundary::B3;
}

void CpuModel::add_dram(double bytes, Activity& activity) const {
  activity.add(dram_, bytes);
  activity.device_time_s = std::max(activity.device_time_s, bytes / dram_bytes_per_s_);
}

void CpuModel::add_static(Activity& activity) const {
  activity.add(static_cores_, cores_ * activity.device_time_s);
  activity.add(static_uncore_, activity.device_time_s);
}

Activity CpuModel::execute(const GemmShape& shape, OperandMode mode) const {
  const CpuTraffic t = cpu_traffic(shape, geometry_);
  const auto lanes = static_cast<double>(geometry_.lanes);
  const double vector_bytes = lanes * kBytes;
  Activity activity;
  activity.add(multiply_, shape.macs());
  activity.add(add_, shape.macs());
  activity.add(issue_, t.vector_fma + t.vector_load + t.broadcast_load + t.c_vector_access);
  // Three operands read and one written by each fused multiply-add; loads write, stores read one.
  activity.add(
      registers_,
      (4 * t.vector_fma + t.vector_load + t.broadcast_load + t.c_vector_access) * vector_bytes);
  activity.add(
      l1_, (t.vector_load + t.c_vector_access) * vector_bytes + t.broadcast_load * kScalarAccess);
  const double l2_bytes = t.l2() * kBytes;
  const double l3_bytes = t.last_level() * kBytes;
  activity.add(l1_fill_, l2_bytes);
  activity.add(l2_, l2_bytes);
  activity.add(l2_fill_, l3_bytes);
  activity.add(l3_, l3_bytes);
  activity.add(wires_, l3_bytes * kBitsPerByte * l3_distance_mm_);
  activity.executed_macs = t.vector_fma * lanes;
  activity.device_time_s = t.vector_fma / vector_fma_per_s_;
  const double packed = mode == OperandMode::dynamic ? t.dram_b_read : 0;
  activity.add(issue_, 2 * packed / lanes);
  const double dram_bytes = (t.dram() + 2 * packed) * kBytes;
  activity.add(l3_fill_, dram_bytes);
  add_dram(dram_bytes, activity);
  add_static(activity);
  return activity;
}

Activity CpuModel::pack(const GemmShape& shape) const {
  const double elements = static_cast<double>(shape.k) * static_cast<double>(shape.n);
  Activity activity;
  activity.add(issue_, 2 * elements / static_cast<double>(geometry_.lanes));
  add_dram(2 * elements * kBytes, activity);
  add_static(activity);
  return activity;
}

Activity CpuModel::update(std::int64_t k, std::int64_t n) const {
  const double elements = static_cast<double>(k) * static_cast<double>(n);
  Activity activity;
  activity.add(add_, elements);
  activity.add(issue_, 4 * elements / static_cast<double>(geometry_.lanes));
  add_dram(3 * elements * kBytes, activity);
  add_static(activity);
  return activity;
}

double CpuModel::peak_mac_per_s() const noexcept {
  if (clock_detected_) return 0;
  return vector_fma_per_s_ * static_cast<double>(geometry_.lanes);
}

}  // namespace jb::onednn
