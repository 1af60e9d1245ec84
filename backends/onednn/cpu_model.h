#pragma once
// What a product or a convolution costs on a CPU, by activity: arithmetic, instruction issue,
// registers, three levels of cache, DRAM, and power that flows anyway. Traffic follows the
// five-loop model of backends/energy/cpu_traffic.h, with A and B in the number format of the
// product and C in 32 bits. oneDNN blocks in its own way, and the prices are those of single
// operations: the sum is class D until it is compared with a meter.

#include "backends/core/element_type.h"
#include "backends/core/operand_statistics.h"
#include "backends/core/parameters.h"
#include "backends/energy/activity.h"
#include "backends/energy/cpu_traffic.h"
#include "backends/energy/price_table.h"
#include "backends/onednn/host_cpu.h"

namespace jb::onednn {

/// Keys of a device file of this backend.
const std::vector<ParameterSpec>& cpu_parameters();

/// Names that the key `isa` takes, from "auto" and the least to the most.
std::vector<std::string> isa_names();
/// The processor with no more than that instruction set ("auto": what JOULEBENCH_ISA allows).
HostCpu limited_to(HostCpu cpu, const std::string& isa);
/// What "auto" means here: "avx2" where JOULEBENCH_ISA lowers the choice, else "auto".
std::string resolved_isa(const std::string& isa);

/// Counts and prices of one CPU that computes in one precision.
class CpuModel {
 public:
  /// Reads the parameters; those that are 0 = "detect" are asked of this computer. Usage error when
  /// block sizes given do not fit caches given (named, with the range).
  explicit CpuModel(const DeviceSpec& spec, ElementType precision = ElementType::f32);

  [[nodiscard]] const PriceTable& prices() const noexcept { return prices_; }
  [[nodiscard]] ElementType precision() const noexcept { return precision_; }

  /// Counts of one execute. A dynamic operand is packed in it. device_time_s is the modelled time,
  /// which the static row is charged for: the larger of arithmetic at peak and DRAM at its
  /// bandwidth.
  [[nodiscard]] Activity execute(const GemmShape& shape, OperandMode mode) const;
  /// Counts of one convolution with packed filters.
  [[nodiscard]] Activity convolve(const ConvExtent& conv) const;
  /// Counts of packing B once (reading and writing k n elements).
  [[nodiscard]] Activity pack(const GemmShape& shape) const;
  /// Counts of B += delta in DRAM: both read, the sum packed again and written.
  [[nodiscard]] Activity update(std::int64_t k, std::int64_t n) const;

  /// Multiply-adds per second of all cores; 0 when the clock was detected, because turbo clocks
  /// exceed what systems report.
  [[nodiscard]] double peak_mac_per_s() const noexcept;
  /// All caches.
  [[nodiscard]] double on_chip_bytes() const noexcept { return on_chip_bytes_; }
  /// True when products run on this computer, false for the description of another one.
  [[nodiscard]] bool runs_here() const noexcept { return runs_here_; }
  [[nodiscard]] const CpuGeometry& geometry() const noexcept { return geometry_; }

 private:
  void add_prices(const DeviceSpec& spec);
  [[nodiscard]] Activity count(const CpuTraffic& traffic, double macs, double results) const;
  void finish(double dram_bytes, Activity& activity) const;

  ElementType precision_;
  double bytes_ = 4;  ///< of an element of A or B
  CpuGeometry geometry_;
  PriceTable prices_;
  bool runs_here_ = true;
  bool clock_detected_ = false;
  double vector_fma_per_s_ = 0;
  double dram_bytes_per_s_ = 0;
  double cores_ = 1;
  double l3_distance_mm_ = 0;
  double on_chip_bytes_ = 0;
  ActionId multiply_ = 0, add_ = 0, scale_ = 0, issue_ = 0, registers_ = 0, l1_a_ = 0, l1_b_ = 0,
           l1_c_read_ = 0, l1_c_write_ = 0, l1_fill_ = 0, l2_a_ = 0, l2_b_ = 0, l2_fill_ = 0,
           l3_a_ = 0, l3_b_ = 0, l3_c_read_ = 0, l3_c_write_ = 0, l3_fill_ = 0, wires_ = 0,
           dram_a_ = 0, dram_b_ = 0, dram_b_write_ = 0, dram_c_read_ = 0, dram_c_write_ = 0,
           static_cores_ = 0, static_uncore_ = 0;
};

}  // namespace jb::onednn
