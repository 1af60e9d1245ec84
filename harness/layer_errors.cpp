#include "harness/layer_errors.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "backends/host/kernels.h"
#include "harness/float_network.h"

namespace jb::harness {
namespace {

constexpr std::int64_t kMostSamples = 32;
constexpr double kMostMacs = 536870912.0;  // 2^29 on the host, twice

std::optional<double> relative_error(const Tensor& got, const Tensor& expected) {
  const Tensor wide = as_float64(got);
  if (wide.type() != DataType::f64 || wide.size() != expected.size()) return std::nullopt;
  const auto y = wide.as<double>();
  const auto r = expected.as<double>();
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < y.size(); ++i) {
    error += (y[i] - r[i]) * (y[i] - r[i]);
    size += r[i] * r[i];
  }
  if (!(size > 0) || !std::isfinite(error)) return std::nullopt;
  return std::sqrt(error / size);
}

/// Follows a run through its sink: keeps what later nodes read.
class Follower {
 public:
  Follower(const GraphView& graph, const std::vector<Tensor>& inputs, LayerErrors& errors)
      : graph_(graph), errors_(errors), values_(graph.values.size()) {
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      values_[static_cast<std::size_t>(graph.inputs[i])] = inputs[i];
    }
    last_.assign(graph.values.size(), 0);
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      for (const int input : graph.nodes[i].inputs) {
        if (input != kAbsent) last_[static_cast<std::size_t>(input)] = i;
      }
    }
    std::vector<Tensor> outputs = run_in_float64(
        graph, inputs,
        [&](std::size_t node, const std::vector<const Tensor*>&, const std::vector<Tensor>& out) {
          if (is_linear(graph_.nodes[node].op)) expected_[node] = out.at(0);
        });
  }

  void see(std::size_t index, const Tensor& output) {
    const NodeView& node = graph_.nodes.at(index);
    if (!has_inputs(node)) {
      // A machine that computes nodes in one, as analog layers do, tells some outputs only.
      keep(node.outputs[0], output);
      return;
    }
    if (is_linear(node.op)) {
      LayerError& error = errors_.by_layer[node.name];
      error.so_far = relative_error(output, expected_.at(index));
      expected_.erase(index);
      error.added = relative_error(output, run_node(node, true).at(0));
    }
    if (node.outputs.size() > 1) {
      // The sink is given the first output alone; digital nodes give the others again.
      std::vector<Tensor> all = run_node(node, is_linear(node.op));
      for (std::size_t o = 1; o < node.outputs.size(); ++o) keep(node.outputs[o], all.at(o));
    }
    keep(node.outputs[0], output);
    for (const int input : node.inputs) {
      if (input != kAbsent && last_[static_cast<std::size_t>(input)] == index) {
        values_[static_cast<std::size_t>(input)] = Tensor();
      }
    }
  }

 private:
  [[nodiscard]] bool has_inputs(const NodeView& node) const {
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](int input) {
      return input == kAbsent || graph_.value(input).is_constant ||
             values_[static_cast<std::size_t>(input)].raw() != nullptr;
    });
  }

  void keep(int value, const Tensor& tensor) {
    if (value != kAbsent) values_[static_cast<std::size_t>(value)] = tensor;
  }

  /// The node on the values of the run, in float64 or in the values' own types.
  std::vector<Tensor> run_node(const NodeView& node, bool wide) {
    std::vector<Tensor> held;
    for (const int input : node.inputs) {
      if (input == kAbsent) {
        held.emplace_back();
        continue;
      }
      const ValueView& value = graph_.value(input);
      const Tensor tensor =
          value.is_constant ? value.constant.value() : values_[static_cast<std::size_t>(input)];
      held.push_back(wide ? as_float64(tensor) : tensor);
    }
    std::vector<const Tensor*> given;
    for (std::size_t i = 0; i < held.size(); ++i) {
      given.push_back(node.inputs[i] == kAbsent ? nullptr : &held[i]);
    }
    return wide ? node_in_float64(node, given) : host::run_kernel(node, given);
  }

  const GraphView& graph_;
  LayerErrors& errors_;
  std::vector<Tensor> values_;
  std::vector<std::size_t> last_;
  std::map<std::size_t, Tensor> expected_;  // by node
};

std::vector<Tensor> first_inputs(const NetworkWorkload& workload, std::int64_t samples) {
  if (workload.data == nullptr) {
    return drawn_inputs(*workload.source, workload.dist, workload.seed, 0, samples);
  }
  if (workload.source->fixed_batch > 0) return workload.inputs_of(0);
  const MatrixView<const float> images = workload.data->test.images.view();
  return {images_as_input(images.block(0, 0, samples, images.cols), workload.data->test,
                          workload.source->inputs.front())};
}

}  // namespace

std::optional<LayerErrors> layer_errors(Executable& executable, const NetworkWorkload& workload,
                                        bool at_any_cost) {
  const std::int64_t fixed = workload.source->fixed_batch;
  std::int64_t samples = fixed > 0 ? fixed : std::min(kMostSamples, workload.samples_of(0));
  while (workload.graph.bind(samples).macs() > kMostMacs) {
    if (samples == 1 || fixed > 0) {
      if (at_any_cost) break;
      return std::nullopt;
    }
    samples = (samples + 1) / 2;
  }
  const GraphView graph = workload.graph.bind(samples);
  if (executable.layer_names().size() != graph.nodes.size()) return std::nullopt;
  LayerErrors errors;
  errors.samples = samples;
  const std::vector<Tensor> inputs = first_inputs(workload, samples);
  Follower follower(graph, inputs, errors);
  const LayerSink sink = [&](int node, std::string_view, const Tensor& output) {
    follower.see(static_cast<std::size_t>(node), output);
  };
  std::vector<Tensor> outputs;
  executable.run(inputs, outputs, Draw{}, &sink);
  return errors;
}

}  // namespace jb::harness
