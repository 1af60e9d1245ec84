#include "models/networks/layers.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "backends/core/random.h"
#include "backends/core/threads.h"
#include "models/networks/builders.h"

namespace jb::models {
namespace {

/// Biases and shifts are small beside activations near 1, but not so small that leaving one out
/// would go unseen.
constexpr double kBiasDeviation = 0.05;
constexpr double kScaleDeviation = 0.1;
constexpr std::int64_t kRowsAtOnce = 16;

std::vector<std::int64_t> both(std::int64_t size) { return {size, size}; }

/// Mean square of max(x, 0) of a symmetric x: half of what it was (He et al., ICCV 2015, Eq. (8)).
constexpr double kReluShare = 0.5;

}  // namespace

double lecun_deviation(std::int64_t in) { return std::sqrt(1.0 / static_cast<double>(in)); }
double glorot_deviation(std::int64_t in, std::int64_t out) {
  return std::sqrt(2.0 / static_cast<double>(in + out));
}
double he_deviation(std::int64_t in) { return std::sqrt(2.0 / static_cast<double>(in)); }

Constant seeded_normal(std::uint64_t seed, const std::string& name, const Dims& dims,
                       double deviation, double mean) {
  return Constant([=] {
    Tensor tensor(DataType::f32, dims);
    if (tensor.size() == 0) return tensor;
    const std::int64_t rows = dims.empty() ? 1 : dims[0];
    const std::int64_t cols = tensor.size() / rows;
    const RandomStream stream(seed, 0, tag_of("network.weight"), tag_of(name));
    float* elements = tensor.as_mutable<float>().data();
    parallel_for(rows, kRowsAtOnce, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const std::span<float> row(elements + i * cols, static_cast<std::size_t>(cols));
        stream.normals(row, i, 0, 0);
        for (float& x : row) x = static_cast<float>(mean + deviation * x);
      }
    });
    return tensor;
  });
}

int Layers::trained(const std::string& name, const Dims& dims, double deviation, double mean) {
  return graph_.add_constant(name, DataType::f32, dims,
                             seeded_normal(seed_, name, dims, deviation, mean));
}

int Layers::fixed(const std::string& name, const Dims& dims, std::span<const float> values) {
  return graph_.add_constant(std::string(kFixedPrefix) + name, Tensor::of(dims, values));
}

int Layers::indices(const std::string& name, const std::vector<std::int64_t>& values) {
  return graph_.add_constant(
      name, Tensor::of<std::int64_t>({static_cast<std::int64_t>(values.size())}, values));
}

double Layers::expected(int value) const {
  const auto found = mean_square_.find(value);
  return found == mean_square_.end() ? 1.0 : found->second;
}

int Layers::conv(const std::string& name, int x, const ConvSizes& sizes) {
  const std::int64_t sum = sizes.in / sizes.groups * sizes.kernel * sizes.kernel;
  std::vector<int> inputs = {
      x, trained(name + ".weight", {sizes.out, sizes.in / sizes.groups, sizes.kernel, sizes.kernel},
                 he_deviation(sum))};
  if (sizes.bias) inputs.push_back(trained(name + ".bias", {sizes.out}, kBiasDeviation));
  ConvAttributes attributes;
  attributes.kernel = both(sizes.kernel);
  attributes.strides = both(sizes.stride);
  attributes.pads_begin = both(sizes.pad);
  attributes.pads_end = both(sizes.pad);
  attributes.groups = sizes.groups;
  const int y = op(Op::conv, name, std::move(inputs), attributes);
  expect(y, 2 * expected(x));
  return y;
}

int Layers::batch_norm(const std::string& name, int x, std::int64_t channels) {
  const double variance = expected(x);
  const int y = op(Op::batch_normalization, name,
                   {x, trained(name + ".weight", {channels}, kScaleDeviation, 1),
                    trained(name + ".bias", {channels}, kBiasDeviation),
                    trained(name + ".mean", {channels}, kBiasDeviation * std::sqrt(variance)),
                    trained(name + ".variance", {channels}, 0.05 * variance, variance)});
  expect(y, 1);
  return y;
}

int Layers::relu(const std::string& name, int x) {
  const int y = op(Op::relu, name, {x});
  expect(y, kReluShare * expected(x));
  return y;
}

int Layers::relu6(const std::string& name, int x) {
  const int y = op(Op::clip, name, {x, fixed(name + ".least", 0), fixed(name + ".most", 6)});
  expect(y, kReluShare * expected(x));
  return y;
}

int Layers::max_pool(const std::string& name, int x, const PoolSizes& sizes) {
  PoolAttributes attributes;
  attributes.kernel = both(sizes.kernel);
  attributes.strides = both(sizes.stride);
  attributes.pads_begin = both(sizes.pad);
  attributes.pads_end = both(sizes.pad);
  const int y = op(Op::max_pool, name, {x}, attributes);
  expect(y, 2 * expected(x));  // the largest of several: about twice the mean square after ReLU
  return y;
}

