#pragma once
// The shape of a product, always in the order m, n, k:
//   C[m x n] = A[m x k] * B[k x n],  A = activations (a row per sample), B = stationary operand.

#include <cstdint>
#include <string>

namespace jb {

struct GemmShape {
  std::int64_t m = 0;
  std::int64_t n = 0;
  std::int64_t k = 0;

  /// Logical multiply-accumulates, m n k. A double: estimates go far beyond 64-bit integers.
  [[nodiscard]] double macs() const noexcept {
    return static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  }
  bool operator==(const GemmShape&) const = default;
};

/// What happens to B between products.
enum class OperandMode : std::uint8_t {
  stationary,  ///< B is kept: programmed or loaded once (setup), then used by every execute
  dynamic,     ///< B changes with each product: its loading is counted in every execute
};

/// Refuses (ErrorCode::usage) sizes below one and sizes whose operands would overflow memory
/// arithmetic (any of m k, k n, m n above 2^46 elements). `where` starts the sentence.
void check_computable(const GemmShape& shape, const std::string& where);

/// "m x n x k" for messages.
std::string to_string(const GemmShape& shape);

}  // namespace jb
