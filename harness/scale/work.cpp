#include "harness/scale/work.h"

#include <algorithm>
#include <tuple>

#include "backends/core/error.h"
#include "backends/core/linear_lowering.h"
#include "backends/host/bound_graph.h"
#include "backends/host/linear_runner.h"
#include "harness/scale/decoder.h"
#include "models/networks/registry.h"

namespace jb::harness::scale {
namespace {

double elements(const GraphView& graph, int value) {
  return static_cast<double>(elements_of(graph.value(value).dims));
}

PeripheryWork times(PeripheryWork work, double factor) {
  work.adds *= factor;
  work.multiplies *= factor;
  work.comparisons *= factor;
  work.functions *= factor;
  work.macs *= factor;
  work.bytes *= factor;
  return work;
}

/// Nodes that move nothing and rename values only.
bool renames(Op op) {
  return op == Op::reshape || op == Op::identity || op == Op::flatten || op == Op::transpose ||
         op == Op::slice || op == Op::squeeze || op == Op::unsqueeze;
}

/// Whether a node needs whole vectors, not a machine's part of them.
bool needs_whole(Op op) {
  return op == Op::layer_normalization || op == Op::rnn || op == Op::lstm || op == Op::gru ||
         op == Op::global_average_pool;
}

/// Walks a graph in order, follows which values are divided in a tensor-parallel group, and sums.
class Reader {
 public:
  Reader(const GraphView& graph, double layers) : graph_(graph), layers_(layers) {
    work_.name = graph.name;
    work_.samples = graph.batch;
    divided_.resize(graph.values.size(), false);
    from_input_.resize(graph.values.size(), false);
    for (const int input : graph.inputs) from_input_[static_cast<std::size_t>(input)] = true;
  }

  Work read() {
    for (const NodeView& node : graph_.nodes) {
      repeats_ = node.name.rfind(kLayerPrefix, 0) == 0 ? layers_ : 1;
      if (is_linear(node.op) && is_float(graph_.value(node.inputs[0]).type)) {
        read_linear(node);
      } else {
        read_other(node);
      }
    }
    for (const int output : graph_.outputs) gather(output);
    return std::move(work_);
  }

 private:
  [[nodiscard]] bool divided(int value) const {
    return value != kAbsent && divided_[static_cast<std::size_t>(value)];
  }
  /// Values that come from the network's input without any parameter: no gradient goes there.
  void follow_input(const NodeView& node) {
    bool from_input = !is_linear(node.op);
    for (const int input : node.inputs) {
      if (input == kAbsent) continue;
      const ValueView& value = graph_.value(input);
      const bool parameter = value.is_constant && is_float(value.type);
      const bool computed = !value.is_constant && !from_input_[static_cast<std::size_t>(input)];
      from_input = from_input && !parameter && !computed;
    }
    for (const int output : node.outputs) {
      if (output != kAbsent) from_input_[static_cast<std::size_t>(output)] = from_input;
    }
  }
  void mark(const NodeView& node, bool divided) {
    follow_input(node);
    for (const int output : node.outputs) {
      if (output != kAbsent) divided_[static_cast<std::size_t>(output)] = divided;
    }
  }
  /// Makes a divided value whole: every machine is sent what the others hold.
  void gather(int value) {
    if (!divided(value)) return;
    // All-gather moves half of what an all-reduce of the same value does.
    work_.reduced_values += repeats_ * elements(graph_, value) / 2;
    divided_[static_cast<std::size_t>(value)] = false;
  }

  void read_linear(const NodeView& node) {
    const std::vector<LinearProduct> products = products_of(graph_, node);
    const bool stationary = std::all_of(products.begin(), products.end(),
                                        [](const LinearProduct& p) { return p.stationary; });
    const int x = constant_is_left(graph_, node) ? node.input(1) : node.input(0);
    if (needs_whole(node.op)) gather(x);
    Split split = Split::none;
    if (!stationary) {
      split = divided(node.input(0)) && divided(node.input(1)) ? Split::operands : Split::none;
      if (split == Split::none) {
        gather(node.input(0));
        gather(node.input(1));
      }
    } else if (products.size() == 1 && !needs_whole(node.op)) {
      split = divided(x) ? Split::rows : Split::columns;
    }
    const bool first = stationary && from_input_[static_cast<std::size_t>(x)];
    for (const LinearProduct& product : products) {
      const double conv = node.op == Op::conv && stationary
                              ? elements(graph_, x) / static_cast<double>(product.operands)
                              : 0;
      add(node, product, split, first && product.part.empty(), conv);
    }
    const bool stays = split == Split::columns || split == Split::operands;
    if (split == Split::rows) work_.reduced_values += repeats_ * elements(graph_, node.outputs[0]);
    mark(node, stays);
    add_periphery(host::linear_work(graph_, node), stays);
    work_.kept_values += repeats_ * elements(graph_, node.outputs[0]);
  }

