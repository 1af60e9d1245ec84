// This computer's CPU through oneDNN: products and convolutions with packed weights, timed as they
// run; energy modelled from activity (cpu_model.h).

#include <fmt/format.h>

#include <optional>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/onednn/cpu_model.h"
#include "backends/onednn/network/network.h"
#include "backends/onednn/onednn_plan.h"
#include "backends/plan_checks.h"

namespace jb {
namespace {

onednn::ProductSettings settings_of(const DeviceSpec& spec, ElementType precision) {
  onednn::ProductSettings settings;
  settings.precision = precision;
  settings.inner_product = spec.text("primitive") == "inner_product";
  settings.weight_scale = spec.text("quantisation.weights") == "per_tensor"
                              ? WeightScale::per_tensor
                              : WeightScale::per_column;
  settings.input_scale = spec.text("quantisation.inputs") == "per_tensor" ? InputScale::per_tensor
                                                                          : InputScale::per_row;
  settings.isa = spec.text("isa");
  settings.exact_s8 = onednn::limited_to(onednn::detect_host_cpu(), settings.isa).exact_s8;
  return settings;
}

/// What this computer lacks for a precision; "" where it has all.
std::string missing_arithmetic(const DeviceSpec& spec, ElementType precision) {
  const onednn::HostCpu cpu = onednn::limited_to(onednn::detect_host_cpu(), spec.text("isa"));
  constexpr std::int64_t kAvx512Lanes = 16;
  if (precision == ElementType::bf16 && cpu.lanes < kAvx512Lanes) {
    return "oneDNN has bf16 products on processors with AVX-512 only; use --precision f32 or s8";
  }
  if (precision != ElementType::f16) return {};
  if (!onednn::has_f16()) {
    return fmt::format(
        "oneDNN {} has no f16 products on CPUs (version 3 has); use --precision bf16, or --backend "
        "cublas",
        onednn::version());
  }
  if (cpu.f16_depth < 2) {
    return "oneDNN has f16 products on processors with AVX512-FP16 only; use --precision bf16, or "
           "--backend cublas";
  }
  return {};
}

class OnednnDevice final : public Device {
 public:
  OnednnDevice(const DeviceSpec& spec, ElementType precision)
      : spec_(spec),
        settings_(settings_of(spec, precision)),
        model_(std::make_shared<const onednn::CpuModel>(spec, precision)) {}

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return model_->prices(); }

  [[nodiscard]] Support supports(const GemmShape& shape, OperandMode /*mode*/,
                                 ElementType precision) const override {
    if (precision == ElementType::f64) {
      return Support::no(
          "oneDNN has no f64 matmul; use --precision f32, or --backend reference for float64");
    }
    if (precision != model_->precision()) {
      return Support::no(fmt::format("device '{}' was opened for {}, not for {}", spec_.name(),
                                     name_of(model_->precision()), name_of(precision)));
    }
    if (model_->runs_here()) {
      if (std::string missing = missing_arithmetic(spec_, precision); !missing.empty()) {
        return Support::no(std::move(missing));
      }
    }
    const std::int64_t deepest = precision == ElementType::s8 ? kLargestS8Depth : kLargestU8S8Depth;
    const bool is_integer = precision == ElementType::s8 || precision == ElementType::u8s8;
    if (is_integer && shape.k > deepest) {
      return Support::no(fmt::format(
          "sums over k = {} may leave 32 bits; at most k = {} in {}, or use --precision f32",
          shape.k, deepest, name_of(precision)));
    }
    return Support::yes();
  }

  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& /*statistics*/) const override {
    return model_->execute(shape, mode);
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override {
    return mode == OperandMode::stationary ? model_->pack(shape) : Activity{};
  }

  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override {
    check_runs_here();
    return onednn::make_plan(model_, settings_, shape, b, mode, options);
  }

  [[nodiscard]] std::optional<Activity> count_conv(const ConvExtent& conv) const override {
    return model_->convolve(conv);
  }
  std::unique_ptr<ConvPlan> plan_conv(const ConvShape& shape, const float* filters,
                                      const PlanOptions& options) override {
    check_runs_here();
    return onednn::make_conv_plan(model_, settings_, shape, filters, options);
  }
  [[nodiscard]] double on_chip_bytes() const override { return model_->on_chip_bytes(); }

  std::unique_ptr<Executable> compile(const GraphView& graph,
                                      const CompileOptions& options) override {
    const bool floats = options.precision == ElementType::f32 ||
                        options.precision == ElementType::bf16 ||
                        options.precision == ElementType::f16;
    const bool ours = floats && options.precision == model_->precision() && model_->runs_here() &&
                      onednn::available();
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
  void check_runs_here() const {
    if (model_->runs_here()) return;
    fail_usage(
        "device '{}' describes another computer, so it can be estimated but not run; use "
        "`joulebench estimate`, or --device host",
        spec_.name());
  }

  DeviceSpec spec_;
  onednn::ProductSettings settings_;
  std::shared_ptr<const onednn::CpuModel> model_;
  Epoch epoch_;
};

class OnednnBackend final : public Backend {
 public:
  [[nodiscard]] const BackendInfo& info() const override {
    static const BackendInfo info = [] {
      const std::string version = onednn::version();
      const std::string library = version.empty() ? "oneDNN" : "oneDNN " + version;
      std::vector<ElementType> precisions = {ElementType::f32, ElementType::bf16, ElementType::s8,
                                             ElementType::u8s8};
      if (onednn::has_f16()) precisions.push_back(ElementType::f16);
      return BackendInfo{"onednn",
                         "cmos",
                         "products and convolutions of " + library + " on this CPU",
                         false,
                         std::move(precisions),
                         "host",
                         "",
                         3};
    }();
    return info;
  }
  [[nodiscard]] Support available() const override { return onednn::available(); }
  [[nodiscard]] const std::vector<ParameterSpec>& parameters() const override {
    return onednn::cpu_parameters();
  }
  [[nodiscard]] std::unique_ptr<Device> open(const DeviceSpec& spec,
                                             const DeviceInstance& instance) const override {
    return std::make_unique<OnednnDevice>(spec, instance.precision.value_or(ElementType::f32));
  }
};

}  // namespace

const Backend& onednn_backend() {
  static const OnednnBackend backend;
  return backend;
}

}  // namespace jb
