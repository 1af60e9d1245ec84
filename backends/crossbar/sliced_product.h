#pragma once
// The fast way through composed products for common devices, on AVX-512: planes of one bit on noisy
// cells by look-up tables, quantised ideal cells in bytes (sliced_kernel.inc). The same results as
// composed_product.h: bit for bit with bytes, to float32 sums with look-ups.

#include "backends/crossbar/composed_product.h"
#include "backends/crossbar/sliced_operand.h"

namespace jb::crossbar {

/// C = A B; on entry the workspace's full scales are the largest magnitudes in the rows of A.
Saturation multiply_sliced(const ComposedPass& pass, const SlicedOperand& operand,
                           MatrixView<const float> a, MatrixView<float> c, Workspace& workspace);

}  // namespace jb::crossbar
