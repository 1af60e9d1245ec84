// Machines of tiles as devices: mzi_mesh, wdm_mrr and wdm_coherent.

#include <cmath>
#include <memory>
#include <utility>

#include "backends/photonic/architecture.h"
#include "backends/photonic/area.h"
#include "backends/photonic/tiled/plan.h"
#include "backends/plan_checks.h"

namespace jb::photonic {
namespace {

class TiledDevice final : public Device {
 public:
  TiledDevice(const DeviceSpec& spec, TiledKind kind, const DeviceInstance& instance)
      : machine_(std::make_shared<TiledMachine>(spec, read_tiled(spec, kind), instance)) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return machine_->spec; }
  [[nodiscard]] const PriceTable& prices() const override { return machine_->accounting.prices(); }

  [[nodiscard]] Support supports(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision == ElementType::f32 || precision == ElementType::f64) return Support::yes();
    return Support::no(
        fmt::format("photonic takes its bits from the device; host tensors are f32 or f64, not {}",
                    name_of(precision)));
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& statistics) const override {
    const TiledParameters& p = machine_->parameters;
    return machine_->accounting.product(shape, {statistics.a.signed_rows_frac.value_or(1.0),
                                                p.stationary() && !stays(shape, mode)});
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    if (!stays(shape, mode)) return {};
    return machine_->accounting.load(shape.k, shape.n);
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    check_plan_operand(shape, b);
    return std::make_unique<TiledPlan>(machine_, b, mode, options);
  }

  void set_epoch(const Epoch& epoch) override {
    const bool moved = epoch.since_calibration_s != machine_->epoch.since_calibration_s;
    machine_->epoch = epoch;
    if (moved && machine_->drifts()) forget_all();
  }
  [[nodiscard]] Epoch epoch() const override { return machine_->epoch; }

  Activity calibrate(std::string_view method) override {
    check_calibration_method(method, spec().name(), calibration_methods());
    if (method == "none") return {};
    ++machine_->locks;
    machine_->epoch.since_calibration_s = 0;
    if (machine_->drifts()) forget_all();
    // Machines that are loaded for each product are locked on every core.
    const std::int64_t cores = machine_->parameters.cores;
    const std::int64_t used = machine_->cores_in_use > 0 ? machine_->cores_in_use : cores;
    return machine_->accounting.lock(static_cast<double>(used));
  }
  [[nodiscard]] std::vector<std::string> calibration_methods() const override {
    return {"none", "lock"};
  }
  [[nodiscard]] std::string default_calibration() const override {
    return spec().text("calibration.default");
  }

  /// A core holds a tile; machines that are loaded for every product hold nothing.
  [[nodiscard]] std::int64_t storage_units() const override {
    return machine_->parameters.stationary() ? machine_->parameters.cores : 0;
  }
  [[nodiscard]] std::int64_t operand_units(const GemmShape& shape) const override {
    const TiledParameters& p = machine_->parameters;
    return p.stationary() ? tiling_of(p, shape.k, shape.n).count() : 0;
  }

  [[nodiscard]] double peak_mac_per_s() const override {
    const TiledParameters& p = machine_->parameters;
    return p.weight_modulators() * static_cast<double>(p.samples) * static_cast<double>(p.cores) *
           p.clock_Hz;
  }
  [[nodiscard]] double area_m2() const override {
    return tiled_area_m2(machine_->spec, machine_->parameters);
  }

 private:
  /// Whether an operand that has the machine for itself stays on it.
  [[nodiscard]] bool stays(const GemmShape& shape, OperandMode mode) const {
    const TiledParameters& p = machine_->parameters;
    return mode == OperandMode::stationary && p.stationary() &&
           tiling_of(p, shape.k, shape.n).count() <= p.cores;
  }
  void forget_all() {
    for (TiledPlan* plan : machine_->plans) plan->forget();
  }

  std::shared_ptr<TiledMachine> machine_;
};

}  // namespace

std::unique_ptr<Device> open_mzi_mesh(const DeviceSpec& spec, const DeviceInstance& instance) {
  return std::make_unique<TiledDevice>(spec, TiledKind::mesh, instance);
}

std::unique_ptr<Device> open_wdm_mrr(const DeviceSpec& spec, const DeviceInstance& instance) {
  return std::make_unique<TiledDevice>(spec, TiledKind::ring_bank, instance);
}

std::unique_ptr<Device> open_wdm_coherent(const DeviceSpec& spec, const DeviceInstance& instance) {
  return std::make_unique<TiledDevice>(spec, TiledKind::coherent, instance);
}

}  // namespace jb::photonic
