#pragma once
// What a product costs on a systolic array: parameters, prices, and the counts of array_counts.h as
// an activity. estimate() and execute() count with the same function.

#include <vector>

#include "backends/core/element_type.h"
#include "backends/core/parameters.h"
#include "backends/energy/activity.h"
#include "backends/energy/price_table.h"
#include "backends/systolic/array_counts.h"
#include "backends/systolic/quantised_product.h"

namespace jb::systolic {

/// Keys of a device file of this backend.
const std::vector<ParameterSpec>& systolic_parameters();

/// What the array's multipliers take.
struct Arithmetic {
  bool s8 = true;
  bool bf16 = false;
  bool floats = false;  ///< an idealised array computing in float64
};
Arithmetic arithmetic_of(const DeviceSpec& spec);

/// Counts, times and prices of one array (or several side by side) that computes in one precision.
class SystolicModel {
 public:
  /// Usage error when parameters contradict each other (named, with the range).
  SystolicModel(const DeviceSpec& spec, ElementType precision);

  [[nodiscard]] const PriceTable& prices() const noexcept { return prices_; }
  [[nodiscard]] const ArrayConfig& array() const noexcept { return array_; }
  /// How products are computed: s8 by codes of 8 bits, bf16 with sums in f32, f64 by an idealised
  /// array.
  [[nodiscard]] ElementType precision() const noexcept { return precision_; }
  /// Products that one sum takes up before it is added to those of other folds.
  [[nodiscard]] std::int64_t fold_depth(std::int64_t k) const noexcept;
  /// Buffers, accumulators and storage of weights together.
  [[nodiscard]] double on_chip_bytes() const noexcept;
  [[nodiscard]] WeightScale weight_scale() const noexcept { return weight_scale_; }
  [[nodiscard]] double peak_mac_per_s() const noexcept;

  /// True when k n weights fit the storage that keeps them between products.
  [[nodiscard]] bool weights_stay(const GemmShape& shape, OperandMode mode) const noexcept;
  /// Counts of one execute; weights that do not stay are streamed from DRAM in it.
  [[nodiscard]] Activity execute(const GemmShape& shape, OperandMode mode) const;
  /// Counts of one convolution, its groups one after the other.
  [[nodiscard]] Activity convolve(const ConvExtent& conv) const;
  /// Counts of loading weights that stay; empty when they do not.
  [[nodiscard]] Activity load(const GemmShape& shape, OperandMode mode) const;
  /// Counts of B += delta on the host: k n new codes written to the weights' DRAM, and loaded again
  /// when they stay.
  [[nodiscard]] Activity update(const GemmShape& shape, OperandMode mode) const;

 private:
  void add_prices(const DeviceSpec& spec);
  [[nodiscard]] Activity count(const ArrayCounts& counts, double weight_bytes) const;
  [[nodiscard]] double transfer_time_s(double weight_bytes, double activation_bytes) const noexcept;
  void finish(double time_s, Activity& activity) const;

  ArrayConfig array_;
  PriceTable prices_;
  ElementType precision_;
  WeightScale weight_scale_ = WeightScale::per_column;
  double clock_Hz_ = 1;
  double resident_bytes_ = 0;
  double dram_bytes_per_s_ = 0;        ///< 0: no limit
  double activation_bytes_per_s_ = 0;  ///< 0: no limit
  bool own_activation_port_ = false;
  ActionId multiply_ = 0, add_ = 0, pe_input_ = 0, pe_weight_ = 0, pe_sum_ = 0, registers_ = 0,
           sram_a_ = 0, sram_b_ = 0, sram_a_fill_ = 0, sram_b_fill_ = 0, sram_c_write_ = 0,
           sram_c_read_ = 0, sram_c_fill_ = 0, sram_c_drain_ = 0, accumulators_ = 0, dram_a_ = 0,
           dram_b_ = 0, dram_c_ = 0, dram_sums_ = 0, link_ = 0, static_ = 0;
};

}  // namespace jb::systolic
