// The deep learning recommendation model (Naumov et al., arXiv:1906.00091) in MLPerf's sizes for
// Criteo Terabyte: bottom layers 13-512-256-128, 26 tables of vectors of 128, dot products of all
// pairs of 27 vectors, top layers 479-1024-1024-512-256-1. One look-up per table.
//
// MLPerf's tables hold 24 G numbers (96 GB). Unless told otherwise tables are cut to 100,000 rows
// (0.47 GB), which changes no product.

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "models/networks/builders.h"
#include "models/networks/layers.h"

namespace jb::models {
namespace {

constexpr std::int64_t kDense = 13, kWidth = 128;
constexpr std::int64_t kDefaultRows = 100000;
/// Distinct values of the 26 features, cut to 40 million (MLPerf training, recommendation_v1).
constexpr std::array<std::int64_t, 26> kRows = {
    39884406, 39043,    17289,    7420,     20263,  3,     7120, 1543, 63,
    38532951, 2953546,  403346,   10,       2208,   11938, 155,  4,    976,
    14,       39979771, 25641295, 39664984, 585935, 12972, 108,  36};
constexpr std::int64_t kTables = static_cast<std::int64_t>(kRows.size());
constexpr std::int64_t kVectors = kTables + 1;
constexpr std::int64_t kPairs = kVectors * (kVectors - 1) / 2;
constexpr std::array<std::int64_t, 4> kBottom = {kDense, 512, 256, kWidth};
constexpr std::array<std::int64_t, 6> kTop = {kPairs + kWidth, 1024, 1024, 512, 256, 1};

std::vector<std::int64_t> table_rows(const NetworkOptions& options) {
  std::vector<std::int64_t> rows;
  for (const std::int64_t full : kRows) rows.push_back(std::min(full, options.table_rows));
  return rows;
}

std::vector<InputSpec> inputs(const NetworkOptions& options) {
  return {
      {"dense", DataType::f32, {kBatch, kDense}, InputSpec::Kind::normal, {}},
      {"sparse", DataType::s64, {kBatch, kTables}, InputSpec::Kind::indices, table_rows(options)}};
}

template <std::size_t N>
int perceptron(Layers& net, const std::string& at, int x, const std::array<std::int64_t, N>& widths,
               bool activate_last) {
  for (std::size_t l = 1; l < N; ++l) {
    x = net.linear(fmt::format("{}.fc{}", at, l), x, widths[l - 1], widths[l],
                   he_deviation(widths[l - 1]));
    if (l + 1 < N || activate_last) x = net.relu(fmt::format("{}.relu{}", at, l), x);
  }
  return x;
}

/// Sums of looked-up rows, one vector per table, as samples x 1 x width each.
std::vector<int> look_up(Layers& net, int sparse, const NetworkOptions& options) {
  const std::vector<std::int64_t> rows = table_rows(options);
  std::vector<int> vectors;
  for (std::size_t t = 0; t < rows.size(); ++t) {
    const std::string at = fmt::format("table{}", t + 1);
    const auto column = static_cast<std::int64_t>(t);
    const int table = net.trained(at + ".weight", {rows[t], kWidth}, lecun_deviation(kWidth));
    const int index = net.slice(at + ".index", sparse, 1, column, column + 1);
    const int sum = net.op(Op::embedding_bag, at, {table, index});
    vectors.push_back(net.reshape(at + ".vector", sum, {0, 1, kWidth}));
  }
  return vectors;
}

/// Positions of the pairs i > j in the flattened products of all with all.
std::vector<std::int64_t> pairs() {
  std::vector<std::int64_t> positions;
  for (std::int64_t i = 0; i < kVectors; ++i) {
    for (std::int64_t j = 0; j < i; ++j) positions.push_back(i * kVectors + j);
  }
  return positions;
}

Graph build(const NetworkOptions& options) {
  Layers net("dlrm", options.seed);
  const std::vector<InputSpec> specs = inputs(options);
  const int dense = net.input(specs[0]);
  const int sparse = net.input(specs[1]);
  const int bottom = perceptron(net, "bottom", dense, kBottom, true);
  std::vector<int> vectors = {net.reshape("bottom.vector", bottom, {0, 1, kWidth})};
  for (const int vector : look_up(net, sparse, options)) vectors.push_back(vector);
  const int all = net.op(Op::concat, "vectors", std::move(vectors), AxisAttributes{1, 0});
  const int products =
      net.op(Op::matmul, "interaction", {all, net.transpose("vectors.transposed", all, {0, 2, 1})});
  const int flat = net.reshape("interaction.flat", products, {0, kVectors * kVectors});
  const int kept =
      net.op(Op::gather, "interaction.pairs",
             {flat, net.indices("interaction.pairs.positions", pairs())}, AxisAttributes{1, 0});
  const int x = net.op(Op::concat, "features", {bottom, kept}, AxisAttributes{1, 0});
  const int score = perceptron(net, "top", x, kTop, false);
  return net.finish(net.op(Op::sigmoid, "probability", {score}));
}

template <std::size_t N>
std::pair<double, double> macs_and_parameters(const std::array<std::int64_t, N>& widths) {
  double macs = 0;
  double biases = 0;
  for (std::size_t l = 1; l < N; ++l) {
    macs += static_cast<double>(widths[l - 1] * widths[l]);
    biases += static_cast<double>(widths[l]);
  }
  return {macs, macs + biases};
}

}  // namespace

NetworkInfo dlrm_info() {
  const auto [bottom_macs, bottom_parameters] = macs_and_parameters(kBottom);
  const auto [top_macs, top_parameters] = macs_and_parameters(kTop);
  constexpr double kInteraction = static_cast<double>(kVectors * kVectors * kWidth);
  NetworkInfo info;
  info.name = "dlrm";
  info.description =
      "recommendation from 13 numbers and 26 categories in MLPerf's sizes; tables cut to 100,000 "
      "rows";
  info.reference = "Naumov et al., arXiv:1906.00091; sizes of MLPerf's recommendation_v1";
  info.default_table_rows = kDefaultRows;
  NetworkOptions full;
  full.table_rows = kMostTableRows;
  info.published = {
      {"macs",
       bottom_macs + top_macs,
       0,
       kInteraction,
       "layers alone; the graph computes all pairs of vectors, of which half are used",
       "products of the widths in MLPerf's recommendation_v1",
       {}},
      {"parameters", 24e9, 0.5 / 24, bottom_parameters + top_parameters,
       "tables alone, cut to 40 million rows", "MLPerf's recommendation_v1", full}};
  info.build = build;
  info.inputs = inputs;
  return info;
}

}  // namespace jb::models
