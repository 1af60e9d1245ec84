#pragma once
// What the modulators send: operands as field amplitudes (DAC codes, or the values themselves), the
// light that this takes, and how a code translates back to the operand's unit.
//
// A DAC of b bits sends integer codes |q| <= 2^(b-1) - 1, q = round(x / max|x| * q_max), with
// the maximum of the row of A (per_vector), of the batch (per_batch), the given full scale
// (fixed_scale), or of the whole of B. Levels are uniform in field: the drive is taken to be
// predistorted. A modulator of finite extinction adds a floor in quadrature to every symbol: light
// that n_mac counts and that carries nothing.

#include <cstdint>
#include <vector>

#include "backends/core/gemm.h"
#include "backends/core/matrix.h"
#include "backends/core/operand_statistics.h"
#include "backends/core/row_source.h"
#include "backends/photonic/parameters.h"

namespace jb::photonic {

/// The inner dimension cut into readouts: piece c covers [c * length, min(k, (c + 1) * length)).
struct Pieces {
  std::int64_t k = 0;
  std::int64_t length = 0;  ///< at least 1
  std::int64_t count = 0;   ///< 0 when k is 0
  [[nodiscard]] std::int64_t begin(std::int64_t c) const noexcept { return c * length; }
  [[nodiscard]] std::int64_t size(std::int64_t c) const noexcept {
    return (c + 1) * length < k ? length : k - c * length;
  }
};
Pieces cut_into(std::int64_t k, std::int64_t length) noexcept;

/// What products of fields are formed in: bytes and f32 where every partial sum of codes is exact
/// there, else f64; the host's type where there are no codes.
enum class FieldType : std::uint8_t { bytes, f32, f64 };
inline constexpr int kFieldTypes = 3;
FieldType field_type(const HomodyneParameters& p, std::int64_t slots, bool host_f32) noexcept;

/// A as sent. T is the type that products are formed in.
template <class T>
struct ActivationFields {
  MatrixView<const T> fields;  ///< m x k: codes, or A itself
  std::vector<double> unit;    ///< m: value of field 1 in A's unit; 0 for a row without light
  std::vector<double> full;    ///< m: largest field of the row's modulator
  std::vector<double> alpha;   ///< m: sqrt(photons per slot) of field 1
  std::vector<double> energy;  ///< pieces x m: sum of fields^2 over the piece, floors included
  std::vector<double> sum;     ///< pieces x m: sum of fields
  Matrix<T> storage;           ///< holds the fields when they are not A itself
};

/// `a` must be finite; `batch_max` is its largest magnitude, which only normalisations over a batch
/// look at.
template <class T>
ActivationFields<T> send_activations(const DrivenSide& a, double batch_max,
                                     const HomodyneParameters& p, const Pieces& pieces);

/// How the weight lanes alter what they carry: own factor, and fields that leak in from the lanes
/// left and right of it. Empty `left` and `right` without crosstalk, all empty without errors.
struct LaneCoupling {
  std::vector<double> own;
  std::vector<double> left;
  std::vector<double> right;
};

/// B as sent in one direction.
struct WeightFields {
  double unit = 0;             ///< value of field 1 in B's unit; 0: no light
  double full = 0;             ///< largest field of the modulators
  double beta = 0;             ///< sqrt(photons per slot) of field 1
  std::vector<double> energy;  ///< pieces x n: sum of fields^2 as the lanes carry them, with floors
  std::vector<double> sum;     ///< pieces x n: sum of fields as the lanes carry them
  std::vector<PackedMatrix<std::int8_t>> packed_bytes;  ///< a matrix per piece, in one of the types
  std::vector<PackedMatrix<float>> packed_f32;
  std::vector<PackedMatrix<double>> packed_f64;
};

/// `b` (k x n, finite) is what the direction of use multiplies by.
WeightFields send_weights(MatrixView<const double> b, const OperandMoments& moments,
                          const HomodyneParameters& p, const Pieces& pieces, FieldType type,
                          const LaneCoupling& lanes);

}  // namespace jb::photonic
