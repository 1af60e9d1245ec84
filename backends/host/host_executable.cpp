#include "backends/host/host_executable.h"

#include <algorithm>
#include <utility>

#include "backends/host/bound_graph.h"
#include "backends/host/kernels.h"
#include "backends/host/ops/unary.h"

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

std::vector<const PriceTable*> prices_of(const Machines& machines) {
  std::vector<const PriceTable*> tables;
  for (const Machine& machine : machines.all) tables.push_back(&machine.device->prices());
  return tables;
}

/// work_of() a node at the sizes it was just run with.
PeripheryWork work_at(const NodeView& node, const std::vector<const Tensor*>& inputs,
                      const std::vector<Tensor>& outputs) {
  std::vector<KnownValue> known;
  std::vector<const KnownValue*> known_inputs;
  std::vector<KnownValue> known_outputs;
  known.reserve(inputs.size());
  for (const Tensor* t : inputs) {
    known.push_back(t == nullptr ? KnownValue{} : KnownValue{t->type(), t->dims(), nullptr});
    known_inputs.push_back(t == nullptr ? nullptr : &known.back());
  }
  for (const Tensor& t : outputs) known_outputs.push_back({t.type(), t.dims(), nullptr});
  return work_of(node, known_inputs, known_outputs);
}

}  // namespace

HostExecutable::HostExecutable(Machines machines, const GraphView& graph,
                               const CompileOptions& options)
    : machines_(std::move(machines)),
      graph_(graph),
      options_(options),
      constants_(graph.values.size()),
      last_use_(last_uses(graph)) {
  MergedPrices merged = merge_prices(prices_of(machines_));
  prices_ = std::move(merged.table);
  offsets_ = std::move(merged.offsets);
  periphery_ = add_periphery(prices_);
  if (machines_.all.size() > 1) {
    link_ = add_machine_link(prices_);
    transfers_ = transfers_between(graph_, machines_.of_node);
  }
  runners_.resize(graph_.nodes.size());
  std::vector<MachineRoom> rooms(machines_.all.size() + 1);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const NodeView& node = graph_.nodes[i];
    names_.push_back(node.name);
    const int machine = machines_.of_node[i];
    Device* const device =
        machine == kDigital ? nullptr : machines_.all[static_cast<std::size_t>(machine)].device;
    placements_.emplace_back(device == nullptr ? "digital" : device->spec().backend());
    // Products of integers are kernels of the host.
    if (is_linear(node.op) && is_float(graph_.value(node.inputs[0]).type)) {
      runners_[i] = make_linear_runner(device, graph_, node, options_of(i),
                                       rooms[static_cast<std::size_t>(machine + 1)]);
      setup_ += runners_[i]->setup().relabelled(layer_of(i), offset_of(i));
    }
    for (std::size_t p = 0; p < node.inputs.size() && !options_.streamed; ++p) {
      const int input = node.inputs[p];
      if (input == kAbsent || !graph_.value(input).constant.has_elements()) continue;
      if (runners_[i] != nullptr && runners_[i]->holds(p)) continue;
      Tensor& constant = constants_[static_cast<std::size_t>(input)];
      if (constant.raw() == nullptr) constant = graph_.value(input).constant.value();
    }
  }
  along_.assign(graph_.nodes.size(), -1);
  taken_along_.assign(graph_.nodes.size(), false);
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    along_[i] = function_behind(i);
    if (along_[i] >= 0) taken_along_[static_cast<std::size_t>(along_[i])] = true;
  }
  for (const int output : graph_.outputs) {
    const Constant& constant = graph_.value(output).constant;
    if (constant.has_elements()) constants_[static_cast<std::size_t>(output)] = constant.value();
  }
}

HostExecutable::~HostExecutable() = default;

int HostExecutable::function_behind(std::size_t node) const {
  const NodeView& linear = graph_.nodes[node];
  if (runners_[node] == nullptr || linear.outputs.size() != 1) return -1;
  if (linear.op == Op::rnn || linear.op == Op::lstm || linear.op == Op::gru) return -1;
  const int value = linear.outputs[0];
  if (graph_.value(value).type != DataType::f32) return -1;
  int reader = -1;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const std::vector<int>& inputs = graph_.nodes[i].inputs;
    if (std::find(inputs.begin(), inputs.end(), value) == inputs.end()) continue;
    if (reader >= 0 || inputs.size() != 1) return -1;
    reader = static_cast<int>(i);
  }
  if (reader < 0 || last_use_[static_cast<std::size_t>(value)] != reader) return -1;
  return is_unary_function(graph_.nodes[static_cast<std::size_t>(reader)].op) ? reader : -1;
}

CompileOptions HostExecutable::options_of(std::size_t node) const {
  CompileOptions options = options_;
  if (machines_.of_node[node] == kDigital) return options;
  options.precision = machines_.all[static_cast<std::size_t>(machines_.of_node[node])].precision;
  return options;
}

ActionId HostExecutable::offset_of(std::size_t node) const {
  const int machine = machines_.of_node[node];
  return machine == kDigital ? ActionId{0} : offsets_[static_cast<std::size_t>(machine)];
}

