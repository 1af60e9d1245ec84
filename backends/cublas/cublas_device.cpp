#include "backends/cublas/cublas_device.h"

#include <optional>
#include <utility>

#include "backends/cublas/cublas_plan.h"
#include "backends/cublas/gpu_model.h"
#include "backends/cublas/gpu_network.h"
#include "backends/plan_checks.h"

namespace jb::cublas {
namespace {

class CublasDevice final : public Device {
 public:
  CublasDevice(const DeviceSpec& spec, ElementType precision, std::shared_ptr<Gpu> gpu)
      : spec_(spec),
        gpu_(std::move(gpu)),
        model_(std::make_shared<const GpuModel>(spec, precision,
                                                gpu_ ? &gpu_->properties() : nullptr)) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return model_->prices(); }

  [[nodiscard]] Support supports(const GemmShape& shape, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision != model_->precision()) {
      return Support::no(fmt::format("device '{}' was opened for {}, not for {}", spec_.name(),
                                     name_of(model_->precision()), name_of(precision)));
    }
    return model_->supports(shape);
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& /*statistics*/) const override {
    return model_->execute(shape, mode);
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    return mode == OperandMode::stationary ? model_->load(shape) : Activity{};
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& /*options*/) override {
    if (gpu_ == nullptr) {
      fail_usage(
          "device '{}' describes another machine, so it can be estimated but not run; use "
          "`joulebench estimate`, or --device host-gpu",
          spec_.name());
    }
    if (const Support support = model_->supports(shape); !support) {
      fail_usage("device '{}': {}", spec_.name(), support.reason);
    }
    return make_plan(model_, gpu_, shape, b, mode);
  }

  std::unique_ptr<Executable> compile(const GraphView& graph,
                                      const CompileOptions& options) override {
    return make_network(*this, model_, gpu_, graph, options);
  }

  /// Descriptions run convolutions as libraries do. This computer's GPU is given lowered matrices.
  [[nodiscard]] std::optional<Activity> count_conv(const ConvExtent& conv) const override {
    if (gpu_ != nullptr) return std::nullopt;
    return model_->convolve(conv);
  }
  [[nodiscard]] double on_chip_bytes() const override { return model_->on_chip_bytes(); }

  void set_epoch(const Epoch& epoch) override { epoch_ = epoch; }
  [[nodiscard]] Epoch epoch() const override { return epoch_; }
  Activity calibrate(std::string_view method) override {
    check_calibration_method(method, spec_.name(), calibration_methods());
    return {};
  }
  [[nodiscard]] double peak_mac_per_s() const override { return model_->peak_mac_per_s(); }

 private:
  DeviceSpec spec_;
  std::shared_ptr<Gpu> gpu_;
  std::shared_ptr<const GpuModel> model_;
  Epoch epoch_;
};

}  // namespace

std::unique_ptr<Device> make_device(const DeviceSpec& spec, ElementType precision,
                                    std::shared_ptr<Gpu> gpu) {
  return std::make_unique<CublasDevice>(spec, precision, std::move(gpu));
}

}  // namespace jb::cublas
