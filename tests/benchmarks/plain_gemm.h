#pragma once
// The product that all others are held against: f32 with B packed beforehand.

#include <memory>
#include <string>

#include "backends/core/matrix.h"

namespace jb::bench {

class PlainGemm {
 public:
  virtual ~PlainGemm() = default;
  /// C (m x n) = A (m x k) B; row-major and contiguous.
  virtual void execute(const float* a, float* c) = 0;
};

/// A bare oneDNN matmul with its weights in the layout it asks for, all arguments prepared; where
/// this build has no oneDNN, the simulators' own product routine stands in (plain_gemm_name tells).
std::unique_ptr<PlainGemm> make_plain_gemm(std::int64_t m, const Matrix<float>& b);
std::string plain_gemm_name();

}  // namespace jb::bench
