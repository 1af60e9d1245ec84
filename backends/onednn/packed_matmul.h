#pragma once
// C = A B in f32 through oneDNN's matmul with B packed once into the layout that oneDNN asks for.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/onednn/onednn_compat.h"

namespace jb::onednn {

/// One packed operand B (k x n, both at least 1) and the primitives that multiply with it, one for
/// each number of rows of A, the most recently used kept. Errors of oneDNN become jb::Error.
class PackedMatmul {
 public:
  /// Packs `b`; the layout is the one that oneDNN prefers for `expected_rows` (at least 1) rows.
  PackedMatmul(MatrixView<const float> b, std::int64_t expected_rows);

  /// C (rows x n) = A (rows x k) B; both row-major and contiguous, rows at least 1. Allocates only
  /// when `rows` was not used before, or long ago.
  void execute(const float* a, float* c, std::int64_t rows);

  /// oneDNN's name of the implementation for that many rows.
  const std::string& implementation(std::int64_t rows);

  /// B in row-major order, unpacked.
  [[nodiscard]] Matrix<float> unpack() const;

  [[nodiscard]] std::int64_t rows() const noexcept { return k_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return n_; }

 private:
  struct Kernel {
    std::int64_t rows = 0;
    dnnl::matmul primitive;
    dnnl::memory src;
    dnnl::memory dst;
    dnnl::memory weights;
    std::string implementation;
  };

  Kernel& kernel_for(std::int64_t rows);
  Kernel make_kernel(std::int64_t rows);
  dnnl::memory packed_as(const dnnl::memory::desc& layout);

  std::int64_t k_ = 0;
  std::int64_t n_ = 0;
  dnnl::engine engine_;
  dnnl::stream stream_;
  std::vector<dnnl::memory> packed_;  ///< B in each layout met so far; the first is the source
  std::list<Kernel> kernels_;         ///< most recently used first
};

/// Threads-independent check that oneDNN works at all; the reason when it does not.
std::string why_unusable();

}  // namespace jb::onednn
