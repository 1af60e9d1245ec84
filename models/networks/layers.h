#pragma once
// What the builders have in common: layers with weights drawn on demand, in proportions that keep
// activations of every depth at a scale where errors of machines can be told.

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/networks/registry.h"

namespace jb::models {

/// Normal elements with that mean and deviation, drawn when they are asked for, the same each time:
/// they depend on seed, name and position alone.
Constant seeded_normal(std::uint64_t seed, const std::string& name, const Dims& dims,
                       double deviation, double mean = 0);

/// A square convolution.
struct ConvSizes {
  std::int64_t in = 1, out = 1, kernel = 1, stride = 1, pad = 0, groups = 1;
  bool bias = false;
};

struct PoolSizes {
  std::int64_t kernel = 2, stride = 2, pad = 0;
};

/// Multi-head attention (Vaswani et al., NeurIPS 2017, section 3.2.2).
struct AttentionSizes {
  std::int64_t width = 0, heads = 1;
  bool bias = true;
  double deviation = 0;         ///< of the projections' weights
  double output_deviation = 0;  ///< of the output projection's
  int mask = kAbsent;           ///< added to the scores
};

class Layers {
 public:
  Layers(const std::string& name, std::uint64_t seed) : graph_(name), seed_(seed) {}

  int input(const InputSpec& spec) { return graph_.add_input(spec.name, spec.type, spec.dims); }
  /// Trained numbers: normal with that deviation and mean.
  int trained(const std::string& name, const Dims& dims, double deviation, double mean = 0);
  /// Numbers that belong to the architecture.
  int fixed(const std::string& name, const Dims& dims, std::span<const float> values);
  int fixed(const std::string& name, float value) { return fixed(name, {}, {&value, 1}); }
  int indices(const std::string& name, const std::vector<std::int64_t>& values);

  /// He-normal weights: deviation sqrt(2 / inputs of a sum) (He et al., ICCV 2015, Eq. (10)).
  int conv(const std::string& name, int x, const ConvSizes& sizes);
  /// Scale about 1, shift about 0, and the statistics that the convolution before it has when its
  /// inputs are as expected (variance 2 E[x^2], as derived there).
  int batch_norm(const std::string& name, int x, std::int64_t channels);
  int relu(const std::string& name, int x);
  int relu6(const std::string& name, int x);
  int max_pool(const std::string& name, int x, const PoolSizes& sizes);
  int average_pool(const std::string& name, int x, const PoolSizes& sizes);
  /// Mean over all positions, then one vector per sample.
  int global_average(const std::string& name, int x);
  int flatten(const std::string& name, int x);
  int add(const std::string& name, int a, int b);

  /// x W + bias over the last dimension, weights (in x out) normal with that deviation.
  int linear(const std::string& name, int x, std::int64_t in, std::int64_t out, double deviation,
             bool bias = true);
  int layer_norm(const std::string& name, int x, std::int64_t width, float epsilon);
  int reshape(const std::string& name, int x, const std::vector<std::int64_t>& dims);
  int transpose(const std::string& name, int x, const std::vector<std::int64_t>& perm);
  int slice(const std::string& name, int x, std::int64_t axis, std::int64_t begin,
            std::int64_t end);
  int op(Op op, const std::string& name, std::vector<int> inputs, Attributes attributes = {}) {
    return graph_.add(op, name, std::move(inputs), std::move(attributes));
  }
  /// Attention of `queries` to `memory` (samples x tokens x width each).
  int attention(const std::string& name, int queries, int memory, const AttentionSizes& sizes);
  /// The attention from projected queries, keys and values on.
  int attend(const std::string& name, int query, int key, int value, const AttentionSizes& sizes);
  /// 0 where a token may look, a large negative number where it may not (later tokens).
  int causal_mask(std::int64_t tokens);

  /// The mean square that `value` is expected to have.
  void expect(int value, double mean_square) { mean_square_[value] = mean_square; }

  Graph& graph() noexcept { return graph_; }
  Graph finish(int output) {
    graph_.add_output(output);
    return std::move(graph_);
  }

 private:
  [[nodiscard]] double expected(int value) const;

  Graph graph_;
  std::uint64_t seed_;
  std::map<int, double> mean_square_;
};

/// sqrt(1 / inputs): keeps the mean square of a product without ReLU.
double lecun_deviation(std::int64_t in);
/// sqrt(2 / (inputs + outputs)): Glorot, Bengio, AISTATS 2010, Eq. (16).
double glorot_deviation(std::int64_t in, std::int64_t out);
/// sqrt(2 / inputs): for layers whose inputs come from ReLU.
double he_deviation(std::int64_t in);

}  // namespace jb::models
