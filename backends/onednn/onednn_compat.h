#pragma once
// The only file that knows two interfaces of oneDNN. 2.x makes an operation descriptor first; 3.x
// makes the primitive descriptor from engine and memory descriptors.

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

namespace jb::onednn {

/// Descriptor of a matmul primitive; `bias` may be an empty descriptor. With `allow_empty` the
/// result is empty (get(true) is null) where oneDNN has no implementation; else dnnl::error is
/// thrown. So for those below, which always allow it.
inline dnnl::matmul::primitive_desc make_matmul_pd(
    const dnnl::engine& engine, const dnnl::memory::desc& src, const dnnl::memory::desc& weights,
    const dnnl::memory::desc& bias, const dnnl::memory::desc& dst,
    const dnnl::primitive_attr& attributes, bool allow_empty) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, src, weights, bias, dst, attributes, allow_empty};
#else
  return {dnnl::matmul::desc(src, weights, bias, dst), attributes, engine, allow_empty};
#endif
}
inline dnnl::matmul::primitive_desc make_matmul_pd(const dnnl::engine& engine,
                                                   const dnnl::memory::desc& src,
                                                   const dnnl::memory::desc& weights,
                                                   const dnnl::memory::desc& dst,
                                                   bool allow_empty) {
  return make_matmul_pd(engine, src, weights, {}, dst, {}, allow_empty);
}

/// Inner product without bias: src rows x k, weights n x k, dst rows x n.
inline dnnl::inner_product_forward::primitive_desc make_inner_product_pd(
    const dnnl::engine& engine, const dnnl::memory::desc& src, const dnnl::memory::desc& weights,
    const dnnl::memory::desc& dst) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kKind, src, weights, dst, dnnl::primitive_attr(), true};
#else
  return {dnnl::inner_product_forward::desc(kKind, src, weights, dst), engine, true};
#endif
}

/// Where windows of a convolution or a pooling lie; dilations count from 0 as oneDNN's do.
struct WindowDims {
  dnnl::memory::dims kernel, strides, dilations, pads_begin, pads_end;
};

inline dnnl::convolution_forward::primitive_desc make_conv_pd(
    const dnnl::engine& engine, const dnnl::memory::desc& src, const dnnl::memory::desc& weights,
    const dnnl::memory::desc& bias, const dnnl::memory::desc& dst, const WindowDims& windows,
    const dnnl::primitive_attr& attributes) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
#if DNNL_VERSION_MAJOR >= 3
  return {engine,
          kKind,
          kDirect,
          src,
          weights,
          bias,
          dst,
          windows.strides,
          windows.dilations,
          windows.pads_begin,
          windows.pads_end,
          attributes,
          true};
#else
  return {dnnl::convolution_forward::desc(kKind, kDirect, src, weights, bias, dst, windows.strides,
                                          windows.dilations, windows.pads_begin, windows.pads_end),
          attributes, engine, true};
#endif
}

/// Pooling without dilation.
inline dnnl::pooling_forward::primitive_desc make_pool_pd(const dnnl::engine& engine,
                                                          dnnl::algorithm algorithm,
                                                          const dnnl::memory::desc& src,
                                                          const dnnl::memory::desc& dst,
                                                          const WindowDims& windows) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::memory::dims dense(windows.kernel.size(), 0);
  return {engine,
          kKind,
          algorithm,
          src,
          dst,
          windows.strides,
          windows.kernel,
          dense,
          windows.pads_begin,
          windows.pads_end,
          dnnl::primitive_attr(),
          true};
#else
  return {dnnl::pooling_forward::desc(kKind, algorithm, src, dst, windows.strides, windows.kernel,
                                      windows.pads_begin, windows.pads_end),
          engine, true};
#endif
}

/// y = x / (k + alpha / size * sum of x^2 over `size` channels)^beta.
inline dnnl::lrn_forward::primitive_desc make_lrn_pd(const dnnl::engine& engine,
                                                     const dnnl::memory::desc& layout,
                                                     dnnl::memory::dim size, float alpha,
                                                     float beta, float k) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
  constexpr auto kAcross = dnnl::algorithm::lrn_across_channels;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kKind, kAcross, layout, layout, size, alpha, beta, k, dnnl::primitive_attr(),
          true};
#else
  return {dnnl::lrn_forward::desc(kKind, kAcross, layout, size, alpha, beta, k), engine, true};
#endif
}

inline dnnl::eltwise_forward::primitive_desc make_eltwise_pd(const dnnl::engine& engine,
                                                             dnnl::algorithm algorithm,
                                                             const dnnl::memory::desc& layout,
                                                             float alpha, float beta) {
  constexpr auto kKind = dnnl::prop_kind::forward_inference;
#if DNNL_VERSION_MAJOR >= 3
  return {engine, kKind, algorithm, layout, layout, alpha, beta, dnnl::primitive_attr(), true};
#else
  return {dnnl::eltwise_forward::desc(kKind, algorithm, layout, alpha, beta), engine, true};
#endif
}

/// Element by element on two operands of one layout.
inline dnnl::binary::primitive_desc make_binary_pd(const dnnl::engine& engine,
                                                   dnnl::algorithm algorithm,
                                                   const dnnl::memory::desc& layout) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, algorithm, layout, layout, layout, dnnl::primitive_attr(), true};
#else
  return {dnnl::binary::desc(algorithm, layout, layout, layout), engine, true};
#endif
}

inline void append_eltwise(dnnl::post_ops& operations, dnnl::algorithm algorithm, float alpha,
                           float beta) {
#if DNNL_VERSION_MAJOR >= 3
  operations.append_eltwise(algorithm, alpha, beta);
#else
  operations.append_eltwise(1.0F, algorithm, alpha, beta);
#endif
}

/// "brg:avx512_core", "gemm:jit", "ref:any", ...
inline std::string impl_name(const dnnl::primitive_desc_base& pd) { return pd.impl_info_str(); }

/// Whether the library has any f16 arithmetic on CPUs (on those with AVX512-FP16).
#if DNNL_VERSION_MAJOR >= 3
inline constexpr bool kHasF16 = true;
#else
inline constexpr bool kHasF16 = false;
#endif

/// Version of the library that is running, "2.6.3".
inline std::string library_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace jb::onednn
