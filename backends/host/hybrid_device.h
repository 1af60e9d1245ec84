#pragma once
// Several machines that share one network: patterns on node names and operators choose which
// machine runs a node. The machines live through the same time at the same temperature.

#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/host/machines.h"

namespace jb::host {

class HybridDevice final : public Device {
 public:
  struct Part {
    std::unique_ptr<Device> device;
    ElementType precision = ElementType::f32;
  };
  /// `pattern` (with * and ?) is compared with a node's name and its operator's name ("Conv").
  struct Rule {
    std::string pattern;
    int part = 0;  ///< index into the parts
  };
  /// Name of the calibration that is each machine's own default.
  static constexpr const char* kOwnCalibrations = "default";

  /// `spec` describes all of them (combined_device). The first rule that matches decides.
  HybridDevice(DeviceSpec spec, std::vector<Part> parts, std::vector<Rule> rules);

  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return prices_.table; }
  [[nodiscard]] Support supports(const GemmShape& shape, OperandMode mode,
                                 ElementType precision) const override;
  [[nodiscard]] Activity estimate(const GemmShape& shape, OperandMode mode,
                                  const OperandStatistics& statistics) const override;
  [[nodiscard]] Activity estimate_setup(const GemmShape& shape, OperandMode mode) const override;
  std::unique_ptr<Plan> plan(const GemmShape& shape, const ConstMatrixRef& b, OperandMode mode,
                             const PlanOptions& options) override;

  [[nodiscard]] Support supports_network(const GraphView& graph,
                                         const CompileOptions& options) const override;
  std::unique_ptr<Executable> compile(const GraphView& graph,
                                      const CompileOptions& options) override;

  void set_epoch(const Epoch& epoch) override;
  [[nodiscard]] Epoch epoch() const override { return parts_.front().device->epoch(); }
  /// Calibrates the machines that know the method.
  Activity calibrate(std::string_view method) override;
  [[nodiscard]] std::vector<std::string> calibration_methods() const override;
  [[nodiscard]] std::string default_calibration() const override;
  [[nodiscard]] bool sees_drift() const override;
  double drift_error(Activity& cost) override;
  [[nodiscard]] double peak_mac_per_s() const override;

 private:
  [[nodiscard]] Machines place(const GraphView& graph, DynamicPolicy policy) const;

  DeviceSpec spec_;
  std::vector<Part> parts_;
  std::vector<Rule> rules_;
  MergedPrices prices_;
};

}  // namespace jb::host