template <class DimsOf>
void HostExecutable::count_transfers(Activity& activity, std::size_t node, DimsOf dims_of) const {
  for (const Transfer& transfer : transfers_) {
    if (transfer.node != static_cast<int>(node)) continue;
    const auto elements = static_cast<double>(elements_of(dims_of(transfer.value)));
    const auto bytes = static_cast<double>(bytes_of(graph_.value(transfer.value).type));
    Activity part;
    count_transfer(part, link_, elements, elements * bytes, 0);
    // Machines without a model of time leave the whole without one.
    if (activity.device_time_s > 0) part.device_time_s = elements * bytes / kLinkBytesPerSecond;
    activity += part.relabelled(layer_of(node));
  }
}

bool HostExecutable::resident() const {
  return std::all_of(runners_.begin(), runners_.end(),
                     [](const auto& runner) { return runner == nullptr || runner->resident(); });
}

std::string HostExecutable::implementation() const {
  for (const auto& runner : runners_) {
    if (runner != nullptr && !runner->implementation().empty()) return runner->implementation();
  }
  return {};
}

std::map<std::string, double> HostExecutable::converter_ranges() const {
  std::map<std::string, double> ranges;
  for (const auto& runner : runners_) {
    if (runner != nullptr) runner->add_converter_ranges(ranges);
  }
  return ranges;
}

/// True for a function of one value whose argument nobody reads afterwards: computed in place.
bool HostExecutable::overwrites_input(std::size_t node,
                                      const std::vector<const Tensor*>& inputs) const {
  const NodeView& view = graph_.nodes[node];
  return view.inputs.size() == 1 && inputs[0] != nullptr && inputs[0]->type() == DataType::f32 &&
         !graph_.value(view.inputs[0]).is_constant &&
         last_use_[static_cast<std::size_t>(view.inputs[0])] == static_cast<int>(node) &&
         is_unary_function(view.op);
}

Execution HostExecutable::run(const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs,
                              const Draw& draw, const LayerSink* sink) {
  if (inputs.size() != graph_.inputs.size()) {
    fail_usage("network '{}' takes {} inputs, not {}", graph_.name, graph_.inputs.size(),
               inputs.size());
  }
  const StoragePool::Scope scope(pool_);
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
    for (std::size_t p = 0; p < node.inputs.size(); ++p) {
      const int input = node.inputs[p];
      const bool held = runners_[i] != nullptr && runners_[i]->holds(p);
      given.push_back(input == kAbsent || held ? nullptr
                                               : &values[static_cast<std::size_t>(input)]);
      // Streamed constants are made for the nodes that read them and dropped with the last one.
      if (given.back() != nullptr && given.back()->raw() == nullptr &&
          graph_.value(input).is_constant) {
        values[static_cast<std::size_t>(input)] = graph_.value(input).constant.value();
      }
    }
    PeripheryWork work;
    std::vector<Tensor> produced;
    count_transfers(result.activity, i, [&](int value) -> const Dims& {
      return values[static_cast<std::size_t>(value)].dims();
    });
    if (runners_[i] != nullptr) {
      Execution part;
      const NodeView* const function = sink == nullptr && along_[i] >= 0
                                           ? &graph_.nodes[static_cast<std::size_t>(along_[i])]
                                           : nullptr;
      produced = runners_[i]->run(given, draw, part, work, function);
      result.activity += part.activity.relabelled(layer_of(i), offset_of(i));
      part.products.relabel(layer_of(i));
      result.products.add(part.products);
      for (const std::string& lint : part.lints) {
        result.lints.push_back("layer '" + node.name + "': " + lint);
      }
    } else {
      const bool done = sink == nullptr && taken_along_[i];
      if (done || overwrites_input(i, given)) {
        Tensor& x = values[static_cast<std::size_t>(node.inputs[0])];
        if (!done) apply_unary(node, x);
        produced = {std::move(x)};
        given = {&produced[0]};
      } else {
        produced = run_kernel(node, given);
      }
      work = work_at(node, given, produced);
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

Activity HostExecutable::setup_with(const GraphView& bound,
                                    const NetworkStatistics& statistics) const {
  const auto& rows = setup_.rows();
  if (std::none_of(rows.begin(), rows.end(), [&](const ActivityRow& row) {
        return prices_.prices.at(row.action).data_dependent;
      })) {
    return setup_;
  }
  Activity activity;
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    if (runners_[i] == nullptr) continue;
    activity += runners_[i]->setup_with(bound, statistics).relabelled(layer_of(i), offset_of(i));
  }
  return activity;
}

Activity HostExecutable::counted(const GraphView& bound, const NetworkStatistics* given) const {
  Activity activity;
  for (std::size_t i = 0; i < bound.nodes.size(); ++i) {
    const NodeView& node = bound.nodes[i];
    PeripheryWork work;
    count_transfers(activity, i, [&](int value) -> const Dims& { return bound.value(value).dims; });
    if (runners_[i] != nullptr) {
      Activity part;
      runners_[i]->estimate(bound, given, part, work);
      activity += part.relabelled(layer_of(i), offset_of(i));
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
  return std::make_unique<host::HostExecutable>(
      host::one_machine(*this, options.precision, graph, options.dynamic), graph, options);
}

bool Device::fuses(Op /*linear*/, Op next) const {
  return next == Op::batch_normalization || next == Op::add || host::is_unary_function(next);
}

Support Device::supports_network(const GraphView& graph, const CompileOptions& options) const {
  for (const NodeView& node : graph.nodes) {
    if (!host::runs_on_machine(graph, node, options.dynamic)) continue;
    if (const Support support = host::supports_node(*this, graph, node, options.precision);
        !support) {
      return support;
    }
  }
  return Support::yes();
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
