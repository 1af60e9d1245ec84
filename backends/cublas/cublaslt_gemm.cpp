#include "backends/cublas/cublaslt_gemm.h"

#include <algorithm>
#include <array>

#include "backends/cublas/cublaslt_library.h"

namespace jb::cublas {
namespace {

// Allocations of the GPU begin at multiples of this; strides of a batch may spoil it.
constexpr std::int64_t kAlignment = 256;

struct Types {
  cudaDataType_t a;
  cudaDataType_t b;
  cudaDataType_t c;
  cublasComputeType_t compute;
  cudaDataType_t scale;
};

Types types_of(ElementType precision) {
  constexpr auto kSum = CUBLAS_COMPUTE_32F;
  switch (precision) {
    case ElementType::f32:
      return {CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, kSum, CUDA_R_32F};
    case ElementType::tf32:
      return {CUDA_R_32F, CUDA_R_32F, CUDA_R_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F};
    case ElementType::f16:
      return {CUDA_R_16F, CUDA_R_16F, CUDA_R_32F, kSum, CUDA_R_32F};
    case ElementType::bf16:
      return {CUDA_R_16BF, CUDA_R_16BF, CUDA_R_32F, kSum, CUDA_R_32F};
    case ElementType::f8e4m3:
      return {CUDA_R_8F_E4M3, CUDA_R_8F_E4M3, CUDA_R_32F, kSum, CUDA_R_32F};
    case ElementType::f8e5m2:
      return {CUDA_R_8F_E5M2, CUDA_R_8F_E4M3, CUDA_R_32F, kSum, CUDA_R_32F};
    case ElementType::s8:
      return {CUDA_R_8I, CUDA_R_8I, CUDA_R_32I, CUBLAS_COMPUTE_32I, CUDA_R_32I};
    default:
      fail_internal("cuBLASLt was asked for a product in {}", name_of(precision));
  }
}

// Largest power of two up to kAlignment that divides the stride's bytes; what a batch guarantees.
std::uint32_t alignment_of(std::int64_t batch, std::int64_t stride, int bytes) {
  std::int64_t alignment = kAlignment;
  if (batch > 1) {
    while (stride * bytes % alignment != 0) alignment /= 2;
  }
  return static_cast<std::uint32_t>(alignment);
}

cublasLtMatrixLayout_t make_layout(cudaDataType_t type, std::int64_t rows, std::int64_t cols,
                                   std::int64_t leading, std::int64_t batch, std::int64_t stride) {
  const CublasLt& lt = cublaslt();
  cublasLtMatrixLayout_t layout = nullptr;
  lt.check(lt.layout_create(&layout, type, static_cast<std::uint64_t>(rows),
                            static_cast<std::uint64_t>(cols), leading),
           "cublasLtMatrixLayoutCreate");
  if (batch == 1) return layout;
  const auto count = static_cast<std::int32_t>(batch);
  cublasStatus_t status =
      lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count));
  if (status == CUBLAS_STATUS_SUCCESS) {
    status =
        lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof(stride));
  }
  if (status != CUBLAS_STATUS_SUCCESS) lt.layout_destroy(layout);
  lt.check(status, "cublasLtMatrixLayoutSetAttribute");
  return layout;
}

