#pragma once
// The only file that knows two interfaces of oneDNN. 2.x makes an operation descriptor first; 3.x
// makes the primitive descriptor from engine and memory descriptors.

#include <oneapi/dnnl/dnnl.hpp>
#include <string>

namespace jb::onednn {

/// Descriptor of a matmul primitive. With `allow_empty` the result is empty (get(true) is null)
/// where oneDNN has no implementation; else dnnl::error is thrown.
inline dnnl::matmul::primitive_desc make_matmul_pd(const dnnl::engine& engine,
                                                   const dnnl::memory::desc& src,
                                                   const dnnl::memory::desc& weights,
                                                   const dnnl::memory::desc& dst,
                                                   bool allow_empty) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, src, weights, dst, dnnl::primitive_attr(), allow_empty};
#else
  return {dnnl::matmul::desc(src, weights, dst), engine, allow_empty};
#endif
}

/// "brg:avx512_core", "gemm:jit", "ref:any", ...
inline std::string impl_name(const dnnl::matmul::primitive_desc& pd) { return pd.impl_info_str(); }

/// Version of the library that is running, "2.6.3".
inline std::string library_version() {
  const dnnl_version_t* version = dnnl_version();
  return std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
         std::to_string(version->patch);
}

}  // namespace jb::onednn
