#include "backends/onednn/network/program.h"

#include <algorithm>
#include <utility>

#include "backends/host/machines.h"
#include "backends/onednn/network/step_builder.h"

namespace jb::onednn {

NetworkMemory::NetworkMemory(Device& device, const GraphView& graph, const CompileOptions& options)
    : engine(dnnl::engine::kind::cpu, 0),
      stream(engine),
      device_(device),
      graph_(graph),
      options_(options) {}

dnnl::memory::data_type NetworkMemory::operand_type() const noexcept {
  switch (options_.precision) {
    case ElementType::bf16:
      return dnnl::memory::data_type::bf16;
    case ElementType::f16:
      return dnnl::memory::data_type::f16;
    default:
      return dnnl::memory::data_type::f32;
  }
}

Tensor NetworkMemory::unkept_constant(int value) const {
  const auto kept = constants_.find(value);
  return kept != constants_.end() ? kept->second : graph_.value(value).constant.value();
}

Tensor NetworkMemory::constant(int value) {
  const Tensor tensor = unkept_constant(value);
  if (!options_.streamed) constants_.emplace(value, tensor);
  return tensor;
}

std::shared_ptr<const HeldOperand> NetworkMemory::operand(
    int node, int argument, const dnnl::memory::desc& layout,
    const std::function<dnnl::memory()>& make) {
  for (const KeptOperand& kept : operands_) {
    if (kept.node == node && kept.argument == argument && kept.layout == layout) {
      return kept.operand;
    }
  }
  const auto operand = std::make_shared<const HeldOperand>(make, !options_.streamed);
  operands_.push_back({node, argument, layout, operand});
  return operand;
}

std::shared_ptr<host::LinearRunner> NetworkMemory::runner(int node) {
  const auto kept = runners_.find(node);
  if (kept != runners_.end()) return kept->second;
  const NodeView& view = graph_.nodes[static_cast<std::size_t>(node)];
  Device* const device = host::runs_on_machine(graph_, view, options_.dynamic) ? &device_ : nullptr;
  host::MachineRoom room;  // this machine holds any number of operands
  std::shared_ptr<host::LinearRunner> runner =
      host::make_linear_runner(device, graph_, view, options_, room);
  if (!options_.streamed) runners_.emplace(node, runner);
  return runner;
}

Program::Program(NetworkMemory& memory, GraphView bound, bool fuse)
    : memory_(memory), bound_(std::move(bound)) {
  for (const ValueView& value : bound_.values) {
    const bool known = value.type == DataType::f32 && value.dims.size() <= DNNL_MAX_NDIMS;
    layouts_.push_back(known ? plain_layout(value.dims) : dnnl::memory::desc());
  }
  const std::vector<NodeGroup> groups = group_nodes(bound_, fuse);
  std::vector<int> last(bound_.values.size(), -1);
  for (const NodeGroup& group : groups) {
    steps_.push_back(build_step(memory_, bound_, group, layouts_));
    for (const int value : steps_.back()->reads()) {
      last[static_cast<std::size_t>(value)] = static_cast<int>(steps_.size()) - 1;
    }
  }
  for (const int output : bound_.outputs) {
    last[static_cast<std::size_t>(output)] = static_cast<int>(steps_.size());
  }
  dropped_.resize(steps_.size());
  for (std::size_t value = 0; value < last.size(); ++value) {
    if (last[value] < 0 || last[value] >= static_cast<int>(steps_.size())) continue;
    const auto step = static_cast<std::size_t>(last[value]);
    dropped_[step].push_back(static_cast<int>(value));
    steps_[step]->ends(static_cast<int>(value));
  }
}

void Program::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs, const Draw& draw,
                  const LayerSink* sink) {
  Run run{bound_,
          std::vector<Live>(bound_.values.size()),
          *memory_.pool,
          memory_.engine,
          memory_.stream,
          draw,
          [this](int value) { return memory_.constant(value); }};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Live& live = run.value(bound_.inputs[i]);
    live.plain = inputs[i];
    live.data = live.plain.raw();
  }
  const auto plain = [&](int value) {
    return plain_tensor(run, value, layouts_[static_cast<std::size_t>(value)]);
  };
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    const Step& step = *steps_[s];
    steps_[s]->execute(run);
    if (sink != nullptr && step.outputs()[0] != kAbsent) {
      const NodeView& node = bound_.nodes[static_cast<std::size_t>(step.node())];
      (*sink)(step.node(), node.name, plain(step.outputs()[0]));
    }
    for (const int value : dropped_[s]) run.value(value).clear();
  }
  outputs.clear();
  for (const int output : bound_.outputs) outputs.push_back(plain(output));
}

std::vector<std::string> Program::implementations() const {
  std::vector<std::string> names;
  for (const auto& step : steps_) {
    const NodeView& node = bound_.nodes[static_cast<std::size_t>(step->node())];
    const std::string name = step->implementation();
    if (!is_linear(node.op) || name.empty()) continue;
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

}  // namespace jb::onednn