  void read_other(const NodeView& node) {
    bool all = true;
    bool any = false;
    for (const int input : node.inputs) {
      if (input == kAbsent || graph_.value(input).is_constant) continue;
      all = all && divided(input);
      any = any || divided(input);
    }
    const bool stays = any && all && !needs_whole(node.op);
    if (any && !stays) {
      for (const int input : node.inputs) {
        if (input != kAbsent) gather(input);
      }
    }
    mark(node, stays);
    add_periphery(host::bound_work(graph_, node), stays);
    if (!renames(node.op) && !node.outputs.empty() && node.outputs[0] != kAbsent &&
        is_float(graph_.value(node.outputs[0]).type)) {
      work_.kept_values += repeats_ * elements(graph_, node.outputs[0]);
    }
  }

  void add_periphery(const PeripheryWork& work, bool stays) {
    (stays ? work_.periphery_split : work_.periphery_whole) += times(work, repeats_);
  }

  void add(const NodeView& node, const LinearProduct& product, Split split, bool first,
           double conv) {
    const auto operands = static_cast<double>(product.operands);
    const auto uses = static_cast<double>(product.uses);
    for (Product& known : work_.products) {
      if (known.shape == product.shape && known.operands == operands && known.uses == uses &&
          known.stationary == product.stationary && known.split == split && known.first == first &&
          known.conv_input == conv) {
        known.repeats += repeats_;
        return;
      }
    }
    work_.products.push_back({node.name, product.shape, operands, uses, repeats_,
                              product.stationary, split, first, conv});
  }

  const GraphView& graph_;
  double layers_;
  double repeats_ = 1;
  Work work_;
  std::vector<bool> divided_;
  std::vector<bool> from_input_;
};

/// What passes between two blocks of layers: the widest value that a normalisation or a linear node
/// takes in whole; of text the vectors of all tokens.
double boundary_of(const GraphView& graph) {
  double widest = 0;
  for (const NodeView& node : graph.nodes) {
    if (!is_linear(node.op) || graph.value(node.inputs[0]).is_constant) continue;
    if (!is_float(graph.value(node.inputs[0]).type)) continue;
    const double here = elements(graph, node.inputs[0]);
    if (widest == 0 || here < widest) widest = here;
  }
  return widest;
}

double stationary_nodes(const Work& work) {
  double nodes = 0;
  for (const Product& product : work.products) nodes += product.stationary ? product.repeats : 0;
  return std::max(1.0, nodes);
}

}  // namespace

double Work::macs() const noexcept {
  double sum = 0;
  for (const Product& product : products) sum += product.macs();
  return sum;
}

double Work::training_macs() const noexcept {
  double sum = 0;
  for (const Product& product : products) sum += product.macs() * (product.first ? 2 : 3);
  return sum;
}

Work work_of(const std::string& network, std::int64_t samples, std::int64_t sequence) {
  if (samples < 1) fail_usage("an estimate takes at least one sample at a time, not {}", samples);
  if (is_decoder(network)) {
    DecoderSizes sizes = decoder_sizes_from(network);
    if (sequence > 0) sizes.sequence = sequence;
    const GraphView graph = decoder_graph(sizes).bind(samples);
    Work work = Reader(graph, static_cast<double>(sizes.layers)).read();
    work.name = network;
    work.sequence = sizes.sequence;
    work.parameters = decoder_parameters(sizes);
    work.boundary_values = static_cast<double>(samples) * static_cast<double>(sizes.sequence) *
                           static_cast<double>(sizes.width);
    work.blocks = static_cast<double>(sizes.layers);
    return work;
  }
  models::NetworkOptions options;
  options.sequence = sequence;
  const models::Graph built = models::build_network(network, options);
  const GraphView graph = built.bind(samples);
  Work work = Reader(graph, 1).read();
  work.name = network;
  work.sequence = sequence > 0 ? sequence : models::network_info(network).default_sequence;
  work.parameters = models::parameters_of(built);
  work.boundary_values = boundary_of(graph);
  work.blocks = stationary_nodes(work);
  return work;
}

}  // namespace jb::harness::scale
