#include "backends/host/hybrid_device.h"

#include <algorithm>
#include <utility>

#include "backends/core/text.h"
#include "backends/host/host_executable.h"

namespace jb::host {
namespace {

bool concerns(const HybridDevice::Rule& rule, const NodeView& node) {
  return matches_glob(rule.pattern, node.name) || matches_glob(rule.pattern, name_of(node.op));
}

/// A rule that concerns no linear node is a slip of the pen: usage error naming what there is.
void check_rule(const HybridDevice::Rule& rule, const GraphView& graph) {
  std::vector<std::string> names;
  for (const NodeView& node : graph.nodes) {
    if (!is_linear(node.op)) continue;
    if (concerns(rule, node)) return;
    names.push_back(node.name);
  }
  constexpr std::size_t kMostNames = 12;
  if (names.size() > kMostNames) {
    names.resize(kMostNames);
    names.emplace_back("...");
  }
  fail_usage("--map: '{}' matches no linear node of network '{}' (there are: {})", rule.pattern,
             graph.name, names.empty() ? "none" : join(names));
}

[[noreturn]] void fail_product() {
  fail_internal("products go to one machine of a hybrid, not to the hybrid");
}

}  // namespace

HybridDevice::HybridDevice(DeviceSpec spec, std::vector<Part> parts, std::vector<Rule> rules)
    : spec_(std::move(spec)), parts_(std::move(parts)), rules_(std::move(rules)) {
  std::vector<const PriceTable*> tables;
  for (const Part& part : parts_) tables.push_back(&part.device->prices());
  prices_ = merge_prices(tables);
}

Support HybridDevice::supports(const GemmShape&, OperandMode, ElementType) const { fail_product(); }

Activity HybridDevice::estimate(const GemmShape&, OperandMode, const OperandStatistics&) const {
  fail_product();
}

Activity HybridDevice::estimate_setup(const GemmShape&, OperandMode) const { fail_product(); }

std::unique_ptr<Plan> HybridDevice::plan(const GemmShape&, const ConstMatrixRef&, OperandMode,
                                         const PlanOptions&) {
  fail_product();
}

Machines HybridDevice::place(const GraphView& graph, DynamicPolicy policy) const {
  for (const Rule& rule : rules_) check_rule(rule, graph);
  Machines machines;
  for (const Part& part : parts_) machines.all.push_back({part.device.get(), part.precision});
  for (const NodeView& node : graph.nodes) {
    machines.of_node.push_back(kDigital);
    if (!runs_on_machine(graph, node, policy)) continue;
    const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& candidate) {
      return concerns(candidate, node);
    });
    if (rule == rules_.end()) {
      fail_usage("--map leaves node '{}' ({}) without a machine: end it with '*=BACKEND'",
                 node.name, name_of(node.op));
    }
    machines.of_node.back() = rule->part;
  }
  return machines;
}

Support HybridDevice::supports_network(const GraphView& graph,
                                       const CompileOptions& options) const {
  const Machines machines = place(graph, options.dynamic);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (machines.of_node[i] == kDigital) continue;
    const Machine& machine = machines.all[static_cast<std::size_t>(machines.of_node[i])];
    if (const Support support =
            supports_node(*machine.device, graph, graph.nodes[i], machine.precision);
        !support) {
      return support;
    }
  }
  return Support::yes();
}

std::unique_ptr<Executable> HybridDevice::compile(const GraphView& graph,
                                                  const CompileOptions& options) {
  return std::make_unique<HostExecutable>(place(graph, options.dynamic), graph, options);
}

void HybridDevice::set_epoch(const Epoch& epoch) {
  for (const Part& part : parts_) part.device->set_epoch(epoch);
}

Activity HybridDevice::calibrate(std::string_view method) {
  Activity cost;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Device& device = *parts_[i].device;
    const std::vector<std::string> known = device.calibration_methods();
    const std::string own =
        method == kOwnCalibrations ? device.default_calibration() : std::string(method);
    if (std::find(known.begin(), known.end(), own) == known.end()) continue;
    cost += device.calibrate(own).relabelled(0, prices_.offsets[i]);
  }
  return cost;
}

std::vector<std::string> HybridDevice::calibration_methods() const {
  std::vector<std::string> methods = {"none", kOwnCalibrations};
  for (const Part& part : parts_) {
    for (const std::string& method : part.device->calibration_methods()) {
      if (std::find(methods.begin(), methods.end(), method) == methods.end()) {
        methods.push_back(method);
      }
    }
  }
  return methods;
}

std::string HybridDevice::default_calibration() const {
  const bool any = std::any_of(parts_.begin(), parts_.end(), [](const Part& part) {
    return part.device->default_calibration() != "none";
  });
  return any ? kOwnCalibrations : "none";
}

bool HybridDevice::sees_drift() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const Part& part) { return part.device->sees_drift(); });
}

double HybridDevice::drift_error(Activity& cost) {
  double largest = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    Activity look;
    largest = std::max(largest, parts_[i].device->drift_error(look));
    cost += look.relabelled(0, prices_.offsets[i]);
  }
  return largest;
}

double HybridDevice::peak_mac_per_s() const {
  // Layers follow one another, so none runs faster than the fastest machine.
  double largest = 0;
  for (const Part& part : parts_) {
    const double peak = part.device->peak_mac_per_s();
    if (!(peak > 0)) return 0;
    largest = std::max(largest, peak);
  }
  return largest;
}

}  // namespace jb::host
