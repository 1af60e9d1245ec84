#pragma once
// Fidelity of a product against a float64 reference.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "backends/core/function_ref.h"
#include "backends/core/json_file.h"
#include "backends/core/matrix.h"
#include "backends/core/shape.h"

namespace jb::harness {

/// Largest product verified element by element; beyond it a seeded sample of rows is.
inline constexpr double kFullVerificationMacs = 8589934592.0;  // 2^33

/// Rows of C to verify, ascending: all of them, or one seeded row in each of as many equal strata
/// as `budget_macs` allows (at least one).
std::vector<std::int64_t> rows_to_verify(const GemmShape& shape, double budget_macs,
                                         std::uint64_t seed);

/// Sums over the verified elements; float64, in a fixed order.
struct Fidelity {
  double error_squares = 0;      ///< sum of (C - R)^2
  double reference_squares = 0;  ///< sum of R^2
  double max_abs_error = 0;      ///< max |C - R|
  double bound_squares = 0;      ///< sum over products of ||A||_F^2 ||B||_F^2 (verified rows of A)
  std::int64_t rows_verified = 0;
  std::int64_t rows = 0;
  bool finite = true;  ///< false when an element of C is NaN or infinite

  /// ||C - R||_F / ||R||_F; nothing when R is zero and C is not.
  [[nodiscard]] std::optional<double> relative_error() const;
  /// 10 log10(||R||^2 / ||C - R||^2); nothing when C is exact or R is zero.
  [[nodiscard]] std::optional<double> sqnr_dB() const;
};

/// Writes the given rows of A, converted to float64, into `out` (rows.size() x k).
using RowGather = FunctionRef<void(std::span<const std::int64_t> rows, MatrixView<double> out)>;

/// Adds the product C = A B to `fidelity`: the reference is jb::gemm<double> over float64 copies.
void verify_product(Fidelity& fidelity, const GemmShape& shape, RowGather gather_a,
                    const ConstMatrixRef& b, const ConstMatrixRef& c,
                    std::span<const std::int64_t> rows);

/// Adds already computed elements: `got` against `reference`, of the same size.
void verify_elements(Fidelity& fidelity, MatrixView<const double> reference,
                     const ConstMatrixRef& got);

/// Rounding of the arithmetic that computed C.
struct Rounding {
  double input = 0;       ///< unit roundoff of the operands' format (0: exact)
  double accumulate = 0;  ///< unit roundoff of products and sums
  double output = 0;      ///< unit roundoff of C's elements
};
/// Rounding of a digital machine that computes in `precision`, with host tensors of type `host`;
/// nothing for formats whose error depends on the scales chosen (integers).
std::optional<Rounding> rounding_of(ElementType precision, ElementType host);

/// Bound of ||C - R||_F over ||A||_F ||B||_F: |fl(A B) - A B| <= gamma_k |A| |B| element by element
/// (Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed., eq. 3.13, any order of sums),
/// and || |A| |B| ||_F <= ||A||_F ||B||_F; operands and result add their own rounding.
double relative_error_bound(const Rounding& rounding, std::int64_t k);

/// The record's `verification` object.
Json verification_json(const Fidelity& fidelity, std::optional<double> error_bound);

}  // namespace jb::harness
