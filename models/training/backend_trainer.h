#pragma once
// Training of a chain of fully connected layers and convolutions on a device: three products per
// layer and step, each on the machine with its own noise, energy and programming.
//
//   forward          Y = X W           the stored operand W, as in inference
//   input gradient   dX = dY W^T       the same stored operand, driven from its other side
//   weight gradient  dW = X^T dY       two operands of the step: a dynamic product, which machines
//                                      that must load one of them pay for at every step. The one
//                                      with fewer values is loaded (dY, or X for dW^T = dY^T X).
//   update           W - rate(dW)      the digital side holds the parameters and the optimizer's
//                                      state in f32; the machine takes the change by its own means
//                                      (memory write, reprogramming, nothing where the operand is
//                                      sent anew). Machines that update by outer products form
//                                      X^T dY in their cells: no weight-gradient product, plain SGD
//                                      only, and the parameters are what the cells hold.
//
// The X of a convolution is its lowered input, a row for each sample and output position; dX adds
// windows up (models/training/conv_stage.h). Biases, ReLU, pooling, the loss, the optimizer and the
// scaling of operands (models/training/balance.h) are digital periphery with rows of their own. The
// first layer needs no input gradient.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "backends/core/gemm.h"
#include "backends/energy/periphery.h"
#include "models/mlp.h"
#include "models/training/balance.h"
#include "models/training/optimizer.h"
#include "models/training/trainable.h"

namespace jb::models {

struct BackendTrainOptions {
  std::int64_t batch = 64;
  OptimizerKind optimizer = OptimizerKind::adam;
  double momentum = 0.9;
  /// Forward products on the machine with its noise, both gradients in f32 on the digital side
  /// (V. Joshi et al., Nature Communications 11, 2473 (2020): noise in the forward pass only).
  bool noise_aware = false;
  /// Operands of gradient products are scaled by powers of two; for machines with converters.
  bool scaled = true;
  /// Counts that operands decide are those of these statistics, by layer_names(); for estimates.
  /// Null: of the operands as executed.
  const NetworkStatistics* given = nullptr;
  /// Every second element of inner dimensions changes sign (models/training/balance.h); for
  /// machines whose fields are never quite zero.
  bool alternating = false;
};

enum class Orientation : std::uint8_t { forward, input_gradient, weight_gradient, update };
inline constexpr std::size_t kOrientations = 4;
std::string_view name_of(Orientation orientation) noexcept;  ///< "forward", "input-gradient", ...

/// What the steps so far came to.
struct TrainingCounts {
  Activity activity;                         ///< rows tagged by layer and orientation
  std::array<double, kOrientations> macs{};  ///< logical, by orientation
  std::vector<double> macs_of_row;           ///< the same by layer and orientation: layer_names()
  double machine_s = 0;                      ///< host's clock around the machine's work
  ProductLog products;                       ///< statistics of the machine's operands
};

class BackendTrainer {
 public:
  /// Plans the layers on `device`; it and `network` outlive this object.
  BackendTrainer(Device& device, TrainableNetwork& network, const BackendTrainOptions& options);
  BackendTrainer(Device& device, Mlp& network, const BackendTrainOptions& options);
  /// Whether the machine updates the way the options need, with the reason when not. No step can
  /// be taken otherwise.
  [[nodiscard]] Support supports_options() const;

  /// One step on these samples (at most the batch) at that learning rate; returns their mean
  /// cross-entropy before it. Usage error when training diverges.
  double step(const LabelledImages& data, std::span<const std::int64_t> samples, double rate);
  /// Logits on the machine, counted nowhere: verification. `call` tells its noise from training's.
  Matrix<float> logits(MatrixView<const float> images, std::uint64_t call);

  /// "fc1/forward", ...; the layer numbers of rows point here.
  [[nodiscard]] const std::vector<std::string>& layer_names() const noexcept { return names_; }
  [[nodiscard]] static Orientation orientation_of(std::uint32_t layer) noexcept;
  /// The device's and those of the digital periphery.
  [[nodiscard]] const PriceTable& prices() const noexcept { return prices_; }
  [[nodiscard]] const Activity& setup() const noexcept { return setup_; }
  [[nodiscard]] bool resident() const;
  [[nodiscard]] std::string implementation() const;
  [[nodiscard]] bool updates_by_outer_products() const noexcept { return outer_; }
  [[nodiscard]] const TrainingCounts& counts() const noexcept { return counts_; }
  /// The counts so far, which start again from nothing.
  TrainingCounts take_counts() { return std::exchange(counts_, empty_counts()); }
  /// "layer 'fc1/forward': saturated: ...", the last of each kind.
  [[nodiscard]] std::vector<std::string> lints() const;
  [[nodiscard]] std::int64_t steps() const noexcept { return step_; }

