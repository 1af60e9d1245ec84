// BERT base, uncased (Devlin et al., NAACL 2019): twelve encoder layers of width 768, the pooled
// first token as output. Weights have deviation 0.02, as in the authors' code.

#include <fmt/core.h>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

constexpr std::int64_t kTokens = 30522, kPositions = 512, kSegments = 2;
constexpr std::int64_t kWidth = 768, kInner = 3072, kHeads = 12;
constexpr int kLayers = 12;
constexpr std::int64_t kSequence = 128;
constexpr double kDeviation = 0.02;
constexpr float kEpsilon = 1e-12F;

std::vector<InputSpec> inputs(const NetworkOptions& options) {
  const auto ids = [&](const char* name, std::int64_t limit) {
    return InputSpec{
        name, DataType::s64, {kBatch, options.sequence}, InputSpec::Kind::indices, {limit}};
  };
  return {ids("input_ids", kTokens), ids("token_type_ids", kSegments)};
}

int embed(Layers& net, const NetworkOptions& options) {
  const std::vector<InputSpec> specs = inputs(options);
  const int ids = net.input(specs[0]);
  const int segments = net.input(specs[1]);
  const auto table = [&](const char* name, std::int64_t rows) {
    return net.trained(name, {rows, kWidth}, kDeviation);
  };
  const int words = net.op(Op::gather, "embeddings.word",
                           {table("embeddings.word.weight", kTokens), ids}, AxisAttributes{0, 0});
  const int kinds =
      net.op(Op::gather, "embeddings.segment",
             {table("embeddings.segment.weight", kSegments), segments}, AxisAttributes{0, 0});
  const int places =
      net.slice("embeddings.position", table("embeddings.position.weight", kPositions), 0, 0,
                options.sequence);
  const int sum = net.add("embeddings.sum", net.add("embeddings.words", words, kinds), places);
  return net.layer_norm("embeddings.norm", sum, kWidth, kEpsilon);
}

int encoder_layer(Layers& net, const std::string& at, int x) {
  AttentionSizes sizes;
  sizes.width = kWidth;
  sizes.heads = kHeads;
  sizes.deviation = kDeviation;
  sizes.output_deviation = kDeviation;
  const int attended = net.attention(at + ".attention", x, x, sizes);
  x = net.layer_norm(at + ".attention.norm", net.add(at + ".attention.add", x, attended), kWidth,
                     kEpsilon);
  int y = net.linear(at + ".fc1", x, kWidth, kInner, kDeviation);
  y = net.op(Op::gelu, at + ".gelu", {y});
  y = net.linear(at + ".fc2", y, kInner, kWidth, kDeviation);
  return net.layer_norm(at + ".norm", net.add(at + ".add", x, y), kWidth, kEpsilon);
}

Graph build(const NetworkOptions& options) {
  Layers net("bert-base", options.seed);
  int x = embed(net, options);
  for (int l = 1; l <= kLayers; ++l) x = encoder_layer(net, fmt::format("layer{}", l), x);
  const int first = net.reshape("first_token", net.slice("first", x, 1, 0, 1), {0, kWidth});
  const int pooled = net.linear("pooler", first, kWidth, kWidth, kDeviation);
  return net.finish(net.op(Op::tanh, "pooled", {pooled}));
}

}  // namespace

NetworkInfo bert_base_info() {
  NetworkInfo info;
  info.name = "bert-base";
  info.description = "twelve encoder layers of width 768 over token sequences, pooled output";
  info.reference = "Devlin et al., NAACL 2019";
  info.default_sequence = kSequence;
  info.longest_sequence = kPositions;
  NetworkOptions options;
  options.sequence = kSequence;
  info.published = {
      {"macs", 11.25e9, 0.01, 0,
       "half of 22.5 G floating-point operations at 128 tokens, which count more than products",
       "Jiao et al., TinyBERT, EMNLP 2020, Table 1", options},
      {"parameters", 110e6, 1.0 / 110, 0, "", "Devlin et al., NAACL 2019, section 3", {}},
      {"parameters", 109482240, 0, 0, "", "the authors' checkpoint uncased_L-12_H-768_A-12", {}}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
