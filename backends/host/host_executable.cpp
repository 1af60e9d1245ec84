#include "backends/host/host_executable.h"

#include <algorithm>
#include <utility>

#include "backends/host/bound_graph.h"
#include "backends/host/kernels.h"

namespace jb::host {
namespace {

constexpr std::uint32_t layer_of(std::size_t node) { return static_cast<std::uint32_t>(node + 1); }

/// For each value the last node that reads it; outputs of the graph are kept to the end.
std::vector<int> last_uses(const GraphView& graph) {
  std::vector<int> last(graph.values.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    for (const int input : graph.nodes[i].inputs) {
      if (input != kAbsent) last[static_cast<std::size_t>(input)] = static_cast<int>(i);
    }
  }
  for (const int output : graph.outputs) {
    last[static_cast<std::size_t>(output)] = static_cast<int>(graph.nodes.size());
  }
  return last;
}

}  // namespace

HostExecutable::HostExecutable(Device& device, const GraphView& graph,
                               const CompileOptions& options)
    : device_(device),
      graph_(graph),
      options_(options),
      constants_(graph.values.size()),
      last_use_(last_uses(graph)),
      prices_(device.prices()) {
  periphery_ = add_periphery(prices_);
  runners_.resize(graph_.nodes.size());
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    placements_.emplace_back(is_linear(node.op) ? device.spec().backend() : "digital");
    if (is_linear(node.op)) {
      runners_[i] = make_linear_runner(device_, graph_, node, options);
      setup_ += runners_[i]->setup().relabelled(layer_of(i));
    }
    for (std::size_t p = 0; p < node.inputs.size(); ++p) {
      const int input = node.inputs[p];
      if (input == kAbsent || !graph_.value(input).is_constant) continue;
      if (is_linear(node.op) && p == 1) continue;  // held by the plan
      constants_[static_cast<std::size_t>(input)] = graph_.value(input).constant.value();
    }
  }
}

HostExecutable::~HostExecutable() = default;

bool HostExecutable::resident() const {
  return std::all_of(runners_.begin(), runners_.end(),
                     [](const auto& runner) { return runner == nullptr || runner->resident(); });
}

std::string HostExecutable::implementation() const {
  for (const auto& runner : runners_) {
    if (runner != nullptr) return runner->implementation();
  }
  return {};
}

Execution HostExecutable::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs,
                              const Draw& draw, const LayerSink* sink) {
  if (inputs.size() != graph_.inputs.size()) {
    fail_usage("network '{}' takes {} inputs, not {}", graph_.name, graph_.inputs.size(),
               inputs.size());
  }
  std::vector<Tensor> values = constants_;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ValueView& value = graph_.value(graph_.inputs[i]);
    const Dims& given = inputs[i].dims();
    if (given.size() != value.dims.size() ||
        !std::equal(given.begin() + (given.empty() ? 0 : 1), given.end(),
                    value.dims.begin() + (given.empty() ? 0 : 1))) {
      fail_usage("network '{}' takes {} as input '{}', not {}", graph_.name, to_string(value.dims),
                 value.name, to_string(given));
    }
    values[static_cast<std::size_t>(graph_.inputs[i])] = inputs[i];
  }
  Execution result;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeView& node = graph_.nodes[i];
    std::vector<const Tensor*> given;
    for (const int input : node.inputs) {
      given.push_back(input == kAbsent ? nullptr : &values[static_cast<std::size_t>(input)]);
    }
    PeripheryWork work;
    std::vector<Tensor> produced;
    if (runners_[i] != nullptr) {
      Execution part;
      produced = runners_[i]->run(given, draw, part, work);
      result.activity += part.activity.relabelled(layer_of(i));
      for (const std::string& lint : part.lints) {
        result.lints.push_back("layer '" + node.name + "': " + lint);
      }
    } else {
      produced = run_kernel(node, given);
      std::vector<KnownValue> known;
      std::vector<const KnownValue*> known_inputs;
      std::vector<KnownValue> known_outputs;
      known.reserve(given.size());
      for (const Tensor* t : given) {
        known.push_back(t == nullptr ? KnownValue{} : KnownValue{t->type(), t->dims(), nullptr});
        known_inputs.push_back(t == nullptr ? nullptr : &known.back());
      }
      for (const Tensor& t : produced) known_outputs.push_back({t.type(), t.dims(), nullptr});
      work = work_of(node, known_inputs, known_outputs);
    }
    count(result.activity, periphery_, work, layer_of(i));
    if (sink != nullptr) (*sink)(static_cast<int>(i), node.name, produced.at(0));
    for (std::size_t o = 0; o < node.outputs.size(); ++o) {
      if (node.outputs[o] == kAbsent) continue;
      values[static_cast<std::size_t>(node.outputs[o])] = std::move(produced.at(o));
    }
    for (const int input : node.inputs) {
      if (input != kAbsent && last_use_[static_cast<std::size_t>(input)] == static_cast<int>(i)) {
        values[static_cast<std::size_t>(input)] = Tensor();
      }
    }
  }
  outputs.clear();
  for (const int output : graph_.outputs) {
    outputs.push_back(values[static_cast<std::size_t>(output)]);
  }
  return result;
}

Activity HostExecutable::estimate(const GraphView& bound) const {
  Activity activity;
  for (std::size_t i = 0; i < bound.nodes.size(); ++i) {
    const NodeView& node = bound.nodes[i];
    PeripheryWork work;
    if (is_linear(node.op)) {
      activity += estimate_linear(device_, bound, node, options_).relabelled(layer_of(i));
      work = linear_work(bound, node);
    } else {
      work = bound_work(bound, node);
    }
    count(activity, periphery_, work, layer_of(i));
  }
  return activity;
}

}  // namespace jb::host

namespace jb {

std::unique_ptr<Executable> Device::compile(const GraphView& graph, const CompileOptions& options) {
  return std::make_unique<host::HostExecutable>(*this, graph, options);
}

Execution run_rows(Executable& executable, MatrixView<const float> inputs,
                   MatrixView<float> outputs, const Draw& draw, const LayerSink* sink) {
  std::vector<Tensor> results;
  Execution execution = executable.run({tensor_of(inputs)}, results, draw, sink);
  const Tensor& result = results.at(0);
  if (outputs.rows != inputs.rows || outputs.rows * outputs.cols != result.size()) {
    fail_usage("the network gives {}, not {} x {}", to_string(result.dims()), outputs.rows,
               outputs.cols);
  }
  if (result.size() > 0) copy_into(result.rows_f32(inputs.rows), MatrixRef(outputs));
  return execution;
}

}  // namespace jb
