#pragma once
// What the fast ways through sliced products share: blocks of vectors, codes of inputs, the
// readings of unit columns, the way out.

#include <atomic>
#include <cstdint>
#include <vector>

#include "backends/crossbar/sliced_product.h"

namespace jb::crossbar {

inline std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

class SlicedProduct {
 public:
  SlicedProduct(const ComposedPass& pass, const SlicedOperand& operand, MatrixView<const float> a,
                MatrixView<float> c, Workspace& workspace);
  virtual ~SlicedProduct() = default;

  Saturation run();

 protected:
  /// Called with the codes of the vectors at hand.
  virtual void prepare() = 0;
  /// Columns [first, first + count) of all vectors at hand; called from several threads.
  virtual void multiply(std::int64_t first_col, std::int64_t count) = 0;
  [[nodiscard]] virtual std::int64_t block_columns() const = 0;

  /// Codes of one column and slice to its total, as BlockReader adds them.
  [[nodiscard]] double read(double unit, double codes, std::int64_t tile, std::int64_t col,
                            int slice, std::int64_t vector) const;
  [[nodiscard]] const analog::Adc& adc(std::int64_t tile, int slice) const {
    return pass_.tiles[at(tile)].adc[at(slice)];
  }
  [[nodiscard]] double slice_unit(std::int64_t tile, int slice) const {
    return mapping_.slice_weight(slice) * pass_.slice_factor(slice) * adc(tile, slice).lsb() *
           pass_.reading_unit();
  }
  /// A vector's totals of some columns to C, or to the readings of unit columns.
  void leave(std::int64_t vector, std::int64_t col, std::int64_t count, const double* totals);
  void count_clipped(std::int64_t clipped) {
    if (clipped > 0) outputs_clipped_ += clipped;
  }

  const ComposedPass& pass_;
  const Config& config_;
  const WeightMapping& mapping_;
  const SlicedOperand& operand_;
  MatrixView<const float> a_;
  MatrixView<float> c_;
  Workspace& workspace_;
  std::vector<double>& scales_;
  int slices_;
  int planes_;
  std::int64_t first_ = 0;  // vector of A
  std::int64_t rows_ = 0;   // vectors at hand
  std::vector<float> codes_;

 private:
  void encode();
  void encode_vector(std::int64_t vector, std::vector<float>& gathered);
  void run_block();
  void multiply_columns(std::int64_t begin, std::int64_t end);

  std::vector<double> input_sums_;  // vector x tile, relative to full scale
  std::vector<double> whole_sums_;
  Matrix<double> units_;
  std::atomic<std::int64_t> inputs_clipped_{0};
  std::atomic<std::int64_t> outputs_clipped_{0};
};

/// Planes of one bit on cells of any conductance (look_up_product.cpp).
Saturation multiply_by_look_up(const ComposedPass& pass, const SlicedOperand& operand,
                               MatrixView<const float> a, MatrixView<float> c,
                               Workspace& workspace);
/// Ideal quantised cells (bytes_product.cpp).
Saturation multiply_bytes(const ComposedPass& pass, const SlicedOperand& operand,
                          MatrixView<const float> a, MatrixView<float> c, Workspace& workspace);

}  // namespace jb::crossbar
