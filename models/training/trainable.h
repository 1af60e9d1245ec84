#pragma once
// Networks that can be trained: chains of fully connected layers and convolutions, with ReLU and
// pooling between them.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "backends/core/matrix.h"
#include "models/graph.h"
#include "models/mlp.h"
#include "models/training/conv_stage.h"

namespace jb::models {

struct TrainableLayer {
  std::string name;               ///< "fc1", "conv3"
  Matrix<float> weights;          ///< k x n, the orientation of the interface's B
  std::vector<float> bias;        ///< n
  bool relu = false;              ///< of the layer's outputs, before pooling
  std::optional<ConvStage> conv;  ///< nothing: fully connected

  /// Values of one sample.
  [[nodiscard]] std::int64_t input_size() const noexcept {
    return conv ? conv->input_size() : weights.rows();
  }
  [[nodiscard]] std::int64_t output_size() const noexcept {
    return conv ? conv->output_size() : weights.cols();
  }
  /// Rows of the product that one sample is.
  [[nodiscard]] std::int64_t rows_per_sample() const noexcept {
    return conv ? conv->positions() : 1;
  }
};

class TrainableNetwork {
 public:
  /// A perceptron or a built-in network with weights drawn from the seed. Usage error naming the
  /// node for one that is no such chain, and for an unknown name.
  TrainableNetwork(const std::string& name, std::uint64_t seed);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::vector<TrainableLayer>& layers() noexcept { return layers_; }
  [[nodiscard]] const std::vector<TrainableLayer>& layers() const noexcept { return layers_; }
  [[nodiscard]] std::int64_t input_size() const { return layers_.front().input_size(); }
  [[nodiscard]] std::int64_t output_size() const { return layers_.back().output_size(); }
  /// Sizes of one sample as the network takes it: {784}, {1, 28, 28}.
  [[nodiscard]] const Dims& input_dims() const noexcept { return input_dims_; }
  [[nodiscard]] double parameters() const;
  /// Floats that one sample's activations, their lowered forms and gradients take.
  [[nodiscard]] double floats_per_sample() const;

  /// The network with the weights as they are now.
  [[nodiscard]] Graph graph() const;

 private:
  void read_chain();
  void take_linear(const NodeView& node);
  void take_conv(const NodeView& node, const Dims& input);
  void take_pooling(const NodeView& node, const Dims& output);
  [[noreturn]] void refuse(const NodeView& node, const std::string& reason) const;

  std::string name_;
  Graph graph_;
  Dims input_dims_;
  std::vector<TrainableLayer> layers_;
  std::vector<std::pair<int, int>> values_;  ///< of weights and biases in graph_, by layer
};

/// Rows of logits of `images` in float on the host.
Matrix<float> forward(const TrainableNetwork& network, MatrixView<const float> images);

}  // namespace jb::models
