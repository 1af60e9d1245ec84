#pragma once
// What a product costs on a GPU, by activity: arithmetic, instruction issue, registers, shared
// memory, last-level cache, HBM, and power that flows anyway. Traffic follows the tiled model of
// backends/energy/gpu_traffic.h. Operands start and end in HBM, in the number format of the
// product; sums leave as 32-bit words, which a pass of their own rescales for scaled formats.
// Transfers from and to the host are not counted. The sum is class D until it is compared with a
// meter.

#include <string>

#include "backends/core/element_type.h"
#include "backends/core/parameters.h"
#include "backends/cublas/gpu_api.h"
#include "backends/energy/activity.h"
#include "backends/energy/gpu_traffic.h"
#include "backends/energy/price_table.h"

namespace jb::cublas {

/// Keys of a device file of this backend.
const std::vector<ParameterSpec>& gpu_parameters();

/// Counts and prices of one GPU that computes in one precision.
class GpuModel {
 public:
  /// Reads the parameters; those that are 0 = "detect" are taken from `detected`, which is null for
  /// the description of another machine (then they must be given: usage error).
  GpuModel(const DeviceSpec& spec, ElementType precision, const GpuProperties* detected);

  [[nodiscard]] const PriceTable& prices() const noexcept { return prices_; }
  [[nodiscard]] ElementType precision() const noexcept { return precision_; }

  /// Counts of one execute. A dynamic operand is written to HBM in it. device_time_s is the
  /// modelled time, which the static row is charged for: the larger of arithmetic at peak and HBM
  /// at its bandwidth, plus the least duration of a kernel.
  [[nodiscard]] Activity execute(const GemmShape& shape, OperandMode mode) const;
  /// Counts of one convolution as an implicit product, the way that libraries of convolutions run
  /// it.
  [[nodiscard]] Activity convolve(const ConvExtent& conv) const;
  /// Counts of writing a stationary operand (k n elements) to HBM once.
  [[nodiscard]] Activity load(const GemmShape& shape) const;
  /// Counts of B += delta on the host and of writing it again.
  [[nodiscard]] Activity update(std::int64_t k, std::int64_t n) const;
  /// Counts of rounding `elements` f32 activations to the precision between two layers: a pass that
  /// reads and writes them, through HBM where they do not fit the last-level cache. Empty for f32
  /// and tf32.
  [[nodiscard]] Activity convert(double elements) const;

  /// Counts of a pass that reads and writes `bytes` in all: HBM and, where they fit, the last-level
  /// cache between.
  [[nodiscard]] Activity pass(double bytes) const;

  /// "no" with the reason when the GPU has no such arithmetic, the product does not fit in its
  /// memory, or sums over k leave 32 bits.
  [[nodiscard]] Support supports(const GemmShape& shape) const;

  /// MACs per second in this precision; 0 when the clock was detected, because GPUs boost beyond
  /// what they report.
  [[nodiscard]] double peak_mac_per_s() const noexcept;
  /// Last-level cache, shared memory and registers.
  [[nodiscard]] double on_chip_bytes() const noexcept;
  [[nodiscard]] const GpuGeometry& geometry() const noexcept { return geometry_; }

 private:
  void read_machine(const DeviceSpec& spec, const GpuProperties* detected);
  void read_geometry(const DeviceSpec& spec);
  void add_prices(const DeviceSpec& spec);
  void add_hbm(double bytes, Activity& activity) const;
  void add_pass(double bytes, Activity& activity) const;
  [[nodiscard]] Activity count(const GpuTraffic& traffic, double loaded_bytes) const;
  void finish(double arithmetic_s, Activity& activity) const;

  std::string name_;
  ElementType precision_;
  GpuGeometry geometry_;
  PriceTable prices_;
  int compute_capability_ = 0;
  bool peak_detected_ = false;
  double peak_mac_per_s_ = 0;
  double memory_bytes_ = 0;
  double bandwidth_ = 0;
  double fixed_s_ = 0;
  ActionId multiply_ = 0, add_ = 0, issue_ = 0, registers_ = 0, shared_a_ = 0, shared_b_ = 0,
           shared_fill_ = 0, l2_a_ = 0, l2_b_ = 0, l2_ = 0, l2_fill_ = 0, hbm_a_ = 0, hbm_b_ = 0,
           hbm_b_write_ = 0, hbm_c_ = 0, hbm_ = 0, static_ = 0;
};

}  // namespace jb::cublas
