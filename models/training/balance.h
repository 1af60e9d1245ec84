#pragma once
// Scaling of the products of training by powers of two, so that converters and light are spent on
// what a gradient holds.
//
// Gradients of a batch have a huge peak-to-average ratio: most samples are classified well and
// contribute next to nothing, few contribute almost all. A converter that spans the largest leaves
// no level for the rest. In the weight gradient G = X^T D (X: m x p activations, D: m x q output
// gradients, m samples) three sets of factors are free, because they cancel or are undone
// digitally:
//   sample s    X_s 2^t_s and D_s 2^-t_s; t_s = log2 sqrt(||D_s|| / ||X_s||), to the next integer.
//               Shot noise of a homodyne array goes as ||X|| ||D|| (R. Hamerly et al., PRX 9,
//               021032 (2019), Eq. (3) for products of matrices), which is smallest over all such
//               scalings for this one: sum_s ||X_s|| ||D_s|| by the Cauchy-Schwarz inequality.
//   row i of G  the largest |x| of a row of X^T goes to [1/2, 1)
//   column j    the largest |d| of a column of D goes to [1/2, 1)
// Factors are powers of two: an addition of exponents in a digital unit, and exact in floating
// point, so that machines without noise give the same gradient with and without.
//
// Signs are free as well: of every second element of the inner dimension, changed in both operands,
// and of every second column of B, changed back in the result. They matter to a homodyne array,
// whose modulators' floors add (floor of one beam) x (sum of the other beam's fields) to a product
// wherever there is a phase between the beams (backends/photonic/readout.h). Activations behind
// ReLU are of one sign and their sum grows with k; with alternating signs it is no larger than that
// of a noise; and a weight gradient, whose operands are both sent anew, takes the other signs at
// every second step, so that what is left of it pulls two steps opposite ways. To change a sign is
// to change a bit of the DAC's code: nothing to pay.

#include <cstdint>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/energy/periphery.h"

namespace jb::models {

/// The operands of G = X^T D as a machine gets them, and what undoes the scaling.
struct BalancedProduct {
  Matrix<float> a;                ///< p x m: X^T, scaled
  Matrix<float> b;                ///< m x q: D, scaled
  std::vector<float> row_factor;  ///< of G, per row and per column
  std::vector<float> col_factor;
};
/// Which samples change their sign.
enum class SampleSigns : std::uint8_t { kept, odd_changed, even_changed };

/// With `scaled` false all factors are 1: a copy for machines whose numbers have exponents. With
/// `signs` every second sample changes sign in both operands.
BalancedProduct balance(MatrixView<const float> x, MatrixView<const float> d, bool scaled,
                        SampleSigns signs = SampleSigns::kept);
/// Changes the sign of every second column, from the second on.
void alternate_columns(MatrixView<float> x);
/// G(i, j) = product(i, j) row_factor(i) col_factor(j), in place.
void undo_balance(const BalancedProduct& product, MatrixView<float> g);
PeripheryWork balance_work(double samples, double p, double q) noexcept;

/// Scales every row so that its largest |x| lies in [1/2, 1); returns the factors that undo it.
std::vector<float> scale_rows(MatrixView<float> x);
void multiply_rows(MatrixView<float> x, const std::vector<float>& factors);
/// Of scaling `rows` rows of `inputs` elements and undoing it on `outputs` elements a row.
PeripheryWork row_scaling_work(double rows, double inputs, double outputs) noexcept;

}  // namespace jb::models
