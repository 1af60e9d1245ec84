// GPT-2 (Radford et al., 2019): decoder layers with normalisation before each part, one matrix for
// embedding and output. Weights have deviation 0.02 (positions 0.01), those that write to the
// residual 0.02 / sqrt(2 layers), as in section 2.3 and the authors' code.

#include <fmt/core.h>

#include <cmath>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

constexpr std::int64_t kTokens = 50257, kPositions = 1024;
constexpr std::int64_t kSequence = 128;
constexpr double kDeviation = 0.02;
constexpr double kPositionDeviation = 0.01;
constexpr float kEpsilon = 1e-5F;

struct Kind {
  const char* name;
  std::int64_t width, heads;
  int layers;
};

std::vector<InputSpec> inputs(const NetworkOptions& options) {
  return {{"input_ids",
           DataType::s64,
           {kBatch, options.sequence},
           InputSpec::Kind::indices,
           {kTokens}}};
}

int decoder_layer(Layers& net, const Kind& kind, const std::string& at, int x, int mask) {
  const double residual = kDeviation / std::sqrt(2.0 * kind.layers);
  AttentionSizes sizes;
  sizes.width = kind.width;
  sizes.heads = kind.heads;
  sizes.output_deviation = residual;
  sizes.mask = mask;
  int y = net.layer_norm(at + ".norm1", x, kind.width, kEpsilon);
  y = net.linear(at + ".attention.qkv", y, kind.width, 3 * kind.width, kDeviation);
  const auto part = [&](const char* name, std::int64_t index) {
    return net.slice(at + ".attention" + name, y, 2, index * kind.width, (index + 1) * kind.width);
  };
  const int query = part(".query", 0);
  const int key = part(".key", 1);
  const int value = part(".value", 2);
  x = net.add(at + ".attention.add", x, net.attend(at + ".attention", query, key, value, sizes));
  y = net.layer_norm(at + ".norm2", x, kind.width, kEpsilon);
  y = net.linear(at + ".fc1", y, kind.width, 4 * kind.width, kDeviation);
  y = net.op(Op::gelu, at + ".gelu", {y}, GeluAttributes{true});
  y = net.linear(at + ".fc2", y, 4 * kind.width, kind.width, residual);
  return net.add(at + ".add", x, y);
}

Graph build(const Kind& kind, const NetworkOptions& options) {
  Layers net(kind.name, options.seed);
  const int ids = net.input(inputs(options)[0]);
  const int table = net.trained("embedding.weight", {kTokens, kind.width}, kDeviation);
  const int words = net.op(Op::gather, "embedding", {table, ids}, AxisAttributes{0, 0});
  const int places = net.slice(
      "position", net.trained("position.weight", {kPositions, kind.width}, kPositionDeviation), 0,
      0, options.sequence);
  int x = net.add("embedding.add", words, places);
  const int mask = net.causal_mask(options.sequence);
  for (int l = 1; l <= kind.layers; ++l) {
    x = decoder_layer(net, kind, fmt::format("layer{}", l), x, mask);
  }
  x = net.layer_norm("norm", x, kind.width, kEpsilon);
  GemmAttributes tied;
  tied.trans_b = true;
  const int logits =
      net.op(Op::gemm, "output", {net.reshape("tokens", x, {-1, kind.width}), table}, tied);
  return net.finish(net.reshape("logits", logits, {-1, options.sequence, kTokens}));
}

/// Kaplan et al., 2020, Table 1, per token and in MACs: N = 12 layers d^2 without embeddings, and
/// layers n d for attention; it leaves out one of attention's two products, and the output layer.
PublishedCount kaplan(const Kind& kind) {
  const auto n = static_cast<double>(kSequence);
  const auto d = static_cast<double>(kind.width);
  const auto layers = static_cast<double>(kind.layers);
  PublishedCount count;
  count.quantity = "macs";
  count.value = n * (12 * layers * d * d + layers * n * d);
  count.beyond = n * (layers * n * d + d * static_cast<double>(kTokens));
  count.convention = "without the output layer and without the product of weights and values";
  count.source = "Kaplan et al., arXiv:2001.08361, Table 1";
  count.options.sequence = kSequence;
  return count;
}

NetworkInfo info_of(const Kind& kind) {
  NetworkInfo info;
  info.name = kind.name;
  info.description = fmt::format("{} decoder layers of width {}, {} heads, over token sequences",
                                 kind.layers, kind.width, kind.heads);
  info.reference = "Radford, Wu, Child, Luan, Amodei, Sutskever, 2019, Table 2";
  info.default_sequence = kSequence;
  info.longest_sequence = kPositions;
  info.published = {kaplan(kind)};
  info.build = [kind](const NetworkOptions& options) { return build(kind, options); };
  info.inputs = inputs;
  return info;
}

}  // namespace

// Table 2 of the paper says 117 and 1542 million; the authors' repository corrects both (124,
// 1558).
NetworkInfo gpt2_info() {
  NetworkInfo info = info_of({"gpt2", 768, 12, 12});
  info.published.push_back({"parameters", 124439808, 0, 0, "", "the authors' checkpoint 124M", {}});
  return info;
}

NetworkInfo gpt2_xl_info() {
  NetworkInfo info = info_of({"gpt2-xl", 1600, 25, 48});
  info.published.push_back(
      {"parameters", 1557611200, 0, 0, "", "the authors' checkpoint 1558M", {}});
  return info;
}

}  // namespace jb::models
