#pragma once
// C = A B through oneDNN's matmul or inner product, with B packed once into the layout that oneDNN
// asks for.

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "backends/core/function_ref.h"
#include "backends/onednn/onednn_compat.h"

namespace jb::onednn {

/// Number formats of one product, and the primitive that computes it.
struct ProductKind {
  dnnl::memory::data_type src = dnnl::memory::data_type::f32;
  dnnl::memory::data_type weights = dnnl::memory::data_type::f32;
  dnnl::memory::data_type dst = dnnl::memory::data_type::f32;
  bool inner_product = false;  ///< else matmul
};

/// Runs `body`, turning oneDNN's exceptions into the project's.
void guarded(const char* what, FunctionRef<void()> body);

/// One packed operand B (k x n, both at least 1) and the primitives that multiply with it, one for
/// each number of rows of A, the most recently used kept. Errors of oneDNN become jb::Error.
class PackedProduct {
 public:
  /// Packs `b`, row-major and contiguous elements of type `given`, converting; the layout is the
  /// one that oneDNN prefers for `expected_rows` (at least 1) rows. Usage error when oneDNN has no
  /// such product here.
  PackedProduct(const ProductKind& kind, std::int64_t k, std::int64_t n, const void* b,
                dnnl::memory::data_type given, std::int64_t expected_rows);

  /// C (rows x n) = A (rows x k) B; both row-major and contiguous, rows at least 1, elements of the
  /// kind's src and dst. Allocates only when `rows` was not used before, or long ago.
  void execute(const void* a, void* c, std::int64_t rows);

  /// oneDNN's name of the implementation for that many rows.
  const std::string& implementation(std::int64_t rows);

  /// B in row-major order as f32, unpacked into k n elements.
  void unpack(float* b) const;

  /// rows x k contiguous f32 elements converted to the kind's src.
  void convert_inputs(const float* from, void* to, std::int64_t rows);

  [[nodiscard]] std::int64_t rows() const noexcept { return k_; }
  [[nodiscard]] std::int64_t cols() const noexcept { return n_; }
  [[nodiscard]] const ProductKind& kind() const noexcept { return kind_; }

 private:
  struct Kernel {
    std::int64_t rows = 0;
    dnnl::primitive primitive;
    dnnl::memory src;
    dnnl::memory dst;
    dnnl::memory weights;
    std::string implementation;
    dnnl::reorder convert;  ///< empty until wanted
    dnnl::memory f32_src;
  };
  struct Description {
    dnnl::primitive primitive;
    dnnl::memory::desc weights;
    std::string implementation;
  };

  [[nodiscard]] dnnl::memory::desc weights_desc(dnnl::memory::data_type type) const;
  [[nodiscard]] dnnl::memory::desc any_weights() const;
  [[nodiscard]] Description describe(std::int64_t rows, const dnnl::memory::desc& weights) const;
  Kernel& kernel_for(std::int64_t rows);
  Kernel make_kernel(std::int64_t rows);
  dnnl::memory packed_as(const dnnl::memory::desc& layout);

  ProductKind kind_;
  std::int64_t k_ = 0;
  std::int64_t n_ = 0;
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory source_;               ///< what other layouts are made from
  std::vector<dnnl::memory> packed_;  ///< B in each layout met so far
  std::list<Kernel> kernels_;         ///< most recently used first
};

/// Threads-independent check that oneDNN works at all; the reason when it does not.
std::string why_unusable();

}  // namespace jb::onednn
