#include <array>

#include "backends/onednn/onednn_compat.h"
#include "tests/benchmarks/plain_gemm.h"

namespace jb::bench {
namespace {

using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

class RawMatmul final : public PlainGemm {
 public:
  RawMatmul(std::int64_t m, const Matrix<float>& b) : engine_(dnnl::engine::kind::cpu, 0) {
    stream_ = dnnl::stream(engine_);
    const dnnl::memory::desc src({m, b.rows()}, kF32, Tag::ab);
    const dnnl::memory::desc any({b.rows(), b.cols()}, kF32, Tag::any);
    const dnnl::memory::desc dst({m, b.cols()}, kF32, Tag::ab);
    const auto pd = onednn::make_matmul_pd(engine_, src, any, dst, false);
    weights_ = dnnl::memory(pd.weights_desc(), engine_);
    // oneDNN reads through this handle only; its interface has no const.
    dnnl::memory given({{b.rows(), b.cols()}, kF32, Tag::ab}, engine_,
                       const_cast<float*>(b.data()));
    dnnl::reorder(given, weights_).execute(stream_, given, weights_);
    stream_.wait();
    src_ = dnnl::memory(src, engine_, DNNL_MEMORY_NONE);
    dst_ = dnnl::memory(dst, engine_, DNNL_MEMORY_NONE);
    primitive_ = dnnl::matmul(pd);
    arguments_ = {{{DNNL_ARG_SRC, src_.get()},
                   {DNNL_ARG_WEIGHTS, weights_.get()},
                   {DNNL_ARG_DST, dst_.get()}}};
  }

  void execute(const float* a, float* c) override {
    src_.set_data_handle(const_cast<float*>(a));
    dst_.set_data_handle(c);
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(primitive_.get(), stream_.get(), static_cast<int>(arguments_.size()),
                               arguments_.data()),
        "could not execute");
    stream_.wait();
  }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  dnnl::memory src_;
  dnnl::memory dst_;
  dnnl::memory weights_;
  dnnl::matmul primitive_;
  std::array<dnnl_exec_arg_t, 3> arguments_{};
};

}  // namespace

std::unique_ptr<PlainGemm> make_plain_gemm(std::int64_t m, const Matrix<float>& b) {
  return std::make_unique<RawMatmul>(m, b);
}

std::string plain_gemm_name() { return "oneDNN " + onednn::library_version() + " f32"; }

}  // namespace jb::bench
