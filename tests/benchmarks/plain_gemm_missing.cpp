#include "backends/core/gemm.h"
#include "tests/benchmarks/plain_gemm.h"

namespace jb::bench {
namespace {

class OwnGemm final : public PlainGemm {
 public:
  OwnGemm(std::int64_t m, const Matrix<float>& b) : m_(m), b_(b.view()) {}
  void execute(const float* a, float* c) override {
    gemm<float>({a, m_, b_.rows(), b_.rows(), 1}, b_, {c, m_, b_.cols(), b_.cols(), 1});
  }

 private:
  std::int64_t m_;
  PackedMatrix<float> b_;
};

}  // namespace

std::unique_ptr<PlainGemm> make_plain_gemm(std::int64_t m, const Matrix<float>& b) {
  return std::make_unique<OwnGemm>(m, b);
}

std::string plain_gemm_name() { return "jb::gemm f32 (this build has no oneDNN)"; }

}  // namespace jb::bench
