#include "backends/onednn/packed_product.h"

#include <array>

#include "backends/core/error.h"

namespace jb::onednn {
namespace {

using Tag = dnnl::memory::format_tag;
using Type = dnnl::memory::data_type;

// A run uses few batch sizes (a full one and the last, shorter one); a handful covers sweeps.
constexpr std::size_t kMostKernels = 8;
// Layouts that differ between numbers of rows; beyond this all further rows share the first layout.
constexpr std::size_t kMostLayouts = 3;

dnnl::memory::desc plain(std::int64_t rows, std::int64_t cols, Type type) {
  return {{rows, cols}, type, Tag::ab};
}

const char* name_of(Type type) {
  switch (type) {
    case Type::bf16:
      return "bf16";
    case Type::f16:
      return "f16";
    case Type::s8:
      return "s8";
    case Type::u8:
      return "u8";
    default:
      return "f32";
  }
}

}  // namespace

void guarded(const char* what, FunctionRef<void()> body) {
  try {
    body();
  } catch (const dnnl::error& e) {
    fail_internal("oneDNN {} failed: {} (status {})", what, e.message, static_cast<int>(e.status));
  }
}

dnnl::memory::desc PackedProduct::weights_desc(Type type) const {
  if (kind_.inner_product) return {{n_, k_}, type, dnnl::memory::dims{1, n_}};
  return {{k_, n_}, type, Tag::ab};
}

dnnl::memory::desc PackedProduct::any_weights() const {
  return {kind_.inner_product ? dnnl::memory::dims{n_, k_} : dnnl::memory::dims{k_, n_},
          kind_.weights, Tag::any};
}

PackedProduct::Description PackedProduct::describe(std::int64_t rows,
                                                   const dnnl::memory::desc& weights) const {
  const auto src = plain(rows, k_, kind_.src);
  const auto dst = plain(rows, n_, kind_.dst);
  const auto made = [&](const auto& pd, auto make) -> Description {
    if (pd.get(true) == nullptr) {
      fail_usage(
          "oneDNN {} has no {} x {} product of {} x {} x {} on this processor; use another "
          "--precision",
          library_version(), onednn::name_of(kind_.src), onednn::name_of(kind_.weights), rows, n_,
          k_);
    }
    return {make(pd), pd.weights_desc(), impl_name(pd)};
  };
  if (kind_.inner_product) {
    return made(make_inner_product_pd(engine_, src, weights, dst), [](const auto& pd) {
      return static_cast<dnnl::primitive>(dnnl::inner_product_forward(pd));
    });
  }
  return made(make_matmul_pd(engine_, src, weights, dst, true),
              [](const auto& pd) { return static_cast<dnnl::primitive>(dnnl::matmul(pd)); });
}

PackedProduct::PackedProduct(const ProductKind& kind, std::int64_t k, std::int64_t n, const void* b,
                             Type given, std::int64_t expected_rows)
    : kind_(kind), k_(k), n_(n) {
  guarded("packing of the weights", [&] {
    engine_ = dnnl::engine(dnnl::engine::kind::cpu, 0);
    stream_ = dnnl::stream(engine_);
    const Description wanted = describe(expected_rows, any_weights());
    // oneDNN reads through this handle only; its interface has no const.
    dnnl::memory unpacked(weights_desc(given), engine_, const_cast<void*>(b));
    dnnl::memory packed(wanted.weights, engine_);
    dnnl::reorder(unpacked, packed).execute(stream_, unpacked, packed);
    stream_.wait();
    packed_.push_back(packed);
    // Layouts of 8-bit weights carry sums beside them, which no reorder takes from packed weights.
    source_ = packed;
    if (kind_.weights == Type::s8) {
      source_ = dnnl::memory(weights_desc(given), engine_);
      dnnl::reorder(unpacked, source_).execute(stream_, unpacked, source_);
      stream_.wait();
    }
  });
}

dnnl::memory PackedProduct::packed_as(const dnnl::memory::desc& layout) {
  for (const dnnl::memory& packed : packed_) {
    if (packed.get_desc() == layout) return packed;
  }
  dnnl::memory packed(layout, engine_);
  dnnl::reorder(source_, packed).execute(stream_, source_, packed);
  stream_.wait();
  packed_.push_back(packed);
  return packed;
}

PackedProduct::Kernel PackedProduct::make_kernel(std::int64_t rows) {
  Description made = describe(rows, any_weights());
  if (made.weights != packed_.front().get_desc() && packed_.size() >= kMostLayouts) {
    made = describe(rows, packed_.front().get_desc());
  }
  Kernel kernel;
  kernel.rows = rows;
  kernel.weights = packed_as(made.weights);
  kernel.src = dnnl::memory(plain(rows, k_, kind_.src), engine_, DNNL_MEMORY_NONE);
  kernel.dst = dnnl::memory(plain(rows, n_, kind_.dst), engine_, DNNL_MEMORY_NONE);
  kernel.implementation = made.implementation;
  kernel.primitive = made.primitive;
  return kernel;
}

PackedProduct::Kernel& PackedProduct::kernel_for(std::int64_t rows) {
  for (auto it = kernels_.begin(); it != kernels_.end(); ++it) {
    if (it->rows != rows) continue;
    if (it != kernels_.begin()) kernels_.splice(kernels_.begin(), kernels_, it);
    return kernels_.front();
  }
  guarded("preparation of a product", [&] { kernels_.push_front(make_kernel(rows)); });
  if (kernels_.size() > kMostKernels) kernels_.pop_back();
  return kernels_.front();
}

void PackedProduct::execute(const void* a, void* c, std::int64_t rows) {
  Kernel& kernel = kernel_for(rows);
  guarded("product", [&] {
    kernel.src.set_data_handle(const_cast<void*>(a));
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

const std::string& PackedProduct::implementation(std::int64_t rows) {
  return kernel_for(rows).implementation;
}

void PackedProduct::convert_inputs(const float* from, void* to, std::int64_t rows) {
  Kernel& kernel = kernel_for(rows);
  guarded("conversion of the inputs", [&] {
    if (!kernel.convert) {
      kernel.f32_src = dnnl::memory(plain(rows, k_, Type::f32), engine_, DNNL_MEMORY_NONE);
      kernel.convert = dnnl::reorder(dnnl::reorder::primitive_desc(
          engine_, kernel.f32_src.get_desc(), engine_, kernel.src.get_desc()));
    }
    kernel.f32_src.set_data_handle(const_cast<float*>(from));
    kernel.src.set_data_handle(to);
    kernel.convert.execute(stream_, kernel.f32_src, kernel.src);
    stream_.wait();
  });
}

void PackedProduct::unpack(float* b) const {
  guarded("unpacking of the weights", [&] {
    dnnl::memory unpacked(weights_desc(Type::f32), engine_, b);
    dnnl::memory packed = packed_.front();
    dnnl::stream stream(engine_);
    dnnl::reorder(packed, unpacked).execute(stream, packed, unpacked);
    stream.wait();
  });
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
