#pragma once
// Dense inverse that exists once per instruction set; wire_solver.cpp chooses at run time.

#include <cstdint>

namespace jb::crossbar::kernels {

/// Inverts an n x n positive definite matrix in place (rows `stride` apart), without pivoting.
using Invert = void (*)(double* a, std::int64_t n, std::int64_t stride);

namespace baseline {
extern const Invert kInvert;
}
namespace avx2 {
extern const Invert kInvert;
}
namespace avx512 {
extern const Invert kInvert;
}

}  // namespace jb::crossbar::kernels
