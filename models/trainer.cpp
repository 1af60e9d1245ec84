#include "models/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/core/threads.h"
#include "models/training/optimizer.h"

namespace jb::models {
namespace {

constexpr int kMaxEpochs = 100000;
/// Networks whose largest product is smaller are trained on one thread: 784-100-10 at batch 64
/// (5e6 MACs, a tenth of a millisecond) gains a quarter from two free cores, and loses a factor of
/// ten to the waits at the end of each product when another program holds one of them.
constexpr double kThreadedMacs = 2.5e7;
/// Samples that pass forward and back as one piece of work, and rows of a weight matrix whose
/// gradient is formed and applied as one: enough for the core routine to run at speed, few enough
/// to keep two threads or eight busy. An element's sum depends on neither.
constexpr std::int64_t kSampleGrain = 64;
constexpr std::int64_t kWeightGrain = 256;

/// The gradient of one array of parameters, and Adam's state.
struct Learned {
  std::vector<float> gradient;
  Optimizer adam;
  explicit Learned(std::size_t size) : gradient(size), adam(OptimizerKind::adam, 0, size) {}
};

/// Column sums, row by row: a fixed order.
void sum_columns(MatrixView<const float> matrix, std::vector<float>& sums) {
  std::fill(sums.begin(), sums.end(), 0.0F);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      sums[static_cast<std::size_t>(j)] += matrix(i, j);
    }
  }
}

/// Buffers of one training run. A step has three parts, each cut over the threads: the weights are
/// packed; pieces of the batch pass forward and back through all layers; pieces of the weights get
/// their gradient and, while it is in the cache, their update. All products go through the core
/// routine, whose sums depend neither on threads nor on these cuts.
class Trainer {
 public:
  Trainer(Mlp& network, const LabelledImages& data, const TrainOptions& options)
      : network_(network), data_(data), options_(options) {
    const std::int64_t rows = std::min(options.batch, data.images.rows());
    for (std::size_t l = 0; l < network.weights.size(); ++l) {
      weights_.emplace_back(static_cast<std::size_t>(network.weights[l].size()));
      biases_.emplace_back(network.biases[l].size());
    }
    for (const std::int64_t width : network.widths) {
      activations_.emplace_back(rows, width);
      deltas_.emplace_back(rows, width);
    }
    packed_.resize(network.weights.size());
    packed_transposed_.resize(network.weights.size());
    for (std::size_t l = 0; l < network.weights.size(); ++l) {
      for (std::int64_t row = 0; row < network.weights[l].rows(); row += kWeightGrain) {
        updates_.push_back({l, row});
      }
    }
    batch_labels_.resize(static_cast<std::size_t>(rows));
  }

  void run() {
    double largest = 0;
    for (const Matrix<float>& w : network_.weights) {
      largest =
          std::max(largest, static_cast<double>(batch_labels_.size()) *
                                static_cast<double>(w.rows()) * static_cast<double>(w.cols()));
    }
    if (largest >= kThreadedMacs) {
      run_steps();
      return;
    }
    // What a piece calls runs serially: the second, empty piece puts the first one in that state.
    parallel_for(2, 1, [&](std::int64_t begin, std::int64_t) {
      if (begin == 0) run_steps();
    });
  }

