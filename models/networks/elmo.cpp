// ELMo (Peters et al., NAACL 2018, section 3.3, the original model): convolutions over characters,
// two highway layers, and two layers of LSTMs with projections (Sak et al., Interspeech 2014) in
// each direction. The output is the mean of the three layers; tasks would weight them. Cells are
// not clipped.

#include <fmt/core.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

constexpr std::int64_t kCharacters = 262, kWordLength = 50, kEmbedding = 16;
constexpr std::int64_t kFilters = 2048, kWidth = 512, kCells = 4096;
constexpr int kHighways = 2, kLayers = 2;
constexpr std::int64_t kSequence = 128;

/// Convolutions over characters: width and filters.
struct Window {
  std::int64_t width, filters;
};
constexpr std::array<Window, 7> kWindows = {
    {{1, 32}, {2, 32}, {3, 64}, {4, 128}, {5, 256}, {6, 512}, {7, 1024}}};

std::vector<InputSpec> inputs(const NetworkOptions& options) {
  return {{"characters",
           DataType::s64,
           {kBatch, options.sequence, kWordLength},
           InputSpec::Kind::indices,
           {kCharacters}}};
}

/// Words as vectors of kWidth, samples x tokens x width.
int embed(Layers& net, int characters, const NetworkOptions& options) {
  const int table = net.trained("characters.weight", {kCharacters, kEmbedding}, 1);
  int x = net.op(Op::gather, "characters.embedding", {table, characters}, AxisAttributes{0, 0});
  x = net.reshape("words", x, {-1, kWordLength, kEmbedding});
  x = net.transpose("words.channels", x, {0, 2, 1});
  std::vector<int> features;
  for (const Window& window : kWindows) {
    const std::string at = fmt::format("conv{}", window.width);
    ConvAttributes attributes;
    attributes.kernel = {window.width};
    const int y = net.op(Op::conv, at,
                         {x,
                          net.trained(at + ".weight", {window.filters, kEmbedding, window.width},
                                      he_deviation(kEmbedding * window.width)),
                          net.trained(at + ".bias", {window.filters}, 0.05)},
                         attributes);
    features.push_back(net.op(Op::global_max_pool, at + ".max", {net.relu(at + ".relu", y)}));
  }
  x = net.op(Op::concat, "features", std::move(features), AxisAttributes{1, 0});
  x = net.flatten("features.flat", x);
  const int one = net.fixed("one", 1.0F);
  for (int l = 1; l <= kHighways; ++l) {
    const std::string at = fmt::format("highway{}", l);
    const int y = net.linear(at, x, kFilters, 2 * kFilters, lecun_deviation(kFilters));
    const int fresh = net.relu(at + ".relu", net.slice(at + ".new", y, 1, 0, kFilters));
    const int gate = net.op(Op::sigmoid, at + ".gate",
                            {net.slice(at + ".gate.sum", y, 1, kFilters, 2 * kFilters)});
    const int passed = net.op(Op::mul, at + ".passed", {gate, x});
    const int rest = net.op(Op::sub, at + ".rest", {one, gate});
    x = net.op(Op::add, at + ".output", {passed, net.op(Op::mul, at + ".taken", {rest, fresh})});
  }
  x = net.linear("projection", x, kFilters, kWidth, lecun_deviation(kFilters));
  return net.reshape("tokens", x, {-1, options.sequence, kWidth});
}

/// One LSTM with projection over samples x tokens x width.
int lstm(Layers& net, const std::string& at, int x, bool reverse) {
  RecurrentAttributes attributes;
  attributes.direction =
      reverse ? RecurrentAttributes::Direction::reverse : RecurrentAttributes::Direction::forward;
  attributes.hidden = kCells;
  attributes.batch_first = true;
  const double deviation = lecun_deviation(2 * kWidth);
  const int y =
      net.op(Op::lstm, at,
             {x, net.trained(at + ".weight", {1, 4 * kCells, kWidth}, deviation),
              net.trained(at + ".recurrent", {1, 4 * kCells, kWidth}, deviation),
              net.trained(at + ".bias", {1, 8 * kCells}, 0.05), kAbsent, kAbsent, kAbsent, kAbsent,
              net.trained(at + ".projection", {1, kWidth, kCells}, lecun_deviation(kCells))},
             attributes);
  return net.reshape(at + ".tokens", y, {0, 0, kWidth});
}

/// The outputs of the layers of one direction; the second adds the first's.
std::vector<int> stack(Layers& net, const std::string& at, int x, bool reverse) {
  std::vector<int> outputs;
  for (int l = 1; l <= kLayers; ++l) {
    const std::string layer = fmt::format("{}{}", at, l);
    const int y = lstm(net, layer, x, reverse);
    x = l == 1 ? y : net.add(layer + ".add", y, x);
    outputs.push_back(x);
  }
  return outputs;
}

Graph build(const NetworkOptions& options) {
  Layers net("elmo", options.seed);
  const int x = embed(net, net.input(inputs(options)[0]), options);
  const std::vector<int> forward = stack(net, "forward", x, false);
  const std::vector<int> backward = stack(net, "backward", x, true);
  std::vector<int> layers = {net.op(Op::concat, "layer0", {x, x}, AxisAttributes{2, 0})};
  for (std::size_t l = 0; l < forward.size(); ++l) {
    layers.push_back(net.op(Op::concat, fmt::format("layer{}", l + 1), {forward[l], backward[l]},
                            AxisAttributes{2, 0}));
  }
  return net.finish(net.op(Op::mean, "mixture", std::move(layers)));
}

/// Per token: each convolution at every position of 50 characters, highways, projection, and the
/// four LSTMs' inputs, states and projections.
double macs_per_token() {
  double macs = 0;
  for (const Window& window : kWindows) {
    macs += static_cast<double>((kWordLength - window.width + 1) * window.width * kEmbedding *
                                window.filters);
  }
  macs += static_cast<double>(kHighways * kFilters * 2 * kFilters + kFilters * kWidth);
  return macs + static_cast<double>(2 * kLayers * (2 * kWidth * 4 * kCells + kCells * kWidth));
}

}  // namespace

NetworkInfo elmo_info() {
  NetworkInfo info;
  info.name = "elmo";
  info.description =
      "word vectors from characters and two layers of projected LSTMs in both directions";
  info.reference = "Peters et al., NAACL 2018, section 3.3";
  info.default_sequence = kSequence;
  NetworkOptions options;
  options.sequence = kSequence;
  info.published = {{"macs", macs_per_token() * static_cast<double>(kSequence), 0, 0,
                     "formula: the paper gives no count",
                     "sizes of Peters et al., NAACL 2018, section 3.3", options},
                    {"parameters",
                     93.6e6,
                     0.05 / 93.6,
                     2.0 * kLayers * 4 * kCells,
                     "one bias per gate, where the operator has two",
                     "Peters et al.'s table of pre-trained models (original, 93.6 million)",
                     {}}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
