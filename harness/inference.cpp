#include "harness/inference.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "backends/core/linear_lowering.h"
#include "backends/core/threads.h"
#include "harness/environment.h"
#include "harness/point_context.h"
#include "harness/point_identity.h"
#include "harness/runner.h"
#include "models/onnx/onnx.h"

namespace jb::harness {
namespace {

/// Results of nodes are allocated when they run: one that cannot fit is refused before.
void check_memory(const GraphView& graph) {
  const auto available = static_cast<double>(available_memory_bytes());
  for (const NodeView& node : graph.nodes) {
    for (const int output : node.outputs) {
      if (output == kAbsent) continue;
      const ValueView& value = graph.value(output);
      const double bytes =
          static_cast<double>(elements_of(value.dims)) * static_cast<double>(bytes_of(value.type));
      if (available <= 0 || bytes <= available) continue;
      fail_usage("node '{}': its result of {} takes {:.1f} GB, this computer has {:.1f} GB free",
                 node.name, to_string(value.dims), bytes * 1e-9, available * 1e-9);
    }
  }
}

void check_supported(const GraphView& graph, const Device& device, ElementType precision) {
  for (const NodeView& node : graph.nodes) {
    for (const LinearProduct& product : products_of(graph, node)) {
      const OperandMode mode = product.stationary ? OperandMode::stationary : OperandMode::dynamic;
      const Support support = device.supports(product.shape, mode, precision);
      if (!support) fail_unsupported("node '{}': {}", node.name, support.reason);
    }
  }
}

/// Nodes that are linear in the model and were placed elsewhere than on the machine.
std::vector<std::string> elsewhere(const GraphView& graph, const Executable& executable,
                                   const std::string& backend) {
  std::map<std::string, bool> linear;
  for (const NodeView& node : graph.nodes) linear[node.name] = is_linear(node.op);
  std::vector<std::string> names;
  const std::vector<std::string>& layers = executable.layer_names();
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (executable.placements()[i] != backend && linear[layers[i]]) names.push_back(layers[i]);
  }
  return names;
}

}  // namespace

InferenceMachine::InferenceMachine(const PointSpec& point)
    : point_(point), backend_(find_backend(point.backend)) {
  point_.gemm = {1, 1, 1};  // sizes are those of the models
  check_runnable(point_);
  if (point_.instances > 1) fail_usage("--instances: a model runs on one device here");
  if (const Support available = backend_.available(); !available) {
    throw Error(ErrorCode::not_available,
                fmt::format("backend '{}' is not available: {}", point.backend, available.reason));
  }
  set_thread_count(threads_of(point_));
  spec_ =
      load_device(backend_, point_.device.empty() ? backend_.info().default_device : point_.device);
  for (const auto& [key, value] : point_.set) spec_.set(key, value);
}

Inference InferenceMachine::run(const std::filesystem::path& model,
                                const std::vector<Tensor>& inputs) {
  const models::Graph graph = models::load_onnx(model, {inputs});
  if (inputs.size() != graph.inputs().size()) {
    fail_usage("'{}' takes {} inputs, and {} were given", model.string(), graph.inputs().size(),
               inputs.size());
  }
  const std::int64_t batch =
      inputs.empty() || inputs[0].rank() == 0 ? 1 : std::max<std::int64_t>(1, inputs[0].dims()[0]);
  const GraphView bound = graph.bind(batch);
  check_memory(bound);
  const RunOptions run_options;
  const PointContext context{point_, run_options, backend_, spec_,
                             precision_of(point_, backend_.info())};
  // Each run has a machine of its own, so that none finds another's plans or clocks.
  const auto device = backend_.open(spec_, {point_.seed, 0, context.precision});
  check_supported(bound, *device, context.precision);
  CompileOptions options;
  options.precision = context.precision;
  const auto executable = device->compile(bound, options);
  bring_to_age(context, *device);
  Inference result;
  executable->run(inputs, result.outputs, Draw{}, nullptr);
  for (const int output : bound.outputs) result.names.push_back(bound.value(output).name);
  result.ran_on_host = elsewhere(bound, *executable, backend_.info().id);
  return result;
}

}  // namespace jb::harness