 private:
  void run_steps() {
    const std::int64_t count = data_.images.rows();
    const std::int64_t steps = (count + options_.batch - 1) / options_.batch * options_.epochs;
    std::vector<std::int64_t> order(static_cast<std::size_t>(count));
    std::iota(order.begin(), order.end(), std::int64_t{0});
    const RandomStream shuffle(options_.seed, 0, tag_of("trainer.shuffle"), 0);
    std::int64_t t = 0;
    for (int epoch = 0; epoch < options_.epochs; ++epoch) {
      for (std::int64_t i = count - 1; i > 0; --i) {  // Fisher and Yates
        const std::uint64_t word = shuffle.word(epoch, i, 0);
        const auto j = static_cast<std::size_t>((word * static_cast<std::uint64_t>(i + 1)) >> 32U);
        std::swap(order[static_cast<std::size_t>(i)], order[j]);
      }
      for (std::int64_t first = 0; first < count; first += options_.batch) {
        const std::int64_t rows = std::min(options_.batch, count - first);
        const std::span<const std::int64_t> picked(order.data() + first,
                                                   static_cast<std::size_t>(rows));
        const double rate = scheduled_rate(ScheduleKind::cosine, options_.learning_rate, t, steps);
        pack_weights();
        parallel_for(rows, kSampleGrain, [&](std::int64_t begin, std::int64_t end) {
          gather(picked, begin, end);
          forward_pass(begin, end);
          backward_pass(begin, end, rows);
        });
        parallel_for(static_cast<std::int64_t>(updates_.size()), 1,
                     [&](std::int64_t begin, std::int64_t end) {
                       for (std::int64_t i = begin; i < end; ++i) {
                         update(updates_[static_cast<std::size_t>(i)], rows, rate, t + 1);
                       }
                     });
        ++t;
      }
      check_finite(epoch);
    }
  }

  static MatrixView<float> rows_of(Matrix<float>& matrix, std::int64_t begin, std::int64_t end) {
    return matrix.view().block(begin, 0, end - begin, matrix.cols());
  }

  /// Every matrix for the forward products, all but the first transposed for the backward ones.
  void pack_weights() {
    const auto layers = static_cast<std::int64_t>(network_.weights.size());
    parallel_for(2 * layers - 1, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const auto l = static_cast<std::size_t>(i < layers ? i : i - layers + 1);
        const MatrixView<const float> w = std::as_const(network_.weights[l]).view();
        if (i < layers) {
          packed_[l] = PackedMatrix<float>(w);
        } else {
          packed_transposed_[l] = PackedMatrix<float>(w.transposed());
        }
      }
    });
  }

  void gather(std::span<const std::int64_t> picked, std::int64_t begin, std::int64_t end) {
    const std::int64_t width = data_.images.cols();
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t sample = picked[static_cast<std::size_t>(i)];
      const float* const row = data_.images.data() + sample * width;
      std::copy(row, row + width, &activations_.front()(i, 0));
      batch_labels_[static_cast<std::size_t>(i)] = data_.labels[static_cast<std::size_t>(sample)];
    }
  }

  void forward_pass(std::int64_t begin, std::int64_t end) {
    for (std::size_t l = 0; l < network_.weights.size(); ++l) {
      const bool relu = l + 1 < network_.weights.size();
      // The logits are not needed themselves: their gradient takes their place.
      const MatrixView<float> output =
          rows_of(relu ? activations_[l + 1] : deltas_[l + 1], begin, end);
      gemm<float>(rows_of(activations_[l], begin, end), packed_[l], output);
      const std::vector<float>& bias = network_.biases[l];
      for (std::int64_t i = 0; i < output.rows; ++i) {
        float* row = &output(i, 0);
        for (std::int64_t j = 0; j < output.cols; ++j) {
          const float value = row[j] + bias[static_cast<std::size_t>(j)];
          row[j] = relu ? std::max(value, 0.0F) : value;
        }
      }
    }
  }

  void backward_pass(std::int64_t begin, std::int64_t end, std::int64_t batch) {
    const std::size_t layers = network_.weights.size();
    (void)softmax_gradient(
        rows_of(deltas_[layers], begin, end),
        std::span(batch_labels_)
            .subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin)),
        batch);
    for (std::size_t l = layers; --l > 0;) {
      const MatrixView<float> below = rows_of(deltas_[l], begin, end);
      gemm<float>(rows_of(deltas_[l + 1], begin, end), packed_transposed_[l], below);
      const float* const active = rows_of(activations_[l], begin, end).data;
      for (std::int64_t i = 0; i < below.rows * below.cols; ++i) {
        below.data[i] = active[i] > 0.0F ? below.data[i] : 0.0F;
      }
    }
  }

  /// Some rows of one layer's weights; its biases go with the first of them.
  struct Update {
    std::size_t layer;
    std::int64_t row;
  };

  void update(const Update& piece, std::int64_t batch, double rate, std::int64_t step) {
    const std::size_t l = piece.layer;
    Matrix<float>& w = network_.weights[l];
    const std::int64_t height = std::min(kWeightGrain, w.rows() - piece.row);
    const MatrixView<const float> delta = rows_of(deltas_[l + 1], 0, batch);
    const MatrixView<const float> input =
        rows_of(activations_[l], 0, batch).block(0, piece.row, batch, height);
    const std::int64_t first = piece.row * w.cols();
    const MatrixView<float> gradient{weights_[l].gradient.data() + first, height, w.cols(),
                                     w.cols(), 1};
    gemm<float>(input.transposed(), delta, gradient);
    const auto size = static_cast<std::size_t>(height * w.cols());
    weights_[l].adam.step({w.data() + first, size}, {gradient.data, size}, rate, step,
                          static_cast<std::size_t>(first));
    if (piece.row > 0) return;
    sum_columns(delta, biases_[l].gradient);
    biases_[l].adam.step(network_.biases[l], biases_[l].gradient, rate, step);
  }

  void check_finite(int epoch) const {
    for (const Matrix<float>& w : network_.weights) {
      const bool finite = std::all_of(w.data(), w.data() + w.size(),
                                      [](float value) { return std::isfinite(value); });
      if (!finite) {
        fail_usage("training of {} diverged in epoch {}: lower the learning rate (now {})",
                   network_.name, epoch + 1, options_.learning_rate);
      }
    }
  }

  Mlp& network_;
  const LabelledImages& data_;
  TrainOptions options_;
  std::vector<Learned> weights_, biases_;
  std::vector<Matrix<float>> activations_, deltas_;  // [0] = input, [l] = output of layer l
  std::vector<PackedMatrix<float>> packed_, packed_transposed_;
  std::vector<Update> updates_;
  std::vector<std::uint8_t> batch_labels_;
};

}  // namespace

