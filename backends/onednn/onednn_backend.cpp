// This computer's CPU through oneDNN: f32 products with packed weights, timed as they run; energy
// modelled from activity (cpu_model.h).

#include "backends/backend.h"
#include "backends/onednn/cpu_model.h"
#include "backends/onednn/network/network.h"
#include "backends/onednn/onednn_plan.h"
#include "backends/plan_checks.h"

namespace jb {
namespace {

class OnednnDevice final : public Device {
 public:
  explicit OnednnDevice(const DeviceSpec& spec)
      : spec_(spec), model_(std::make_shared<const onednn::CpuModel>(spec)) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return model_->prices(); }

  [[nodiscard]] Support supports(const GemmShape& /*shape*/, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision == ElementType::f32) return Support::yes();
    if (precision == ElementType::f64) {
      return Support::no(
          "oneDNN has no f64 matmul; use --precision f32, or --backend reference for float64");
    }
    return Support::no(fmt::format("this backend computes in f32, not in {}; use --precision f32",
                                   name_of(precision)));
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& /*statistics*/) const override {
    return model_->execute(shape, mode);
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    return mode == OperandMode::stationary ? model_->pack(shape) : Activity{};
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& /*options*/) override {
    if (!model_->runs_here()) {
      fail_usage(
          "device '{}' describes another computer, so it can be estimated but not run; use "
          "`joulebench estimate`, or --device host",
          spec_.name());
    }
    return onednn::make_plan(model_, shape, b, mode);
  }

  std::unique_ptr<Executable> compile(const GraphView& graph,
                                      const CompileOptions& options) override {
    const bool ours =
        options.precision == ElementType::f32 && model_->runs_here() && onednn::available();
    return ours ? onednn::make_network(*this, graph, options) : Device::compile(graph, options);
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
  std::shared_ptr<const onednn::CpuModel> model_;
  Epoch epoch_;
};

class OnednnBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = [] {
      const std::string version = onednn::version();
      const std::string library = version.empty() ? "oneDNN" : "oneDNN " + version;
      return BackendInfo{"onednn",
                         "cmos",
                         "f32 matmul of " + library + " on this CPU",
                         false,
                         {ElementType::f32},
                         "host",
                         "",
                         1};
    }();
    return info;
  }
  [[nodiscard]] Support available() const override { return onednn::available(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    return onednn::cpu_parameters();
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& /*instance*/) const override {
    return std::make_unique<OnednnDevice>(spec);
  }
};

}  // namespace

const Backend& onednn_backend() {
  static const OnednnBackend backend;
  return backend;
}

}  // namespace jb
