#include "models/networks/registry.h"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <utility>

#include "backends/core/random.h"
#include "backends/core/text.h"
#include "models/mlp.h"
#include "models/networks/builders.h"

namespace jb::models {
namespace {

const std::vector<NetworkInfo>& literature() {
  static const std::vector<NetworkInfo> networks = {lenet5_info(),
                                                    alexnet_info(),
                                                    vgg16_info(),
                                                    resnet18_info(),
                                                    resnet50_info(),
                                                    mobilenet_v2_info(),
                                                    transformer_base_info(),
                                                    transformer_big_info(),
                                                    elmo_info(),
                                                    bert_base_info(),
                                                    gpt2_info(),
                                                    gpt2_xl_info(),
                                                    dlrm_info()};
  return networks;
}

void check_options(const NetworkInfo& info, const NetworkOptions& options) {
  if (options.sequence != 0) {
    if (info.default_sequence == 0) {
      fail_usage("network '{}' is not over text and takes no sequence length", info.name);
    }
    const std::int64_t longest =
        info.longest_sequence > 0 ? info.longest_sequence : kLongestSequence;
    if (options.sequence < 1 || options.sequence > longest) {
      fail_usage("network '{}' takes sequences of 1 to {} tokens, not {}", info.name, longest,
                 options.sequence);
    }
  }
  if (options.table_rows != 0) {
    if (info.default_table_rows == 0) {
      fail_usage("network '{}' has no embedding tables and takes no number of their rows",
                 info.name);
    }
    if (options.table_rows < 1 || options.table_rows > kMostTableRows) {
      fail_usage("network '{}' takes tables of 1 to {} rows, not {}", info.name, kMostTableRows,
                 options.table_rows);
    }
  }
}

NetworkOptions with_defaults(const NetworkInfo& info, NetworkOptions options) {
  check_options(info, options);
  if (options.sequence == 0) options.sequence = info.default_sequence;
  if (options.table_rows == 0) options.table_rows = info.default_table_rows;
  return options;
}

/// Elements of one sample of an input.
std::int64_t sample_size(const InputSpec& input) {
  std::int64_t size = 1;
  for (const std::int64_t dim : input.dims) size *= dim == kBatch ? 1 : dim;
  return size;
}

void draw_indices(const InputSpec& input, const RandomStream& stream, std::int64_t sample,
                  std::span<std::int64_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const std::int64_t limit = input.limits[input.limits.size() == 1 ? 0 : i];
    // A 32-bit word scaled to the range: the shares of indices differ by at most limit / 2^32.
    const std::uint64_t word = stream.word(sample, static_cast<std::int64_t>(i), 0);
    out[i] = static_cast<std::int64_t>((word * static_cast<std::uint64_t>(limit)) >> 32U);
  }
}

}  // namespace

std::vector<std::string> network_names() {
  std::vector<std::string> names = mlp_names();
  for (const NetworkInfo& info : literature()) names.push_back(info.name);
  return names;
}

NetworkInfo network_info(const std::string& name) {
  for (const NetworkInfo& info : literature()) {
    if (info.name == name) return info;
  }
  if (is_mlp_name(name)) return mlp_info(name);
  const std::vector<std::string> names = network_names();
  fail_usage("unknown network '{}'{} (known: {}, or mlp-INPUTS-...-OUTPUTS)", name,
             did_you_mean(name, names), join(names));
}

Graph build_network(const std::string& name, const NetworkOptions& options) {
  const NetworkInfo info = network_info(name);
  return info.build(with_defaults(info, options));
}

std::vector<InputSpec> network_inputs(const std::string& name, const NetworkOptions& options) {
  const NetworkInfo info = network_info(name);
  return info.inputs(with_defaults(info, options));
}

std::vector<Tensor> draw_inputs(const std::vector<InputSpec>& inputs, std::int64_t batch,
                                std::int64_t first, std::uint64_t seed) {
  std::vector<Tensor> drawn;
  for (const InputSpec& input : inputs) {
    Dims dims = input.dims;
    std::replace(dims.begin(), dims.end(), kBatch, batch);
    const auto size = static_cast<std::size_t>(sample_size(input));
    const RandomStream stream(seed, 0, tag_of("network.input"), tag_of(input.name));
    Tensor tensor(input.type, dims);
    for (std::int64_t b = 0; b < batch; ++b) {
      const auto at = static_cast<std::size_t>(b) * size;
      if (input.kind == InputSpec::Kind::indices) {
        draw_indices(input, stream, first + b, tensor.as_mutable<std::int64_t>().subspan(at, size));
      } else if (input.kind == InputSpec::Kind::unit) {
        stream.uniforms(tensor.as_mutable<float>().subspan(at, size), first + b, 0, 0);
      } else {
        stream.normals(tensor.as_mutable<float>().subspan(at, size), first + b, 0, 0);
      }
    }
    drawn.push_back(std::move(tensor));
  }
  return drawn;
}

double parameters_of(const Graph& graph) {
  std::set<int> trained;
  for (const NodeView& node : graph.nodes()) {
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kAbsent) continue;
      const ValueView& value = graph.values()[static_cast<std::size_t>(node.inputs[i])];
      const bool statistics = node.op == Op::batch_normalization && i >= 3;
      const bool fixed = value.name.rfind(kFixedPrefix, 0) == 0;
      if (value.is_constant && is_float(value.type) && !statistics && !fixed) {
        trained.insert(node.inputs[i]);
      }
    }
  }
  double count = 0;
  for (const int index : trained) {
    count += static_cast<double>(elements_of(graph.values()[static_cast<std::size_t>(index)].dims));
  }
  return count;
}

}  // namespace jb::models