int Layers::average_pool(const std::string& name, int x, const PoolSizes& sizes) {
  PoolAttributes attributes;
  attributes.kernel = both(sizes.kernel);
  attributes.strides = both(sizes.stride);
  const int y = op(Op::average_pool, name, {x}, attributes);
  expect(y, expected(x));
  return y;
}

int Layers::global_average(const std::string& name, int x) {
  return flatten(name + ".flatten", op(Op::global_average_pool, name, {x}));
}

int Layers::flatten(const std::string& name, int x) {
  return op(Op::flatten, name, {x}, AxisAttributes{1, 0});
}

int Layers::add(const std::string& name, int a, int b) {
  const int y = op(Op::add, name, {a, b});
  expect(y, expected(a) + expected(b));
  return y;
}

int Layers::linear(const std::string& name, int x, std::int64_t in, std::int64_t out,
                   double deviation, bool bias) {
  std::vector<int> inputs = {x, trained(name + ".weight", {in, out}, deviation)};
  if (bias) inputs.push_back(trained(name + ".bias", {out}, kBiasDeviation));
  return op(Op::matmul, name, std::move(inputs));
}

int Layers::layer_norm(const std::string& name, int x, std::int64_t width, float epsilon) {
  NormAttributes attributes;
  attributes.epsilon = epsilon;
  return op(Op::layer_normalization, name,
            {x, trained(name + ".weight", {width}, kScaleDeviation, 1),
             trained(name + ".bias", {width}, kBiasDeviation)},
            attributes);
}

int Layers::reshape(const std::string& name, int x, const std::vector<std::int64_t>& dims) {
  return op(Op::reshape, name, {x, indices(name + ".shape", dims)});
}

int Layers::transpose(const std::string& name, int x, const std::vector<std::int64_t>& perm) {
  return op(Op::transpose, name, {x}, PermAttributes{perm});
}

int Layers::slice(const std::string& name, int x, std::int64_t axis, std::int64_t begin,
                  std::int64_t end) {
  return op(Op::slice, name,
            {x, indices(name + ".starts", {begin}), indices(name + ".ends", {end}),
             indices(name + ".axes", {axis})});
}

int Layers::attention(const std::string& name, int queries, int memory,
                      const AttentionSizes& sizes) {
  const auto project = [&](const char* what, int x) {
    return linear(name + what, x, sizes.width, sizes.width, sizes.deviation, sizes.bias);
  };
  const int query = project(".query", queries);
  const int key = project(".key", memory);
  const int value = project(".value", memory);
  return attend(name, query, key, value, sizes);
}

int Layers::attend(const std::string& name, int query, int key, int value,
                   const AttentionSizes& sizes) {
  const std::int64_t head = sizes.width / sizes.heads;
  const auto heads = [&](const std::string& what, int x, const std::vector<std::int64_t>& perm) {
    return transpose(name + what, reshape(name + what + ".split", x, {0, 0, sizes.heads, head}),
                     perm);
  };
  const int q = heads(".query.heads", query, {0, 2, 1, 3});
  const int k = heads(".key.heads", key, {0, 2, 3, 1});
  const int v = heads(".value.heads", value, {0, 2, 1, 3});
  // Eq. (1) there: softmax(Q K^T / sqrt(d_k)) V.
  int scores = op(Op::matmul, name + ".scores", {q, k});
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(head)));
  scores = op(Op::mul, name + ".scale", {scores, fixed(name + ".scale.factor", scale)});
  if (sizes.mask != kAbsent) scores = op(Op::add, name + ".masked", {scores, sizes.mask});
  const int weights = op(Op::softmax, name + ".softmax", {scores}, AxisAttributes{-1, 0});
  const int context = op(Op::matmul, name + ".context", {weights, v});
  const int merged =
      reshape(name + ".merge", transpose(name + ".context.tokens", context, {0, 2, 1, 3}),
              {0, 0, sizes.width});
  return linear(name + ".output", merged, sizes.width, sizes.width, sizes.output_deviation,
                sizes.bias);
}

int Layers::causal_mask(std::int64_t tokens) {
  constexpr float kNever = -1e10F;  // exp() of it is 0 whatever the scores are
  std::vector<float> mask(static_cast<std::size_t>(tokens * tokens), 0.0F);
  for (std::int64_t i = 0; i < tokens; ++i) {
    for (std::int64_t j = i + 1; j < tokens; ++j) {
      mask[static_cast<std::size_t>(i * tokens + j)] = kNever;
    }
  }
  return fixed("causal_mask", {tokens, tokens}, mask);
}

}  // namespace jb::models
