#include "harness/scale/decoder.h"

#include <map>
#include <string_view>

#include "backends/core/error.h"
#include "backends/core/text.h"
#include "models/networks/layers.h"

namespace jb::harness::scale {
namespace {

constexpr std::string_view kScheme = "decoder:";
constexpr float kEpsilon = 1e-5F;
constexpr double kDeviation = 0.02;

struct SizeRule {
  std::int64_t DecoderSizes::*size;
  std::int64_t most;
};

// Limits keep every product's operands countable in 63-bit integers.
const std::map<std::string, SizeRule>& rules() {
  static const std::map<std::string, SizeRule> all = {
      {"layers", {&DecoderSizes::layers, 1000000}},
      {"width", {&DecoderSizes::width, 16777216}},
      {"heads", {&DecoderSizes::heads, 1048576}},
      {"inner", {&DecoderSizes::inner, 67108864}},
      {"vocabulary", {&DecoderSizes::vocabulary, 16777216}},
      {"sequence", {&DecoderSizes::sequence, 1048576}}};
  return all;
}

void read_size(DecoderSizes& sizes, std::string_view part, const std::string& network) {
  const std::size_t equals = part.find('=');
  const std::string key(part.substr(0, equals));
  const auto rule = rules().find(key);
  if (equals == std::string_view::npos || rule == rules().end()) {
    fail_usage(
        "'{}': '{}' is no size (there are: layers=, width=, heads=, inner=, vocabulary=, "
        "sequence=)",
        network, part);
  }
  std::int64_t value = 0;
  if (!parse_integer(part.substr(equals + 1), value) || value < 1 || value > rule->second.most) {
    fail_usage("'{}': {} must be a whole number from 1 to {}", network, key, rule->second.most);
  }
  sizes.*(rule->second.size) = value;
}

}  // namespace

bool is_decoder(const std::string& network) { return network.rfind(kScheme, 0) == 0; }

DecoderSizes decoder_sizes_from(const std::string& network) {
  DecoderSizes sizes;
  std::string_view rest = std::string_view(network).substr(kScheme.size());
  while (!rest.empty()) {
    const std::size_t comma = rest.find(',');
    read_size(sizes, rest.substr(0, comma), network);
    rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
  }
  if (sizes.layers == 0 || sizes.width == 0 || sizes.heads == 0) {
    fail_usage("'{}': a decoder needs layers=, width= and heads=", network);
  }
  if (sizes.width % sizes.heads != 0) {
    fail_usage("'{}': the width {} is no multiple of the {} heads", network, sizes.width,
               sizes.heads);
  }
  if (sizes.inner == 0) sizes.inner = 4 * sizes.width;
  return sizes;
}

models::Graph decoder_graph(const DecoderSizes& sizes) {
  using models::Layers;
  Layers net("decoder", 1);
  const std::int64_t width = sizes.width;
  const int ids = net.input({"input_ids",
                             DataType::s64,
                             {models::kBatch, sizes.sequence},
                             models::InputSpec::Kind::indices,
                             {sizes.vocabulary}});
  const int words =
      net.op(Op::gather, "embedding",
             {net.trained("embedding.weight", {sizes.vocabulary, width}, kDeviation), ids},
             AxisAttributes{0, 0});
  int x = net.add("embedding.add", words,
                  net.trained("position.weight", {sizes.sequence, width}, kDeviation));
  models::AttentionSizes attention;
  attention.width = width;
  attention.heads = sizes.heads;
  // Drawn on demand, and an estimate demands nothing.
  attention.mask = net.trained("causal_mask", {sizes.sequence, sizes.sequence}, kDeviation);
  const std::string at = "layer";
  int y = net.layer_norm(at + ".norm1", x, width, kEpsilon);
  y = net.linear(at + ".attention.qkv", y, width, 3 * width, kDeviation);
  const auto part = [&](const char* name, std::int64_t index) {
    return net.slice(at + ".attention" + name, y, 2, index * width, (index + 1) * width);
  };
  const int query = part(".query", 0);
  const int key = part(".key", 1);
  const int value = part(".value", 2);
  x = net.add(at + ".attention.add", x,
              net.attend(at + ".attention", query, key, value, attention));
  y = net.layer_norm(at + ".norm2", x, width, kEpsilon);
  y = net.linear(at + ".fc1", y, width, sizes.inner, kDeviation);
  y = net.op(Op::gelu, at + ".gelu", {y}, GeluAttributes{true});
  y = net.linear(at + ".fc2", y, sizes.inner, width, kDeviation);
  x = net.add(at + ".add", x, y);
  x = net.layer_norm("norm", x, width, kEpsilon);
  return net.finish(net.linear("output", x, width, sizes.vocabulary, kDeviation, false));
}

double decoder_parameters(const DecoderSizes& sizes) {
  const auto d = static_cast<double>(sizes.width);
  const auto inner = static_cast<double>(sizes.inner);
  const auto layers = static_cast<double>(sizes.layers);
  // qkv and output with biases, two feed-forward matrices with biases, two normalisations.
  const double layer = 4 * d * d + 4 * d + 2 * d * inner + inner + d + 4 * d;
  const double ends = 2 * static_cast<double>(sizes.vocabulary) * d +
                      static_cast<double>(sizes.sequence) * d + 2 * d;
  return layers * layer + ends;
}

}  // namespace jb::harness::scale
