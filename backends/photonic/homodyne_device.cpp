// Balanced-homodyne array as a device, after R. Hamerly, L. Bernstein, A. Sludds, M. Soljacic and
// D. Englund, "Large-scale optical neural networks based on photoelectric multiplication",
// PRX 9, 021032 (2019).

#include <memory>
#include <utility>

#include "backends/photonic/architecture.h"
#include "backends/photonic/homodyne_plan.h"
#include "backends/photonic/parameters.h"
#include "backends/plan_checks.h"

namespace jb::photonic {
namespace {

class HomodyneDevice final : public Device {
 public:
  HomodyneDevice(const DeviceSpec& spec, const DeviceInstance& instance)
      : spec_(spec),
        machine_(std::make_shared<HomodyneMachine>(spec, read_parameters(spec), instance)) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return machine_->accounting.prices(); }

  [[nodiscard]] Support supports(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision == ElementType::f32 || precision == ElementType::f64) return Support::yes();
    return Support::no(
        fmt::format("photonic takes its bits from the device; host tensors are f32 or f64, not {}",
                    name_of(precision)));
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode /*mode*/,
                                  const OperandStatistics& statistics) const override {
    const double papr = machine_->parameters.laser_papr(statistics.a.papr(), statistics.b.papr());
    return machine_->accounting.product(shape, papr);
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& /*shape*/,
                                        OperandMode /*mode*/) const override {
    return {};
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    check_plan_operand(shape, b);
    return std::make_unique<HomodynePlan>(machine_, b, mode, options);
  }

  void set_epoch(const Epoch& epoch) override { machine_->epoch = epoch; }
  [[nodiscard]] Epoch epoch() const override { return machine_->epoch; }
  Activity calibrate(std::string_view method) override {
    check_calibration_method(method, spec_.name(), calibration_methods());
    return {};
  }

  [[nodiscard]] double peak_mac_per_s() const override {
    const HomodyneParameters& p = machine_->parameters;
    return static_cast<double>(p.samples) * static_cast<double>(p.outputs) * p.clock_Hz;
  }

 private:
  DeviceSpec spec_;
  std::shared_ptr<HomodyneMachine> machine_;
};

}  // namespace

std::unique_ptr<Device> open_homodyne(const DeviceSpec& spec, const DeviceInstance& instance) {
  return std::make_unique<HomodyneDevice>(spec, instance);
}

}  // namespace jb::photonic
