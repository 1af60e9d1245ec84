#pragma once
// Functions of float32 numbers that exist once per instruction set; unary.cpp chooses at run time.
// Internal to backends/host.

#include <cstdint>

namespace jb::host::kernels {

/// y = f(x), element by element; x and y may be the same.
using FunctionOfFloats = void (*)(const float* x, float* y, std::int64_t n);

/// Results are those of plain arithmetic without contraction: the same on every instruction set,
/// wherever an element stands. Errors against the functions themselves are within 4 ulp.
struct FunctionKernel {
  FunctionOfFloats exp, tanh, sigmoid, erf, gelu, gelu_tanh, silu;
  /// y = exp(x - shift); returns the sum of y.
  double (*exp_shifted)(const float* x, float* y, std::int64_t n, float shift);
  /// Sum and sum of squares about `about` of all x, sixteen running sums each.
  void (*moments)(const float* x, std::int64_t n, double about, double* sum, double* square);
};

namespace baseline {
extern const FunctionKernel kFunctions;
}
namespace avx2 {
extern const FunctionKernel kFunctions;
}
namespace avx512 {
extern const FunctionKernel kFunctions;
}

const FunctionKernel& functions();

}  // namespace jb::host::kernels
