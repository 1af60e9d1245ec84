// The crossbar as a backend: analog in-memory computing on differential pairs of drifting cells.

#include <algorithm>
#include <cmath>

#include "backends/crossbar/plan.h"
#include "backends/plan_checks.h"

namespace jb {
namespace crossbar {
namespace {

class CrossbarDevice final : public Device {
 public:
  CrossbarDevice(const DeviceSpec& spec, const DeviceInstance& instance)
      : machine_(std::make_shared<Machine>()) {
    machine_->spec = spec;
    machine_->config = config_from(spec);
    machine_->catalogue = catalogue_from(spec);
    machine_->instance = instance;
  }

  [[nodiscard]] const DeviceSpec& spec() const override { return machine_->spec; }
  [[nodiscard]] const PriceTable& prices() const override { return machine_->catalogue.table; }

  [[nodiscard]] Support supports(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision == ElementType::f32 || precision == ElementType::f64) return Support::yes();
    return Support::no(
        fmt::format("crossbar takes host tensors of f32 or f64, not {}; its own "
                    "precision is set by dac.bits, cell.bits and adc.bits",
                    name_of(precision)));
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& statistics) const override {
    return machine_->counter().execute(shape.m, shape.k, shape.n, false, !resident(shape, mode),
                                       statistics);
  }

  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    return estimate_setup_of(shape, mode, OperandStatistics{}.b);
  }
  [[nodiscard]] Activity estimate_setup_of(const GemmShape& shape, OperandMode mode,
                                           const OperandMoments& b) const override {
    if (!resident(shape, mode)) return {};
    return machine_->counter().setup(shape.k, shape.n, b);
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    return std::make_unique<CrossbarPlan>(machine_, shape, b, mode, options);
  }

  [[nodiscard]] std::int64_t storage_units() const override { return machine_->config.tile_count; }
  [[nodiscard]] std::int64_t operand_units(const GemmShape& shape) const override {
    return layout_of(machine_->config, shape.k, shape.n, false).tiles();
  }

  void set_epoch(const Epoch& epoch) override {
    if (!(epoch.age_s >= 0) || !std::isfinite(epoch.age_s)) {
      fail_usage("device '{}': age {} s must be a number of seconds from 0 on", spec().name(),
                 epoch.age_s);
    }
    machine_->epoch = epoch;
    for (CrossbarPlan* plan : machine_->plans) plan->age_changed();
  }
  [[nodiscard]] Epoch epoch() const override { return machine_->epoch; }

  Activity calibrate(std::string_view method) override {
    check_calibration_method(method, spec().name(), calibration_methods());
    Activity all;
    if (method == "none") return all;
    const std::uint64_t reading = ++machine_->calibrations;
    double longest_s = 0;
    for (CrossbarPlan* plan : machine_->plans) {
      const Activity one = plan->calibrate(method, reading);
      longest_s = std::max(longest_s, one.device_time_s);
      all += one;
    }
    // Resident operands lie in tiles of their own, which are read at the same time.
    all.device_time_s = longest_s;
    machine_->counter().add_static(all, longest_s);
    machine_->epoch.since_calibration_s = 0;
    return all;
  }
  [[nodiscard]] std::vector<std::string> calibration_methods() const override {
    return {"none", "gdc", "column", "range", "range+column", "state", "reprogram"};
  }
  [[nodiscard]] bool sees_drift() const override { return true; }
  double drift_error(Activity& cost) override {
    const std::uint64_t reading = ++machine_->calibrations;
    double worst = 0;
    double longest_s = 0;
    Activity all;
    for (CrossbarPlan* plan : machine_->plans) {
      Activity one;
      worst = std::max(worst, plan->drift_error(reading, one));
      longest_s = std::max(longest_s, one.device_time_s);
      all += one;
    }
    all.device_time_s = longest_s;
    machine_->counter().add_static(all, longest_s);
    cost += all;
    return worst;
  }
  [[nodiscard]] std::string default_calibration() const override {
    return machine_->config.default_calibration;
  }

  [[nodiscard]] double peak_mac_per_s() const override {
    const Config& config = machine_->config;
    const double product_s = machine_->counter().product_time_s();
    if (product_s <= 0) return 0;
    return static_cast<double>(config.tile_count) * static_cast<double>(config.tile_rows) *
           static_cast<double>(config.tile_cols) / product_s;
  }

  [[nodiscard]] double area_m2() const override {
    const Config& config = machine_->config;
    return static_cast<double>(config.tile_count) * config.tile_area_m2 + config.chip_area_m2;
  }

 private:
  /// Whether an operand that has the machine for itself stays on it.
  [[nodiscard]] bool resident(const GemmShape& shape, OperandMode mode) const {
    const Config& config = machine_->config;
    return mode == OperandMode::stationary &&
           (config.tile_count == 0 || operand_units(shape) <= config.tile_count);
  }

  std::shared_ptr<Machine> machine_;
};

class CrossbarBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = {
        "crossbar",
        "analog",
        "simulated crossbar of drifting memory cells with DAC, ADC and calibration",
        true,
        {ElementType::f32, ElementType::f64},
        "pcm-hermes",
        "ideal",
        3};
    return info;
  }
  [[nodiscard]] Support available() const override { return Support::yes(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    return parameter_schema();
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& instance) const override {
    return std::make_unique<CrossbarDevice>(spec, instance);
  }
};

}  // namespace
}  // namespace crossbar

const Backend& crossbar_backend() {
  static const crossbar::CrossbarBackend backend;
  return backend;
}

}  // namespace jb
