#include "backends/crossbar/sliced_product.h"

#include <algorithm>

#include "backends/core/threads.h"
#include "backends/crossbar/inputs.h"
#include "backends/crossbar/sliced_base.h"

namespace jb::crossbar {
namespace {

constexpr std::int64_t kVectors = 512;  // whose inputs are at hand together

}  // namespace

SlicedProduct::SlicedProduct(const ComposedPass& pass, const SlicedOperand& operand,
                             MatrixView<const float> a, MatrixView<float> c, Workspace& workspace)
    : pass_(pass),
      config_(*pass.config),
      mapping_(pass.config->mapping),
      operand_(operand),
      a_(a),
      c_(c),
      workspace_(workspace),
      scales_(workspace.full_scales),
      slices_(pass.config->mapping.slices),
      planes_(pass.readings()) {}

Saturation SlicedProduct::run() {
  // Blocks of vectors begin at multiples in the whole batch, so that cuts do not show.
  for (std::int64_t row = 0; row < a_.rows;) {
    const std::int64_t place = (pass_.draw.row_offset + row) % kVectors;
    const std::int64_t rows = std::min(kVectors - place, a_.rows - row);
    first_ = row;
    rows_ = rows;
    run_block();
    row += rows;
  }
  const std::int64_t samples = a_.rows * pass_.columns * pass_.inputs.tiles * planes_ * slices_;
  return {inputs_clipped_, config_.dac.bits > 0 ? a_.rows * a_.cols : 0, outputs_clipped_,
          config_.adc_bits > 0 ? samples : 0};
}

void SlicedProduct::run_block() {
  encode();
  prepare();
  if (pass_.unit_columns()) {
    units_ = Matrix<double>(rows_, pass_.columns - pass_.outputs);
    multiply_columns(pass_.outputs, pass_.columns);
  }
  multiply_columns(0, pass_.outputs);
}

void SlicedProduct::multiply_columns(std::int64_t begin, std::int64_t end) {
  const std::int64_t width = block_columns();
  parallel_for((end - begin + width - 1) / width, 1, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t b = first; b < last; ++b) {
      const std::int64_t col = begin + b * width;
      multiply(col, std::min(width, end - col));
    }
  });
}

/// Codes of the vectors at hand and sums of their inputs.
void SlicedProduct::encode() {
  codes_.resize(at(rows_ * a_.cols));
  input_sums_.assign(at(rows_ * pass_.inputs.tiles), 0.0);
  whole_sums_.assign(at(rows_), 0.0);
  parallel_for(rows_, 16, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> gathered(at(a_.col_stride == 1 ? 0 : a_.cols));
    for (std::int64_t i = begin; i < end; ++i) encode_vector(i, gathered);
  });
}

void SlicedProduct::encode_vector(std::int64_t vector, std::vector<float>& gathered) {
  const float* row = a_.data + (first_ + vector) * a_.row_stride;
  if (a_.col_stride != 1) {
    for (std::int64_t j = 0; j < a_.cols; ++j) gathered[at(j)] = a_(first_ + vector, j);
    row = gathered.data();
  }
  float* const codes = codes_.data() + vector * a_.cols;
  const std::int64_t clipped = encode_input(config_, pass_.scaled_inputs(), row, a_.cols,
                                            scales_[at(first_ + vector)], codes);
  if (clipped > 0) inputs_clipped_ += clipped;
  if (mapping_.differential()) return;
  const double full = pass_.scaled_inputs() ? config_.dac.full_code() : 1.0;
  double whole = 0;
  for (std::int64_t t = 0; t < pass_.inputs.tiles; ++t) {
    double sum = 0;
    for (std::int64_t j = 0; j < pass_.inputs.length(t); ++j) {
      sum += static_cast<double>(codes[pass_.inputs.begin(t) + j]);
    }
    input_sums_[at(vector * pass_.inputs.tiles + t)] = sum / full;
    whole += sum;
  }
  whole_sums_[at(vector)] = whole / full;
}

double SlicedProduct::read(double unit, double codes, std::int64_t tile, std::int64_t col,
                           int slice, std::int64_t vector) const {
  const double value = unit * codes;
  if (!pass_.cells->flipped(pass_.first_tile + tile, col, slice)) return value;
  return mapping_.slice_weight(slice) * mapping_.complement() *
             input_sums_[at(vector * pass_.inputs.tiles + tile)] -
         value;
}

void SlicedProduct::leave(std::int64_t vector, std::int64_t col, std::int64_t count,
                          const double* totals) {
  if (col >= pass_.outputs) {
    std::copy_n(totals, count, &units_(vector, col - pass_.outputs));
    return;
  }
  const double middle = mapping_.middle() * whole_sums_[at(vector)];
  const double full_scale = scales_[at(first_ + vector)];
  for (std::int64_t j = 0; j < count; ++j) {
    const double idle =
        pass_.unit_columns() ? units_(vector, pass_.output_tiles.tile_of(col + j)) : middle;
    c_(first_ + vector, col + j) =
        static_cast<float>((totals[j] - idle) * pass_.scale[at(col + j)] * full_scale);
  }
}

Saturation multiply_sliced(const ComposedPass& pass, const SlicedOperand& operand,
                           MatrixView<const float> a, MatrixView<float> c, Workspace& workspace) {
  return operand.way == SlicedWay::bytes ? multiply_bytes(pass, operand, a, c, workspace)
                                         : multiply_by_look_up(pass, operand, a, c, workspace);
}

}  // namespace jb::crossbar
