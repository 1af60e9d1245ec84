// NVIDIA GPUs through cuBLASLt: products and networks that stay on the GPU, timed by its own clock;
// energy modelled from activity (gpu_model.h). Presets of named GPUs are descriptions: they can be
// estimated on any computer.

#include "backends/backend.h"
#include "backends/cublas/cublas_device.h"
#include "backends/cublas/gpu_model.h"

namespace jb {
namespace {

class CublasBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = {
        "cublas",
        "cmos",
        "matrix product of cuBLASLt on an NVIDIA GPU",
        false,
        {ElementType::f32, ElementType::tf32, ElementType::f16, ElementType::bf16,
         ElementType::f8e4m3, ElementType::f8e5m2, ElementType::s8},
        "host-gpu",
        "",
        3};
    return info;
  }
  [[nodiscard]] Support available() const override {
    static const Support support = cublas::gpu_available();
    return support;
  }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    return cublas::gpu_parameters();
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& instance) const override {
    const ElementType precision = instance.precision.value_or(info().precisions.front());
    if (!spec.flag("runs_here")) return cublas::make_device(spec, precision, nullptr);
    return cublas::make_device(spec, precision,
                               cublas::open_gpu(static_cast<int>(spec.integer("gpu"))));
  }
};

}  // namespace

const Backend& cublas_backend() {
  static const CublasBackend backend;
  return backend;
}

}  // namespace jb
