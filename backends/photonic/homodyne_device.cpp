// Balanced-homodyne array as a device, after R. Hamerly, L. Bernstein, A. Sludds, M. Soljacic and
// D. Englund, "Large-scale optical neural networks based on photoelectric multiplication",
// PRX 9, 021032 (2019).

#include <cmath>
#include <memory>
#include <utility>

#include "backends/photonic/analog_network.h"
#include "backends/photonic/architecture.h"
#include "backends/photonic/area.h"
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
    machine_->use_lanes(shape.m, shape.n);
    return std::make_unique<HomodynePlan>(machine_, b, mode, options);
  }

  std::unique_ptr<Executable> compile(const GraphView& graph,
                                      const CompileOptions& options) override {
    if (!machine_->parameters.analog_layers) return Device::compile(graph, options);
    return compile_analog(*this, *machine_, graph, options);
  }

  void set_epoch(const Epoch& epoch) override {
    if (!(epoch.age_s >= 0) || !std::isfinite(epoch.age_s)) {
      fail_usage("device '{}': age {} s must be a number of seconds from 0 on", spec_.name(),
                 epoch.age_s);
    }
    machine_->lanes->set_epoch(epoch);
  }
  [[nodiscard]] Epoch epoch() const override { return machine_->lanes->epoch(); }

  Activity calibrate(std::string_view method) override {
    check_calibration_method(method, spec_.name(), calibration_methods());
    if (method == "none") return {};
    const bool full = method == "full";
    machine_->lanes->calibrate(full);
    return machine_->accounting.calibration(machine_->rows_in_use, machine_->cols_in_use,
                                            machine_->parameters.calibration_readings, full);
  }
  [[nodiscard]] std::vector<std::string> calibration_methods() const override {
    return {"none", "lock", "full"};
  }
  [[nodiscard]] std::string default_calibration() const override {
    return spec_.text("calibration.default");
  }

  [[nodiscard]] bool sees_drift() const override { return machine_->lanes->has_phases(); }
  double drift_error(Activity& cost) override {
    cost +=
        machine_->accounting.calibration(machine_->rows_in_use, machine_->cols_in_use, 1, false);
    return machine_->lanes->seen_error(machine_->rows_in_use, machine_->cols_in_use);
  }

  [[nodiscard]] double peak_mac_per_s() const override {
    const HomodyneParameters& p = machine_->parameters;
    return static_cast<double>(p.samples) * static_cast<double>(p.outputs) * p.clock_Hz;
  }
  [[nodiscard]] double area_m2() const override {
    return homodyne_area_m2(spec_, machine_->parameters);
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
