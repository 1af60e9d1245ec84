#include "harness/reference_run.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "backends/core/linear_lowering.h"
#include "harness/environment.h"
#include "harness/float_network.h"
#include "harness/point_context.h"

namespace jb::harness {
namespace {

/// Host bytes that a plan holds for each weight, beside the weight itself: simulators keep float64
/// weights, cells with their errors and packed copies; machines a packed copy.
constexpr double kSimulatedBytesPerWeight = 64;
constexpr double kMeasuredBytesPerWeight = 8;
/// Share of the free memory that plans may take; activations need some too.
constexpr double kMemoryShare = 0.6;

void solve_in_float64(NetworkWorkload& workload) {
  workload.reference_engine = "float64 on the host";
  Outputs all;
  for (std::int64_t run = 0; run < workload.runs(); ++run) {
    const std::int64_t given = workload.samples_of(run);
    append_outputs(all, run_in_float64(workload.graph.bind(given), workload.inputs_of(run)),
                   workload.valid_of(run), given);
  }
  workload.reference = std::make_shared<const Outputs>(std::move(all));
}

void solve_on_machine(NetworkWorkload& workload, double macs) {
  const FloatMachine machine = float_machine(workload.graph.bind(workload.per_run), macs);
  workload.reference_engine = machine.description;
  Outputs all;
  for (std::int64_t run = 0; run < workload.runs(); ++run) {
    std::vector<Tensor> outputs;
    machine.executable->run(workload.inputs_of(run), outputs, Draw{0, run * workload.per_run},
                            nullptr);
    append_outputs(all, outputs, workload.valid_of(run), workload.samples_of(run));
  }
  workload.reference = std::make_shared<const Outputs>(std::move(all));
}

/// Only products that the host's routine does quickly in float64.
bool is_all_matrices(const GraphView& graph) {
  return std::all_of(graph.nodes.begin(), graph.nodes.end(), [](const NodeView& node) {
    return !is_linear(node.op) || node.op == jb::Op::matmul;
  });
}

}  // namespace

FloatMachine float_machine(const GraphView& graph, double macs) {
  std::string id = "reference";
  for (const Backend* backend : backends()) {
    if (backend->info().id == "onednn" && backend->available() && macs > kMostFloat64Macs) {
      id = "onednn";
    }
  }
  const Backend& backend = find_backend(id);
  DeviceInstance instance;
  instance.precision = id == "reference" ? backend.info().precisions.front() : ElementType::f32;
  FloatMachine machine;
  machine.device = backend.open(load_device(backend, backend.info().default_device), instance);
  CompileOptions options;
  options.precision = *instance.precision;
  options.streamed = must_stream(graph, false);
  machine.executable = machine.device->compile(graph, options);
  machine.description = id == "reference" ? "float64 products on reference, float32 between layers"
                                          : "float32 on onednn";
  return machine;
}

void solve(NetworkWorkload& workload) {
  const double macs = workload.macs();
  const GraphView graph = workload.graph.bind(workload.per_run);
  // Plain loops do about 2^28 MACs a second, the product routine thirty times as many.
  constexpr double kMostPlainMacs = 268435456.0;
  const double most = is_all_matrices(graph) ? kMostFloat64Macs : kMostPlainMacs;
  if (macs <= most) {
    solve_in_float64(workload);
  } else {
    solve_on_machine(workload, macs);
  }
}

std::vector<int> argmax_of(const std::vector<double>& values, std::int64_t length) {
  std::vector<int> best;
  const auto step = static_cast<std::size_t>(length);
  for (std::size_t row = 0; row + step <= values.size(); row += step) {
    const auto begin = values.begin() + static_cast<std::ptrdiff_t>(row);
    best.push_back(static_cast<int>(std::max_element(begin, begin + length) - begin));
  }
  return best;
}

bool must_stream(const GraphView& graph, bool simulated) {
  const double per_weight = simulated ? kSimulatedBytesPerWeight : kMeasuredBytesPerWeight;
  double all = 0;
  double largest = 0;
  double activations = 0;
  for (const NodeView& node : graph.nodes) {
    double weights = 0;
    for (const LinearProduct& product : products_of(graph, node)) {
      weights += static_cast<double>(product.shape.k) * static_cast<double>(product.shape.n) *
                 static_cast<double>(product.operands);
    }
    double values = 0;
    for (const std::vector<int>* side : {&node.inputs, &node.outputs}) {
      for (const int value : *side) {
        if (value == kAbsent || graph.value(value).is_constant) continue;
        values += static_cast<double>(elements_of(graph.value(value).dims)) *
                  static_cast<double>(bytes_of(graph.value(value).type));
      }
    }
    activations = std::max(activations, values);
    all += weights * per_weight;
    largest = std::max(largest, weights * (per_weight + 4) + 4 * values);
  }
  if (const Support memory = fits_in_memory(largest); !memory) {
    throw CannotRun{results::Status::unsupported,
                    "the largest layer of network " + graph.name + " " + memory.reason};
  }
  const auto available = static_cast<double>(available_memory_bytes());
  return available > 0 && all + 4 * activations > kMemoryShare * available;
}

}  // namespace jb::harness
