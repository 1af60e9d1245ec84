#include "models/mlp.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/core/text.h"
#include "backends/core/threads.h"

namespace jb::models {
namespace {

constexpr std::string_view kPrefix = "mlp-";
constexpr std::size_t kMaxLayers = 64;
constexpr std::int64_t kMaxWidth = std::int64_t{1} << 20U;
/// 4 GiB of float weights; larger networks are for `estimate`, not for training on the host.
constexpr std::int64_t kMaxParameters = std::int64_t{1} << 30U;
/// Rows per product in forward(): bounds the memory of hidden activations.
constexpr std::int64_t kForwardRows = 1024;

std::vector<std::int64_t> parse_widths(const std::string& name) {
  if (name.compare(0, kPrefix.size(), kPrefix) != 0) {
    const std::vector<std::string> names = mlp_names();
    fail_usage("unknown network '{}'{} (known: {}, or mlp-INPUTS-...-OUTPUTS)", name,
               did_you_mean(name, names), join(names));
  }
  std::vector<std::int64_t> widths;
  std::string_view rest = std::string_view(name).substr(kPrefix.size());
  while (true) {
    const std::size_t dash = rest.find('-');
    const std::string_view word = rest.substr(0, dash);
    std::int64_t width = 0;
    const bool digits = !word.empty() && std::all_of(word.begin(), word.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
    if (!digits || !parse_integer(word, width) || width < 1 || width > kMaxWidth) {
      fail_usage("network '{}' has width '{}': write mlp-INPUTS-...-OUTPUTS with widths of 1 to {}",
                 name, word, kMaxWidth);
    }
    widths.push_back(width);
    if (dash == std::string_view::npos) break;
    rest.remove_prefix(dash + 1);
  }
  if (widths.size() < 2 || widths.size() > kMaxLayers + 1) {
    fail_usage("network '{}' has {} widths: give between 2 and {}, as in mlp-784-100-10", name,
               widths.size(), kMaxLayers + 1);
  }
  std::int64_t parameters = 0;  // at most 64 (2^40 + 2^20) before the check: no overflow
  for (std::size_t l = 1; l < widths.size(); ++l) {
    parameters += (widths[l - 1] + 1) * widths[l];
  }
  if (parameters > kMaxParameters) {
    fail_usage("network '{}' has {} parameters, more than the {} that are accepted", name,
               parameters, kMaxParameters);
  }
  return widths;
}

void add_bias(MatrixView<float> c, const std::vector<float>& bias, bool relu) {
  for (std::int64_t i = 0; i < c.rows; ++i) {
    float* row = &c(i, 0);
    for (std::int64_t j = 0; j < c.cols; ++j) {
      const float value = row[j] + bias[static_cast<std::size_t>(j)];
      row[j] = relu && !(value > 0.0F) ? 0.0F : value;
    }
  }
}

}  // namespace

Graph Mlp::graph() const {
  Graph graph(name);
  int value = graph.add_input("images", DataType::f32, {kBatch, widths.front()});
  for (std::size_t l = 0; l < weights.size(); ++l) {
    const std::string layer = fmt::format("fc{}", l + 1);
    const int b = graph.add_constant(layer + ".weight", tensor_of(weights[l].view()));
    const int bias = graph.add_constant(
        layer + ".bias", Tensor::alias(DataType::f32, {widths[l + 1]}, biases[l].data(), nullptr));
    value = graph.add(Op::matmul, layer, {value, b, bias});
    if (l + 1 < weights.size()) value = graph.add(Op::relu, fmt::format("relu{}", l + 1), {value});
  }
  graph.add_output(value);
  return graph;
}

std::vector<std::int64_t> mlp_widths(const std::string& name) { return parse_widths(name); }

std::vector<std::string> mlp_names() { return {"mlp-784-100-10", "mlp-784-1000-1000-10"}; }

TrainOptions default_training(const std::string& name) {
  constexpr std::int64_t kLarge = 1000000;
  if (name.rfind("mlp-", 0) != 0) return {};
  const std::vector<std::int64_t> widths = parse_widths(name);
  std::int64_t parameters = 0;
  for (std::size_t l = 1; l < widths.size(); ++l) parameters += (widths[l - 1] + 1) * widths[l];
  TrainOptions options;
  if (parameters > kLarge) {
    options.epochs = 8;
    options.batch = 128;
  }
  return options;
}

Mlp build_mlp(const std::string& name, std::uint64_t seed) {
  Mlp network;
  network.widths = parse_widths(name);
  // The canonical spelling ("mlp-0784-10" is "mlp-784-10"): one network has one name.
  network.name = "mlp";
  for (const std::int64_t width : network.widths) network.name += fmt::format("-{}", width);
  for (std::size_t l = 1; l < network.widths.size(); ++l) {
    const std::int64_t k = network.widths[l - 1];
    const std::int64_t n = network.widths[l];
    Matrix<float> weights(k, n);
    // Standard deviation sqrt(2 / inputs): He et al., ICCV 2015, Eq. (10).
    const auto deviation = static_cast<float>(std::sqrt(2.0 / static_cast<double>(k)));
    const RandomStream stream(seed, 0, tag_of("mlp.he_normal"), tag_of(fmt::format("fc{}", l)));
    parallel_for(k, 64, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::span<float> row(&weights(i, 0), static_cast<std::size_t>(n));
        stream.normals(row, i, 0, 0);
        for (float& w : row) w *= deviation;
      }
    });
    network.weights.push_back(std::move(weights));
    network.biases.emplace_back(static_cast<std::size_t>(n), 0.0F);
  }
  return network;
}

