#pragma once
// Activations as the modulators of a machine of tiles send them.
//
// Fields (mzi_mesh, wdm_coherent) carry signs: codes |q| <= 2^(b-1) - 1. Intensities (wdm_mrr) do
// not: codes 0 .. 2^b - 1. A row without negative elements is sent as it is; a signed row as
// positive and negative part in two passes, or as (x + 1) / 2.

#include <cstdint>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/photonic/tiled/parameters.h"

namespace jb::photonic {

enum class InputPart : std::uint8_t {
  whole,     ///< all of a signed field, or of a row of intensities that needs no second pass
  negative,  ///< the second pass of two_pass: -x where x is negative
};

/// What one pass sends, and how to read it. Rows that a pass leaves out send zeros.
template <class T>
struct SentInputs {
  MatrixView<const T> fields;     ///< m x k
  Matrix<T> storage;              ///< holds them when they are not A itself
  std::vector<double> per_field;  ///< m: field 1 relative to full scale; 0 for a dark row
  Matrix<double> light;           ///< slot tiles x m: sum of fields (intensities) or their squares
  Matrix<double> squares;         ///< slot tiles x m: sum of squares; empty for fields
};

/// How the rows of A are sent; the same for every pass.
struct RowScales {
  std::vector<double> full_scale;  ///< m: value of a full-scale field in A's unit
  std::vector<char> is_signed;     ///< m: row has a negative element
  std::int64_t signed_rows = 0;
  bool clips = false;  ///< some |a| lies above a fixed full scale
};
/// `full_scale`: of all rows; 0: each row's largest element.
RowScales scale_rows(const ConstMatrixRef& a, double full_scale);

/// `gains`: of the modulators, lanes x slots; empty: all 1. Row i goes through lane
/// (first_row + i) % lanes.
template <class T>
SentInputs<T> send_inputs(const ConstMatrixRef& a, const RowScales& scales,
                          const TiledParameters& p, InputPart part, std::int64_t first_row,
                          const Matrix<double>& gains);

}  // namespace jb::photonic