// Limits of the heuristics' search, destroyed with their owner.
class Preference {
 public:
  Preference() {
    const CublasLt& lt = cublaslt();
    lt.check(lt.preference_create(&preference_), "cublasLtMatmulPreferenceCreate");
  }
  ~Preference() { cublaslt().preference_destroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  template <class T>
  void set(cublasLtMatmulPreferenceAttributes_t attribute, T value) {
    const CublasLt& lt = cublaslt();
    lt.check(lt.preference_set(preference_, attribute, &value, sizeof(value)),
             "cublasLtMatmulPreferenceSetAttribute");
  }
  [[nodiscard]] cublasLtMatmulPreference_t get() const noexcept { return preference_; }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

}  // namespace

CublasLtGemm::CublasLtGemm(cublasLtHandle_t handle, const GemmDescription& gemm,
                           std::size_t workspace_bytes)
    : gemm_(gemm) {
  try {
    describe();
    choose(handle, workspace_bytes);
  } catch (...) {
    release();
    throw;
  }
}

CublasLtGemm::~CublasLtGemm() { release(); }

void CublasLtGemm::release() noexcept {
  const CublasLt& lt = cublaslt();
  if (out_ != nullptr) lt.layout_destroy(out_);
  if (right_ != nullptr) lt.layout_destroy(right_);
  if (left_ != nullptr) lt.layout_destroy(left_);
  if (desc_ != nullptr) lt.desc_destroy(desc_);
}

// cuBLAS is column-major: a row-major matrix is its transpose there, so it computes C^T = B^T A^T.
// Its A is our B: an n x k matrix as stored, or its transpose when we store B as n x k.
void CublasLtGemm::describe() {
  const CublasLt& lt = cublaslt();
  const Types types = types_of(gemm_.precision);
  const GemmShape& s = gemm_.shape;
  lt.check(lt.desc_create(&desc_, types.compute, types.scale), "cublasLtMatmulDescCreate");
  const cublasOperation_t of_left = gemm_.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
  const cublasOperation_t of_right = CUBLAS_OP_N;
  lt.check(lt.desc_set(desc_, CUBLASLT_MATMUL_DESC_TRANSA, &of_left, sizeof(of_left)),
           "cublasLtMatmulDescSetAttribute(TRANSA)");
  lt.check(lt.desc_set(desc_, CUBLASLT_MATMUL_DESC_TRANSB, &of_right, sizeof(of_right)),
           "cublasLtMatmulDescSetAttribute(TRANSB)");
  left_ = make_layout(types.b, gemm_.b_transposed ? s.k : s.n, gemm_.b_transposed ? s.n : s.k,
                      gemm_.b_leading, gemm_.batch, gemm_.b_stride);
  right_ = make_layout(types.a, s.k, s.m, gemm_.a_leading, gemm_.batch, gemm_.a_stride);
  out_ = make_layout(types.c, s.n, s.m, gemm_.c_leading, gemm_.batch, gemm_.c_stride);
}

void CublasLtGemm::choose(cublasLtHandle_t handle, std::size_t workspace_bytes) {
  const CublasLt& lt = cublaslt();
  Preference preference;
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  // Reductions in place add in the order in which blocks happen to end; the others do not.
  preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                 static_cast<std::uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE |
                                            CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE));
  const int bytes = bytes_of(gemm_.precision);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                 alignment_of(gemm_.batch, gemm_.b_stride, bytes));
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                 alignment_of(gemm_.batch, gemm_.a_stride, bytes));
  const std::uint32_t out = alignment_of(gemm_.batch, gemm_.c_stride, bytes_of(ElementType::f32));
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, out);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, out);

  constexpr int kWanted = 4;
  std::array<cublasLtMatmulHeuristicResult_t, kWanted> found{};
  int count = 0;
  lt.check(lt.heuristic(handle, desc_, left_, right_, out_, out_, preference.get(), kWanted,
                        found.data(), &count),
           "cublasLtMatmulAlgoGetHeuristic");
  for (int i = 0; i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& result = found[static_cast<std::size_t>(i)];
    if (result.state != CUBLAS_STATUS_SUCCESS) continue;
    algo_ = result.algo;
    return;
  }
  fail_internal("cublasLtMatmulAlgoGetHeuristic found no algorithm for {} (m x n x k) in {}",
                to_string(gemm_.shape), name_of(gemm_.precision));
}

std::string CublasLtGemm::algorithm() const {
  const CublasLt& lt = cublaslt();
  const auto attribute = [&](cublasLtMatmulAlgoConfigAttributes_t name) {
    std::int32_t value = 0;
    std::size_t written = 0;
    lt.check(lt.algo_get(&algo_, name, &value, sizeof(value), &written),
             "cublasLtMatmulAlgoConfigGetAttribute");
    return value;
  };
  return fmt::format("algo{}/tile{}/stages{}/splitk{}", attribute(CUBLASLT_ALGO_CONFIG_ID),
                     attribute(CUBLASLT_ALGO_CONFIG_TILE_ID),
                     attribute(CUBLASLT_ALGO_CONFIG_STAGES_ID),
                     attribute(CUBLASLT_ALGO_CONFIG_SPLITK_NUM));
}

void CublasLtGemm::run(cublasLtHandle_t handle, const void* a, const void* b, void* c,
                       void* workspace, std::size_t workspace_bytes, cudaStream_t stream) const {
  const CublasLt& lt = cublaslt();
  constexpr float kOneF32 = 1;
  constexpr float kZeroF32 = 0;
  constexpr std::int32_t kOneS32 = 1;
  constexpr std::int32_t kZeroS32 = 0;
  const bool integer = gemm_.precision == ElementType::s8;
  const void* alpha = integer ? static_cast<const void*>(&kOneS32) : &kOneF32;
  const void* beta = integer ? static_cast<const void*>(&kZeroS32) : &kZeroF32;
  lt.check(lt.matmul(handle, desc_, alpha, b, left_, a, right_, beta, c, out_, c, out_, &algo_,
                     workspace, workspace_bytes, stream),
           "cublasLtMatmul");
}

}  // namespace jb::cublas
