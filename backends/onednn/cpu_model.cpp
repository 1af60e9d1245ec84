#include "backends/onednn/cpu_model.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

#include "backends/core/error.h"

namespace jb::onednn {
namespace {

constexpr double kSumBytes = 4;      // of a sum, f32 or s32, and of a 32-bit lane
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
                          const char* cache_key, std::int64_t cache_bytes,
                          std::int64_t element_bytes) {
  const std::int64_t block = spec.integer(key);
  const std::int64_t largest = cache_bytes / element_bytes / other;
  if (block <= largest) return block;
  if (spec.integer(cache_key) == 0) return std::max<std::int64_t>(1, largest);
  if (largest < 1) {
    fail_usage(
        "device '{}': {} = {} holds nothing of {} beside the other block sizes; allowed here: {} "
        "to "
        "{}",
        spec.name(), cache_key, cache_bytes, key, other * element_bytes, kMostBytes);
  }
  fail_usage(
      "device '{}': {} = {} does not fit {} = {} beside the other block sizes; allowed here: "
      "1 to {}",
      spec.name(), key, block, cache_key, cache_bytes, largest);
}

// What each instruction set of oneDNN brings: lanes of 32 bits, and products that one lane adds up.
struct IsaLimit {
  const char* name;
  std::int64_t lanes;
  double bf16_depth;
  double f16_depth;
  double s8_depth;
};

constexpr std::array<IsaLimit, 8> kIsaLimits = {{
    {"sse41", 4, 1, 1, kPairedS8Depth},
    {"avx", 8, 1, 1, kPairedS8Depth},
    {"avx2", 8, 1, 1, kPairedS8Depth},
    {"avx2_vnni", 8, 1, 1, 4},
    {"avx512_core", 16, 1, 1, kPairedS8Depth},
    {"avx512_core_vnni", 16, 1, 1, 4},
    {"avx512_core_bf16", 16, 2, 1, 4},
    {"avx512_core_amx", 16, 2, 2, 4},
}};

// What a precision is called in device files.
struct Arithmetic {
  ElementType type;
  const char* multiply_key;
  const char* add_key;
  const char* depth_key;  // null: one product for each lane
};

constexpr std::array<Arithmetic, 5> kArithmetic = {{
    {ElementType::f32, "energy.mul_J", "energy.add_J", nullptr},
    {ElementType::bf16, "energy.mul_bf16_J", "energy.add_J", "depth.bf16"},
    {ElementType::f16, "energy.mul_f16_J", "energy.add_J", "depth.f16"},
    {ElementType::s8, "energy.mul_s8_J", "energy.add_s32_J", "depth.s8"},
    {ElementType::u8s8, "energy.mul_s8_J", "energy.add_s32_J", "depth.s8"},
}};

const Arithmetic& arithmetic_of(ElementType precision) {
  for (const Arithmetic& entry : kArithmetic) {
    if (entry.type == precision) return entry;
  }
  fail_usage("backend 'onednn' does not compute in {}; use f32, bf16, s8 or u8s8",
             name_of(precision));
}

// A level holds what the one above it does: sizes that the device file gives must not shrink.
void check_cache_order(const DeviceSpec& spec) {
  constexpr std::array<const char*, 3> kLevels = {"cache.l1_bytes", "cache.l2_bytes",
                                                  "cache.l3_bytes"};
  for (std::size_t above = 0; above + 1 < kLevels.size(); ++above) {
    for (std::size_t below = above + 1; below < kLevels.size(); ++below) {
      const std::int64_t inner = spec.integer(kLevels[above]);
      const std::int64_t outer = spec.integer(kLevels[below]);
      if (inner == 0 || outer == 0 || outer >= inner) continue;
      fail_usage("device '{}': {} = {} is smaller than {} = {}; allowed here: {} to {}",
                 spec.name(), kLevels[below], outer, kLevels[above], inner, inner, kMostBytes);
    }
  }
}

double depth_of(const DeviceSpec& spec, const Arithmetic& arithmetic, const HostCpu& host) {
  if (arithmetic.depth_key == nullptr) return 1;
  const double given = spec.number(arithmetic.depth_key);
  if (given > 0) return given;
  if (!spec.flag("runs_here")) {
    fail_usage(
        "device '{}': {} is 0 (detect), but runs_here is false; give the value of that machine",
        spec.name(), arithmetic.depth_key);
  }
  switch (arithmetic.type) {
    case ElementType::bf16:
      return host.bf16_depth;
    case ElementType::f16:
      return host.f16_depth;
    default:
      return host.s8_depth;
  }
}

}  // namespace

