#pragma once
// Multi-layer perceptrons with ReLU between layers.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "backends/core/matrix.h"
#include "models/dataset.h"
#include "models/graph.h"

namespace jb::models {

/// Weights k x n (inputs x outputs, the orientation of the interface's B) and biases per layer.
struct Mlp {
  std::string name;                  ///< "mlp-784-100-10"
  std::vector<std::int64_t> widths;  ///< {784, 100, 10}
  std::vector<Matrix<float>> weights;
  std::vector<std::vector<float>> biases;

  /// The network over this object's weights, which it must outlive. Layers are named fc1, fc2, ...
  [[nodiscard]] Graph graph() const;
};

/// "mlp-784-100-10" with seeded He-normal weights; usage error for a malformed name.
Mlp build_mlp(const std::string& name, std::uint64_t seed);

struct TrainOptions {
  int epochs = 12;
  std::int64_t batch = 64;
  double learning_rate = 1e-3;  ///< Adam
  std::uint64_t seed = 1;
};

/// What a network is trained with unless told otherwise. Above a million parameters: 8 epochs in
/// batches of 128. On MNIST, 784-1000-1000-10 loses 0.1 % with batches of 256 and gains nothing
/// from 10 epochs; smaller batches update all parameters more often, which takes longer. Usage
/// error for a malformed name of a perceptron.
TrainOptions default_training(const std::string& name);

/// Trains in float on the host: softmax cross-entropy, Adam, cosine decay. Deterministic for a
/// given seed on one instruction set, whatever the thread count.
void train(Mlp& network, const LabelledImages& data, const TrainOptions& options);

/// Rows of logits of `images` in float on the host.
Matrix<float> forward(const Mlp& network, MatrixView<const float> images);
/// Index of each row's largest value (the first of equals).
std::vector<int> argmax_rows(MatrixView<const float> scores);
double accuracy(const std::vector<int>& predicted, const std::vector<std::uint8_t>& labels);

/// The trained network from the cache folder, or trained now and stored there. The key is a hash of
/// the architecture, training options, data and trainer version; files are atomic and checked when
/// read; a broken one is replaced. `cache_dir` "" = $XDG_CACHE_HOME/joulebench or
/// ~/.cache/joulebench.
Mlp trained_mlp(const std::string& name, const Dataset& data, const TrainOptions& options,
                const std::filesystem::path& cache_dir);

/// The perceptrons that `list` shows; any other widths can be built.
std::vector<std::string> mlp_names();
/// {784, 100, 10} of "mlp-784-100-10"; usage error for a malformed name.
std::vector<std::int64_t> mlp_widths(const std::string& name);

}  // namespace jb::models
