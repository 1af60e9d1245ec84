#pragma once
// A product prepared with cuBLASLt: descriptors, and the algorithm that its heuristics choose.

#include <cublasLt.h>

#include <memory>
#include <string>

#include "backends/cublas/gpu_api.h"

namespace jb::cublas {

class CublasLtGemm final : public PreparedGemm {
 public:
  /// Asks the heuristics; `workspace_bytes` is what run() gives at most.
  CublasLtGemm(cublasLtHandle_t handle, const GemmDescription& gemm, std::size_t workspace_bytes);
  ~CublasLtGemm() override;
  CublasLtGemm(const CublasLtGemm&) = delete;
  CublasLtGemm& operator=(const CublasLtGemm&) = delete;

  [[nodiscard]] const GemmDescription& description() const override { return gemm_; }
  [[nodiscard]] std::string algorithm() const override;

  /// Enqueues C = A B.
  void run(cublasLtHandle_t handle, const void* a, const void* b, void* c, void* workspace,
           std::size_t workspace_bytes, cudaStream_t stream) const;

 private:
  void describe();
  void choose(cublasLtHandle_t handle, std::size_t workspace_bytes);
  void release() noexcept;

  GemmDescription gemm_;
  cublasLtMatmulDesc_t desc_ = nullptr;
  cublasLtMatrixLayout_t left_ = nullptr;   // cuBLAS's A: our B
  cublasLtMatrixLayout_t right_ = nullptr;  // cuBLAS's B: our A
  cublasLtMatrixLayout_t out_ = nullptr;
  cublasLtMatmulAlgo_t algo_{};
};

}  // namespace jb::cublas