Matrix<float> forward(const Mlp& network, MatrixView<const float> images) {
  if (images.cols != network.widths.front()) {
    fail_usage("network {} takes {} values per sample and was given {}", network.name,
               network.widths.front(), images.cols);
  }
  std::vector<PackedMatrix<float>> packed;
  packed.reserve(network.weights.size());
  for (const Matrix<float>& w : network.weights) packed.emplace_back(w.view());
  Matrix<float> logits(images.rows, network.widths.back());
  for (std::int64_t first = 0; first < images.rows; first += kForwardRows) {
    const std::int64_t rows = std::min(kForwardRows, images.rows - first);
    Matrix<float> hidden;
    MatrixView<const float> input = images.block(first, 0, rows, images.cols);
    for (std::size_t l = 0; l < packed.size(); ++l) {
      const bool last = l + 1 == packed.size();
      Matrix<float> next(last ? 0 : rows, last ? 0 : network.widths[l + 1]);
      const MatrixView<float> output =
          last ? logits.view().block(first, 0, rows, logits.cols()) : next.view();
      gemm<float>(input, packed[l], output);
      add_bias(output, network.biases[l], !last);
      hidden = std::move(next);
      input = hidden.view();
    }
  }
  return logits;
}

std::vector<int> argmax_rows(MatrixView<const float> scores) {
  if (scores.cols < 1) fail_usage("scores without columns have no largest value");
  std::vector<int> best(static_cast<std::size_t>(scores.rows));
  for (std::int64_t i = 0; i < scores.rows; ++i) {
    std::int64_t at = 0;
    for (std::int64_t j = 1; j < scores.cols; ++j) {
      if (scores(i, j) > scores(i, at)) at = j;
    }
    best[static_cast<std::size_t>(i)] = static_cast<int>(at);
  }
  return best;
}

double accuracy(const std::vector<int>& predicted, const std::vector<std::uint8_t>& labels) {
  if (predicted.empty() || predicted.size() != labels.size()) {
    fail_usage("accuracy needs one prediction per label and at least one: got {} and {}",
               predicted.size(), labels.size());
  }
  std::size_t right = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    right += predicted[i] == static_cast<int>(labels[i]) ? 1U : 0U;
  }
  return static_cast<double>(right) / static_cast<double>(labels.size());
}

}  // namespace jb::models