 private:
  struct Layer {
    Matrix<float>* parameters = nullptr;  ///< the network's
    std::vector<float>* bias = nullptr;
    bool relu = false;
    std::optional<ConvStage> conv;
    /// Of a convolution: its X and dX, its Y and dY before the maps, and the maps behind ReLU.
    Matrix<float> lowered, lowered_gradient, sums, maps, map_gradient;
    std::unique_ptr<Plan> plan;
    Matrix<float> gradient;
    std::vector<float> bias_gradient;
    Optimizer weights{OptimizerKind::sgd, 0, 0}, biases{OptimizerKind::sgd, 0, 0};
    Matrix<double> change;
    std::uint64_t gradient_scope = 0;
  };
  BackendTrainer(Device& device, const std::string& name, const BackendTrainOptions& options);
  void add_layer(const std::string& name, Layer layer);
  void make_buffers();
  [[nodiscard]] TrainingCounts empty_counts() const;
  void add_macs(double macs, std::size_t layer, Orientation orientation);
  [[nodiscard]] std::int64_t product_rows(std::size_t layer, std::int64_t samples) const;
  /// X and Y (after forward(): dY) of the product of a layer.
  [[nodiscard]] MatrixView<float> inputs_of(std::size_t layer, std::int64_t samples);
  [[nodiscard]] MatrixView<float> outputs_of(std::size_t layer, std::int64_t samples);
  /// dY of a layer's product from the gradient of what it passed on, through pooling and ReLU;
  /// what that took.
  [[nodiscard]] PeripheryWork bring_back(std::size_t layer, std::int64_t samples);
  /// Y = X W on the machine, whose operands may have other signs.
  [[nodiscard]] Execution multiply(std::size_t layer, MatrixView<const float> x,
                                   MatrixView<float> y, const Draw& draw);
  template <class Work>
  void on_machine(std::size_t layer, Orientation orientation, const GemmShape& shape, Work work);
  void add(const Execution& execution, std::size_t layer, Orientation orientation);
  /// Keeps the operands' statistics, and counts as those that were given say.
  void take_statistics(Execution& execution, std::size_t layer, Orientation orientation,
                       const GemmShape& shape);
  [[nodiscard]] Activity with_given(const Execution& execution, const LayerStatistics& given,
                                    Orientation orientation, const GemmShape& shape) const;
  void add(const PeripheryWork& work, std::size_t layer, Orientation orientation);
  void gather(const LabelledImages& data, std::span<const std::int64_t> samples);
  /// False when a value is not finite: training has diverged.
  [[nodiscard]] bool forward(std::int64_t samples);
  void input_gradient(std::size_t layer, std::int64_t samples);
  void weight_gradient(std::size_t layer, std::int64_t samples);
  void bias_gradient(std::size_t layer, std::int64_t samples);
  void update(std::size_t layer, std::int64_t samples, double rate);
  void write_weights(std::size_t layer, double rate);
  [[noreturn]] void fail_diverged(double rate) const;
  [[nodiscard]] MatrixView<float> rows_of(Matrix<float>& matrix, std::int64_t rows) const {
    return matrix.view().block(0, 0, rows, matrix.cols());
  }

  Device& device_;
  std::string network_;
  BackendTrainOptions options_;
  std::vector<Layer> layers_;
  std::vector<Matrix<float>> activations_, deltas_;  // [l] = what layer l is given; a row a sample
  std::vector<std::uint8_t> labels_;
  std::vector<std::string> names_;
  PriceTable prices_;
  PeripheryActions periphery_;
  Activity setup_;
  TrainingCounts counts_;
  std::map<std::pair<std::size_t, std::string>, std::string> lints_;
  std::int64_t step_ = 0;
  bool outer_ = false;
};

/// The samples in a new order every epoch (Fisher and Yates), the same for a seed.
class SampleOrder {
 public:
  SampleOrder(std::int64_t count, std::uint64_t seed);
  /// To be called for epochs 0, 1, 2, ... in turn.
  const std::vector<std::int64_t>& shuffled(int epoch);

 private:
  std::uint64_t seed_;
  std::vector<std::int64_t> order_;
};

}  // namespace jb::models
