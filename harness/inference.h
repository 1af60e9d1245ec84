#pragma once
// A model run once on one opened machine: what `infer` and `conformance` share.

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "harness/point.h"
#include "results/record.h"

namespace jb::harness {

struct Inference {
  std::vector<Tensor> outputs;           ///< in the order of the model's
  std::vector<std::string> names;        ///< of the outputs
  std::vector<std::string> ran_on_host;  ///< linear nodes that another than the machine computed
  /// Of the run as a network point: energy and time as the machine has them, of the inputs given
  /// (known by their hash).
  results::Record record;
};

class HybridBackend;  // harness/network_map.h
struct Metering;      // harness/metering.h

class InferenceMachine {
 public:
  /// Reads the point's device. Usage error for what makes no sense.
  explicit InferenceMachine(const PointSpec& point);
  ~InferenceMachine();

  /// Meters that timed runs are read by.
  void meter_with(std::shared_ptr<const Metering> metering) { metering_ = std::move(metering); }

  /// Whether the machine is here, with the reason when not.
  [[nodiscard]] Support available() const;

  /// Loads the model for these inputs and runs it; `timed`: a machine whose time is measured runs
  /// it again and again, for device_time_s. Usage error for a model or inputs that make no sense;
  /// Unsupported for what is not covered or what the machine does not multiply.
  Inference run(const std::filesystem::path& model, const std::vector<Tensor>& inputs,
                bool timed = false);

 private:
  [[nodiscard]] const Backend& backend() const;

  PointSpec point_;
  std::shared_ptr<const Metering> metering_;
  std::unique_ptr<HybridBackend> hybrid_;  // the machines of --map; null without
  DeviceSpec spec_;
};

}  // namespace jb::harness
