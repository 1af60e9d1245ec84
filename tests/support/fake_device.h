#pragma once
// A device whose results, counts and prices a test can spoil.

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "backends/backend.h"
#include "backends/core/gemm.h"

namespace jb::test {

struct FakeBehaviour {
  Support supported = Support::yes();
  PriceTable prices;
  Activity activity;  ///< of each execute
  double peak_mac_per_s = 0;
  /// Changes the product after it has been computed.
  std::function<void(MatrixView<float>)> spoil = [](MatrixView<float>) {};
  std::vector<std::string> lints;
  std::vector<std::string>* calls = nullptr;  ///< receives "plan", "epoch 5 5", "calibrate m", ...
};

class FakePlan final : public Plan {
 public:
  FakePlan(const FakeBehaviour& behaviour, const ConstMatrixRef& b)
      : behaviour_(behaviour), b_(copy_as<float>(b)) {}
  [[nodiscard]] const Activity& setup() const override { return setup_; }
  [[nodiscard]] bool resident() const override { return true; }
  Execution execute(const ConstMatrixRef& a, const MatrixRef& c, const Draw&, Direction) override {
    gemm<float>(a.as<float>(), std::as_const(b_).view(), c.as<float>());
    behaviour_.spoil(c.as<float>());
    if (behaviour_.calls != nullptr) behaviour_.calls->push_back("execute");
    Execution execution;
    execution.activity = behaviour_.activity;
    execution.lints = behaviour_.lints;
    return execution;
  }
  Activity update(const ConstMatrixRef&) override { return {}; }

 private:
  const FakeBehaviour& behaviour_;
  Matrix<float> b_;
  Activity setup_;
};

class FakeDevice final : public Device {
 public:
  FakeDevice(FakeBehaviour behaviour, DeviceSpec spec)
      : behaviour_(std::move(behaviour)), spec_(std::move(spec)) {}
  [[nodiscard]] const DeviceSpec& spec() const override { return spec_; }
  [[nodiscard]] const PriceTable& prices() const override { return behaviour_.prices; }
  [[nodiscard]] Support supports(const GemmShape&, OperandMode, ElementType) const override {
    return behaviour_.supported;
  }
  [[nodiscard]] Activity estimate(const GemmShape&, OperandMode,
                                  const OperandStatistics&) const override {
    return behaviour_.activity;
  }
  [[nodiscard]] Activity estimate_setup(const GemmShape&, OperandMode) const override { return {}; }
  std::unique_ptr<Plan> plan(const GemmShape&, const ConstMatrixRef& b, OperandMode,
                             const PlanOptions&) override {
    note("plan");
    return std::make_unique<FakePlan>(behaviour_, b);
  }
  void set_epoch(const Epoch& epoch) override {
    epoch_ = epoch;
    note(fmt::format("epoch {} {}", epoch.age_s, epoch.since_calibration_s));
  }
  [[nodiscard]] Epoch epoch() const override { return epoch_; }
  Activity calibrate(std::string_view method) override {
    note(fmt::format("calibrate {}", method));
    return {};
  }
  [[nodiscard]] std::vector<std::string> calibration_methods() const override {
    return {"none", "gain"};
  }
  [[nodiscard]] std::string default_calibration() const override { return "gain"; }
  [[nodiscard]] double peak_mac_per_s() const override { return behaviour_.peak_mac_per_s; }

 private:
  void note(const std::string& call) {
    if (behaviour_.calls != nullptr) behaviour_.calls->push_back(call);
  }

  FakeBehaviour behaviour_;
  DeviceSpec spec_;
  Epoch epoch_;
};

}  // namespace jb::test
