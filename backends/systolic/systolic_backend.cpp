// A digital accelerator: a systolic array of 8-bit multipliers with 32-bit sums, or of bf16 ones
// with sums in f32. Results round as the array rounds; cycles, accesses and energy follow from
// closed forms.

#include <fmt/format.h>

#include <optional>
#include <string>

#include "backends/backend.h"
#include "backends/plan_checks.h"
#include "backends/systolic/systolic_model.h"
#include "backends/systolic/systolic_plan.h"

namespace jb {
namespace {

/// What a device computes in when it is opened for `wanted`: that where it can, else its own.
ElementType computed_precision(const DeviceSpec& spec, std::optional<ElementType> wanted) {
  const systolic::Arithmetic arithmetic = systolic::arithmetic_of(spec);
  if (arithmetic.floats) return ElementType::f64;
  if (arithmetic.bf16 && (!arithmetic.s8 || wanted == ElementType::bf16)) return ElementType::bf16;
  return ElementType::s8;
}

std::string has_text(const systolic::Arithmetic& arithmetic) {
  return arithmetic.s8 && arithmetic.bf16 ? "s8 and bf16" : arithmetic.bf16 ? "bf16" : "s8";
}

class SystolicDevice final : public Device {
 public:
  SystolicDevice(const DeviceSpec& spec, std::optional<ElementType> wanted)
      : spec_(spec),
        model_(std::make_shared<const systolic::SystolicModel>(spec,
                                                               computed_precision(spec, wanted))) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return model_->prices(); }

  // An array of floats is what others idealise to, so it takes every precision of the backend.
  [[nodiscard]] Support supports(const GemmShape& shape, OperandMode /*mode*/,
                                 ElementType precision) const override {
    const bool is_float = precision == ElementType::f32 || precision == ElementType::f64;
    if (!is_float && precision != ElementType::s8 && precision != ElementType::bf16) {
      return Support::no(
          fmt::format("a systolic array computes in s8 or bf16, not in {}; use --precision s8",
                      name_of(precision)));
    }
    const systolic::Arithmetic arithmetic = systolic::arithmetic_of(spec_);
    if (arithmetic.floats) return Support::yes();
    if (is_float) {
      return Support::no(fmt::format(
          "device '{}' computes in {}, not in {}; use --precision {}, or --device ideal",
          spec_.name(), has_text(arithmetic), name_of(precision), arithmetic.s8 ? "s8" : "bf16"));
    }
    if (precision == ElementType::bf16 && !arithmetic.bf16) {
      return Support::no(fmt::format(
          "device '{}' computes in s8, not in bf16; use --precision s8, or --device tpu-v4i",
          spec_.name()));
    }
    if (precision == ElementType::s8 && !arithmetic.s8) {
      return Support::no(fmt::format(
          "device '{}' computes in bf16, not in s8; use --precision bf16, or --device tpu-v1",
          spec_.name()));
    }
    if (precision != model_->precision()) {
      return Support::no(fmt::format("device '{}' was opened for {}, not for {}", spec_.name(),
                                     name_of(model_->precision()), name_of(precision)));
    }
    if (precision == ElementType::s8 && shape.k > kLargestS8Depth) {
      return Support::no(fmt::format(
          "sums over k = {} may leave 32 bits; at most k = {} in s8; --precision bf16 on "
          "--device tpu-v4i, or --backend onednn --precision f32, take it",
          shape.k, kLargestS8Depth));
    }
    return Support::yes();
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& /*statistics*/) const override {
    return model_->execute(shape, mode);
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    return model_->load(shape, mode);
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    return systolic::make_plan(model_, shape, b, mode, options);
  }

  [[nodiscard]] std::optional<Activity> count_conv(const ConvExtent& conv) const override {
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
  std::shared_ptr<const systolic::SystolicModel> model_;
  Epoch epoch_;
};

class SystolicBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = {
        "systolic",
        "cmos",
        "systolic array of 8-bit or bf16 multipliers, counts by closed form",
        true,
        {ElementType::s8, ElementType::bf16, ElementType::f32, ElementType::f64},
        "tpu-v1",
        "ideal",
        3};
    return info;
  }
  [[nodiscard]] Support available() const override { return Support::yes(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    return systolic::systolic_parameters();
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& instance) const override {
    return std::make_unique<SystolicDevice>(spec, instance.precision);
  }
};

}  // namespace

const Backend& systolic_backend() {
  static const SystolicBackend backend;
  return backend;
}

}  // namespace jb