std::vector<std::string> isa_names() {
  std::vector<std::string> names = {"auto"};
  for (const IsaLimit& limit : kIsaLimits) names.emplace_back(limit.name);
  return names;
}

std::string resolved_isa(const std::string& isa) {
  if (isa != "auto") return isa;
  const char* lowered = std::getenv("JOULEBENCH_ISA");
  if (lowered == nullptr) return isa;
  const std::string name = lowered;
  return name == "baseline" ? "sse41" : name == "avx2" ? name : isa;
}

HostCpu limited_to(HostCpu cpu, const std::string& isa) {
  const std::string name = resolved_isa(isa);
  for (const IsaLimit& limit : kIsaLimits) {
    if (name != limit.name) continue;
    cpu.lanes = std::min(cpu.lanes, limit.lanes);
    cpu.bf16_depth = std::min(cpu.bf16_depth, limit.bf16_depth);
    cpu.f16_depth = std::min(cpu.f16_depth, limit.f16_depth);
    cpu.s8_depth = std::min(cpu.s8_depth, limit.s8_depth);
    cpu.exact_s8 = cpu.exact_s8 && limit.s8_depth >= 4;
  }
  return cpu;
}

const std::vector<ParameterSpec>& cpu_parameters() {
  static const std::vector<ParameterSpec> specs = {
      flag_spec("runs_here",
                "products run on this computer; false: a description to estimate with"),
      integer_spec("cores", "1", 0, 1 << 16, "cores that compute; 0: those this process may use"),
      number_spec("clock_Hz", "Hz", 0, 1e11, "clock of the cores; 0: ask this computer"),
      integer_spec("lanes", "1", 0, 1024, "floats of a vector register; 0: ask this computer"),
      integer_spec("fma_units", "1", 1, 64, "vector multiply-adds a core starts per cycle"),
      number_spec("depth.bf16", "1", 0, 1024,
                  "bf16 products that a lane adds up in one instruction; 0: ask this computer", 0),
      number_spec("depth.f16", "1", 0, 1024, "likewise f16; 0: ask this computer", 0),
      number_spec("depth.s8", "1", 0, 1024, "likewise s8 and u8s8; 0: ask this computer", 0),
      choice_spec("isa", isa_names(),
                  "most that oneDNN may use of this computer's instruction sets; taken once in a "
                  "process",
                  "auto"),
      choice_spec("primitive", {"matmul", "inner_product"}, "of oneDNN, for products", "matmul"),
      choice_spec("quantisation.weights", {"per_tensor", "per_column"},
                  "scales of B in s8 and u8s8", "per_column"),
      choice_spec("quantisation.inputs", {"per_tensor", "per_row"},
                  "scales of A in s8 and u8s8; of a convolution per_row is per image", "per_row"),
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
      number_spec("energy.mul_bf16_J", "J", 0, 1e-3, "one bf16 multiplication"),
      number_spec("energy.mul_f16_J", "J", 0, 1e-3, "one f16 multiplication"),
      number_spec("energy.mul_s8_J", "J", 0, 1e-3, "one 8-bit multiplication"),
      number_spec("energy.add_s32_J", "J", 0, 1e-3, "one s32 addition"),
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

CpuModel::CpuModel(const DeviceSpec& spec, ElementType precision)
    : precision_(precision), bytes_(bytes_of(precision)), runs_here_(spec.flag("runs_here")) {
  const Arithmetic& arithmetic = arithmetic_of(precision);
  const HostCpu host = limited_to(detect_host_cpu(), spec.text("isa"));
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
  geometry_.depth_per_instruction = depth_of(spec, arithmetic, host);
  geometry_.c_width = kSumBytes / bytes_;
  geometry_.blocking = {spec.integer("blocking.mr"), spec.integer("blocking.nr"),
                        spec.integer("blocking.mc"), spec.integer("blocking.kc"),
                        spec.integer("blocking.nc")};
  check_cache_order(spec);
  const std::int64_t l1 = given_or_detected(spec, "cache.l1_bytes", host.l1_bytes);
  const std::int64_t l2 = given_or_detected(spec, "cache.l2_bytes", host.l2_bytes);
  const std::int64_t l3 = given_or_detected(spec, "cache.l3_bytes", host.l3_bytes);
  const std::int64_t element = bytes_of(precision);
  CpuBlocking& block = geometry_.blocking;
  block.kc = fitted_block(spec, "blocking.kc", block.nr, "cache.l1_bytes", l1, element);
  block.mc = fitted_block(spec, "blocking.mc", block.kc, "cache.l2_bytes", l2, element);
  block.nc = fitted_block(spec, "blocking.nc", block.kc, "cache.l3_bytes", l3, element);
  geometry_.last_level_elements = l3 / element;
  on_chip_bytes_ = static_cast<double>(l3) + cores_ * static_cast<double>(l1 + l2);
  add_prices(spec);
}

void CpuModel::add_prices(const DeviceSpec& spec) {
  const auto row = [&](const char* key, const char* component, const char* action,
                       Category category, Boundary boundary) {
    return prices_.add(price_from(spec, key, component, action, category, boundary));
  };
  const auto moved = [&](const char* key, const char* component, const char* action,
                         Boundary boundary = Boundary::B1) {
    return row(key, component, action, Category::movement, boundary);
  };
  const Arithmetic& arithmetic = arithmetic_of(precision_);
  multiply_ = row(arithmetic.multiply_key, "fma", "multiply", Category::compute, Boundary::B0);
  add_ = row(arithmetic.add_key, "fma", "add", Category::compute, Boundary::B0);
  scale_ = row("energy.mul_J", "fma", "scale a sum", Category::compute, Boundary::B0);
  issue_ = row("energy.instruction_J", "front end", "issue", Category::control, Boundary::B1);
  registers_ = moved("energy.register_J_per_B", "register file", "byte");
  l1_a_ = moved("energy.l1_J_per_B", "l1", "read a byte");
  l1_b_ = moved("energy.l1_J_per_B", "l1", "read b byte");
  l1_c_read_ = moved("energy.l1_J_per_B", "l1", "read c byte");
  l1_c_write_ = moved("energy.l1_J_per_B", "l1", "write c byte");
  l1_fill_ = moved("energy.l1_J_per_B", "l1", "fill byte");
  l2_a_ = moved("energy.l2_J_per_B", "l2", "read a byte");
  l2_b_ = moved("energy.l2_J_per_B", "l2", "read b byte");
  l2_fill_ = moved("energy.l2_J_per_B", "l2", "fill byte");
  l3_a_ = moved("energy.l3_J_per_B", "l3", "read a byte");
  l3_b_ = moved("energy.l3_J_per_B", "l3", "read b byte");
  l3_c_read_ = moved("energy.l3_J_per_B", "l3", "read c byte");
  l3_c_write_ = moved("energy.l3_J_per_B", "l3", "write c byte");
  l3_fill_ = moved("energy.l3_J_per_B", "l3", "fill byte");
  wires_ = moved("energy.wire_J_per_b_mm", "on-chip network", "bit mm");
  const auto dram = [&](const char* action) {
    const ActionId id = moved("energy.dram_J_per_B", "dram", action, Boundary::B2);
    prices_.prices[id].dram_bytes = 1;
    return id;
  };
  dram_a_ = dram("read a byte");
  dram_b_ = dram("read b byte");
  dram_b_write_ = dram("write b byte");
  dram_c_read_ = dram("read c byte");
  dram_c_write_ = dram("write c byte");
  static_cores_ = row("static.core_W", "cores", "second", Category::static_power, Boundary::B3);
  static_uncore_ = row("static.uncore_W", "uncore", "second", Category::static_power, Boundary::B3);
  prices_.lowest = Boundary::B0;
  prices_.highest = Boundary::B3;
}

// Time and static power, with the arithmetic's time already in the activity.
void CpuModel::finish(double dram_bytes, Activity& activity) const {
  activity.device_time_s = std::max(activity.device_time_s, dram_bytes / dram_bytes_per_s_);
  activity.add(static_cores_, cores_ * activity.device_time_s);
  activity.add(static_uncore_, activity.device_time_s);
}

// `results` elements leave; integer sums are scaled on the way.
Activity CpuModel::count(const CpuTraffic& t, double macs, double results) const {
  const auto lanes = static_cast<double>(geometry_.lanes);
  const double vector_bytes = lanes * kSumBytes;
  const bool scaled = precision_ == ElementType::s8 || precision_ == ElementType::u8s8;
  const double scalings = scaled ? results : 0;
  Activity activity;
  activity.add(multiply_, macs);
  activity.add(add_, macs);
  activity.add(scale_, scalings);
  activity.add(issue_, t.vector_fma + t.vector_load + t.broadcast_load + t.c_vector_access +
                           scalings / lanes);
  // Three operands read and one written by each fused multiply-add; loads write, stores read one.
  activity.add(registers_, (4 * t.vector_fma + t.vector_load + t.broadcast_load +
                            t.c_vector_access + 2 * scalings / lanes) *
                               vector_bytes);
  activity.add(l1_a_, t.broadcast_load * kScalarAccess);
  activity.add(l1_b_, t.vector_load * vector_bytes);
  activity.add(l1_c_read_, t.c_vector_access / 2 * vector_bytes);
  activity.add(l1_c_write_, t.c_vector_access / 2 * vector_bytes);
  activity.add(l1_fill_, t.l2() * bytes_);
  activity.add(l2_a_, t.l2_a_read * bytes_);
  activity.add(l2_b_, t.l2_b_read * bytes_);
  const double l3_bytes =
      (t.l3_a_read + t.l3_b_read) * bytes_ + (t.l3_c_read + t.l3_c_write) * kSumBytes;
  activity.add(l2_fill_, l3_bytes);
  activity.add(l3_a_, t.l3_a_read * bytes_);
  activity.add(l3_b_, t.l3_b_read * bytes_);
  activity.add(l3_c_read_, t.l3_c_read * kSumBytes);
  activity.add(l3_c_write_, t.l3_c_write * kSumBytes);
  activity.add(wires_, l3_bytes * kBitsPerByte * l3_distance_mm_);
  activity.add(dram_a_, t.dram_a_read * bytes_);
  activity.add(dram_b_, t.dram_b_read * bytes_);
  activity.add(dram_c_read_, t.dram_c_read * kSumBytes);
  activity.add(dram_c_write_, t.dram_c_write * kSumBytes);
  activity.executed_macs = t.vector_fma * lanes * geometry_.depth_per_instruction;
  activity.device_time_s = t.vector_fma / vector_fma_per_s_;
  return activity;
}

Activity CpuModel::execute(const GemmShape& shape, OperandMode mode) const {
  const CpuTraffic t = cpu_traffic(shape, geometry_);
  const double results =
      shape.k == 0 ? 0 : static_cast<double>(shape.m) * static_cast<double>(shape.n);
  Activity activity = count(t, shape.macs(), results);
  const double packed = mode == OperandMode::dynamic ? t.dram_b_read * bytes_ : 0;
  activity.add(dram_b_, packed);
  activity.add(dram_b_write_, packed);
  activity.add(issue_, 2 * packed / (static_cast<double>(geometry_.lanes) * kSumBytes));
  const double dram_bytes = (t.dram_a_read + t.dram_b_read) * bytes_ +
                            (t.dram_c_read + t.dram_c_write) * kSumBytes + 2 * packed;
  activity.add(l3_fill_, dram_bytes);
  finish(dram_bytes, activity);
  return activity;
}

Activity CpuModel::convolve(const ConvExtent& conv) const {
  const CpuTraffic t = cpu_conv_traffic(conv, geometry_);
  const GemmShape& gemm = conv.product;
  const auto groups = static_cast<double>(conv.groups);
  const double results =
      gemm.k == 0 ? 0 : static_cast<double>(gemm.m) * static_cast<double>(gemm.n) * groups;
  Activity activity = count(t, gemm.macs() * groups, results);
  const double dram_bytes =
      (t.dram_a_read + t.dram_b_read) * bytes_ + (t.dram_c_read + t.dram_c_write) * kSumBytes;
  activity.add(l3_fill_, dram_bytes);
  finish(dram_bytes, activity);
  return activity;
}

Activity CpuModel::pack(const GemmShape& shape) const {
  const double bytes = static_cast<double>(shape.k) * static_cast<double>(shape.n) * bytes_;
  Activity activity;
  activity.add(issue_, 2 * bytes / (static_cast<double>(geometry_.lanes) * kSumBytes));
  activity.add(dram_b_, bytes);
  activity.add(dram_b_write_, bytes);
  finish(2 * bytes, activity);
  return activity;
}

Activity CpuModel::update(std::int64_t k, std::int64_t n) const {
  const double elements = static_cast<double>(k) * static_cast<double>(n);
  Activity activity;
  activity.add(add_, elements);
  activity.add(issue_, 4 * elements * bytes_ / (static_cast<double>(geometry_.lanes) * kSumBytes));
  activity.add(dram_b_, 2 * elements * bytes_);
  activity.add(dram_b_write_, elements * bytes_);
  finish(3 * elements * bytes_, activity);
  return activity;
}

double CpuModel::peak_mac_per_s() const noexcept {
  if (clock_detected_) return 0;
  return vector_fma_per_s_ * static_cast<double>(geometry_.lanes) * geometry_.depth_per_instruction;
}

}  // namespace jb::onednn
