// A digital accelerator: a systolic array of 8-bit multipliers with 32-bit sums. Results are exact
// integer arithmetic; cycles, accesses and energy follow from closed forms.

#include "backends/backend.h"
#include "backends/plan_checks.h"
#include "backends/systolic/systolic_model.h"
#include "backends/systolic/systolic_plan.h"

namespace jb {
namespace {

class SystolicDevice final : public Device {
 public:
  explicit SystolicDevice(const DeviceSpec& spec)
      : spec_(spec), model_(std::make_shared<const systolic::SystolicModel>(spec)) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return model_->prices(); }

  // An array of floats is what s8 idealises to, so it takes every precision of the backend.
  [[nodiscard]] Support supports(const GemmShape& shape, OperandMode /*mode*/,
                                 ElementType precision) const override {
    const bool is_float = precision == ElementType::f32 || precision == ElementType::f64;
    if (!is_float && precision != ElementType::s8) {
      return Support::no(fmt::format(
          "a systolic array computes in s8, not in {}; use --precision s8", name_of(precision)));
    }
    if (!model_->quantised()) return Support::yes();
    if (is_float) {
      return Support::no(fmt::format(
          "device '{}' computes in s8, not in {}; use --precision s8, or --device ideal",
          spec_.name(), name_of(precision)));
    }
    if (shape.k > systolic::kLargestDepth) {
      return Support::no(fmt::format("sums over k = {} may leave 32 bits; at most k = {} in s8",
                                     shape.k, systolic::kLargestDepth));
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
    static const BackendInfo info = {"systolic",
                                     "cmos",
                                     "systolic array of 8-bit multipliers, counts by closed form",
                                     true,
                                     {ElementType::s8, ElementType::f32, ElementType::f64},
                                     "tpu-v1",
                                     "ideal",
                                     1};
    return info;
  }
  [[nodiscard]] Support available() const override { return Support::yes(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    return systolic::systolic_parameters();
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& /*instance*/) const override {
    return std::make_unique<SystolicDevice>(spec);
  }
};

}  // namespace

const Backend& systolic_backend() {
  static const SystolicBackend backend;
  return backend;
}

}  // namespace jb