void check_trainable(const NetworkEnds& network, const LabelledImages& data,
                     const TrainOptions& options) {
  if (options.epochs < 1 || options.epochs > kMaxEpochs) {
    fail_usage("training for {} epochs makes no sense: give 1 to {}", options.epochs, kMaxEpochs);
  }
  if (options.batch < 1)
    fail_usage("a training batch of {} images: give at least 1", options.batch);
  if (!std::isfinite(options.learning_rate) || options.learning_rate <= 0) {
    fail_usage("a learning rate of {} makes no sense: give a positive number, as 0.001",
               options.learning_rate);
  }
  if (data.images.rows() < 1 ||
      data.images.rows() != static_cast<std::int64_t>(data.labels.size())) {
    fail_usage("training needs one label per image and at least one: got {} images and {} labels",
               data.images.rows(), data.labels.size());
  }
  if (data.images.cols() != network.inputs) {
    fail_usage("network {} takes {} inputs and the images have {} pixels: choose another network",
               network.name, network.inputs, data.images.cols());
  }
  const std::uint8_t largest = *std::max_element(data.labels.begin(), data.labels.end());
  if (static_cast<std::int64_t>(largest) >= network.outputs) {
    fail_usage("network {} has {} outputs and the data has label {}: choose another network",
               network.name, network.outputs, static_cast<int>(largest));
  }
}

void train(Mlp& network, const LabelledImages& data, const TrainOptions& options) {
  check_trainable({network.name, network.widths.front(), network.widths.back()}, data, options);
  Trainer(network, data, options).run();
}

}  // namespace jb::models
