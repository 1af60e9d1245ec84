#include "backends/onednn/packed_matmul.h"

#include <array>

namespace jb::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
constexpr auto kF32 = dnnl::memory::data_type::f32;

// A run uses few batch sizes (a full one and the last, shorter one); a handful covers sweeps.
constexpr std::size_t kMostKernels = 8;
// Layouts that differ between numbers of rows; beyond this all further rows share the first layout.
constexpr std::size_t kMostLayouts = 3;

// Runs `body`, turning oneDNN's exceptions into the project's.
template <class F>
auto guarded(const char* what, F&& body) {
  try {
    return body();
  } catch (const dnnl::error& e) {
    fail_internal("oneDNN {} failed: {} (status {})", what, e.message, static_cast<int>(e.status));
  }
}

dnnl::memory::desc plain(std::int64_t rows, std::int64_t cols) {
  return {{rows, cols}, kF32, Tag::ab};
}

}  // namespace

PackedMatmul::PackedMatmul(MatrixView<const float> b, std::int64_t expected_rows)
    : k_(b.rows), n_(b.cols) {
  guarded("packing of the weights", [&] {
    engine_ = dnnl::engine(dnnl::engine::kind::cpu, 0);
    stream_ = dnnl::stream(engine_);
    Matrix<float> copy;
    const float* source = b.data;
    if (b.col_stride != 1 || b.row_stride != b.cols) {
      copy = copy_as<float>(ConstMatrixRef(b));
      source = copy.data();
    }
    const auto pd = make_matmul_pd(engine_, plain(expected_rows, k_), {{k_, n_}, kF32, Tag::any},
                                   plain(expected_rows, n_), false);
    // oneDNN reads through this handle only; its interface has no const.
    dnnl::memory unpacked(plain(k_, n_), engine_, const_cast<float*>(source));
    dnnl::memory packed(pd.weights_desc(), engine_);
    dnnl::reorder(unpacked, packed).execute(stream_, unpacked, packed);
    stream_.wait();
    packed_.push_back(packed);
  });
}

dnnl::memory PackedMatmul::packed_as(const dnnl::memory::desc& layout) {
  for (const dnnl::memory& packed : packed_) {
    if (packed.get_desc() == layout) return packed;
  }
  dnnl::memory packed(layout, engine_);
  dnnl::reorder(packed_.front(), packed).execute(stream_, packed_.front(), packed);
  stream_.wait();
  packed_.push_back(packed);
  return packed;
}

PackedMatmul::Kernel PackedMatmul::make_kernel(std::int64_t rows) {
  const auto src = plain(rows, k_);
  const auto dst = plain(rows, n_);
  auto pd = make_matmul_pd(engine_, src, {{k_, n_}, kF32, Tag::any}, dst, false);
  const dnnl::memory::desc wanted = pd.weights_desc();
  if (wanted != packed_.front().get_desc() && packed_.size() >= kMostLayouts) {
    pd = make_matmul_pd(engine_, src, packed_.front().get_desc(), dst, false);
  }
  Kernel kernel;
  kernel.rows = rows;
  kernel.weights = packed_as(pd.weights_desc());
  kernel.src = dnnl::memory(src, engine_, DNNL_MEMORY_NONE);
  kernel.dst = dnnl::memory(dst, engine_, DNNL_MEMORY_NONE);
  kernel.implementation = impl_name(pd);
  kernel.primitive = dnnl::matmul(pd);
  return kernel;
}

PackedMatmul::Kernel& PackedMatmul::kernel_for(std::int64_t rows) {
  for (auto it = kernels_.begin(); it != kernels_.end(); ++it) {
    if (it->rows != rows) continue;
    if (it != kernels_.begin()) kernels_.splice(kernels_.begin(), kernels_, it);
    return kernels_.front();
  }
  kernels_.push_front(guarded("preparation of a matmul", [&] { return make_kernel(rows); }));
  if (kernels_.size() > kMostKernels) kernels_.pop_back();
  return kernels_.front();
}

void PackedMatmul::execute(const float* a, float* c, std::int64_t rows) {
  Kernel& kernel = kernel_for(rows);
  guarded("matmul", [&] {
    kernel.src.set_data_handle(const_cast<float*>(a));
    kernel.dst.set_data_handle(c);
    // The C interface takes the arguments as an array; the C++ one would build a map per call.
    const std::array<dnnl_exec_arg_t, 3> arguments = {{{DNNL_ARG_SRC, kernel.src.get()},
                                                       {DNNL_ARG_WEIGHTS, kernel.weights.get()},
                                                       {DNNL_ARG_DST, kernel.dst.get()}}};
    dnnl::error::wrap_c_api(
        dnnl_primitive_execute(kernel.primitive.get(), stream_.get(),
                               static_cast<int>(arguments.size()), arguments.data()),
        "could not execute");
    stream_.wait();
  });
}

const std::string& PackedMatmul::implementation(std::int64_t rows) {
  return kernel_for(rows).implementation;
}

Matrix<float> PackedMatmul::unpack() const {
  Matrix<float> b(k_, n_);
  guarded("unpacking of the weights", [&] {
    dnnl::memory unpacked(plain(k_, n_), engine_, b.data());
    dnnl::memory packed = packed_.front();
    dnnl::stream stream(engine_);
    dnnl::reorder(packed, unpacked).execute(stream, packed, unpacked);
    stream.wait();
  });
  return b;
}

std::string why_unusable() {
  try {
    const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
    return {};
  } catch (const dnnl::error& e) {
    return std::string("oneDNN cannot make a CPU engine: ") + e.message;
  }
}

}  // namespace jb::onednn
