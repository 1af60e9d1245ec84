#include "models/trainer.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "backends/core/error.h"
#include "backends/core/gemm.h"
#include "backends/core/random.h"
#include "backends/core/threads.h"

namespace jb::models {
namespace {

// Adam: Kingma and Ba, ICLR 2015, Algorithm 1 and the defaults given there.
constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;
/// Parameters per piece of the update: large enough that handing it out costs nothing beside it.
constexpr std::int64_t kUpdateGrain = std::int64_t{1} << 17U;
constexpr int kMaxEpochs = 100000;
/// Networks whose largest product is smaller are trained on one thread: 784-100-10 at batch 64
/// (5e6 MACs, a tenth of a millisecond) gains a quarter from two free cores, and loses a factor of
/// ten to the waits at the end of each product when another program holds one of them.
constexpr double kThreadedMacs = 2.5e7;

/// Adam's state and the gradient of one array of parameters.
struct Moments {
  std::vector<float> gradient, first, second;
  explicit Moments(std::size_t size) : gradient(size), first(size), second(size) {}
};

/// Step size and the scale of epsilon for step t in the form that section 2 of the paper ends with:
/// alpha_t = alpha sqrt(1 - beta2^t) / (1 - beta1^t), epsilon_hat = epsilon sqrt(1 - beta2^t).
struct Step {
  float alpha = 0;
  float epsilon = 0;
};

Step step_of(double rate, std::int64_t t) {
  const double time = static_cast<double>(t);
  const double correction = std::sqrt(1.0 - std::pow(kBeta2, time));
  return {static_cast<float>(rate * correction / (1.0 - std::pow(kBeta1, time))),
          static_cast<float>(kEpsilon * correction)};
}

void adam(std::span<float> parameters, Moments& state, const Step& step) {
  constexpr auto kB1 = static_cast<float>(kBeta1);
  constexpr auto kB2 = static_cast<float>(kBeta2);
  const float alpha = step.alpha;
  const float epsilon = step.epsilon;
  float* p = parameters.data();
  float* m = state.first.data();
  float* v = state.second.data();
  const float* g = state.gradient.data();
  parallel_for(static_cast<std::int64_t>(parameters.size()), kUpdateGrain,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   m[i] = kB1 * m[i] + (1.0F - kB1) * g[i];
                   v[i] = kB2 * v[i] + (1.0F - kB2) * g[i] * g[i];
                   p[i] -= alpha * m[i] / (std::sqrt(v[i]) + epsilon);
                 }
               });
}

/// Replaces logits by the gradient of the mean cross-entropy: (softmax - one-hot) / rows.
void softmax_gradient(MatrixView<float> logits, std::span<const std::uint8_t> labels) {
  const float scale = 1.0F / static_cast<float>(logits.rows);
  for (std::int64_t i = 0; i < logits.rows; ++i) {
    float* row = &logits(i, 0);
    const float top = *std::max_element(row, row + logits.cols);
    double sum = 0;
    for (std::int64_t j = 0; j < logits.cols; ++j) {
      row[j] = std::exp(row[j] - top);
      sum += static_cast<double>(row[j]);
    }
    const auto share = static_cast<float>(1.0 / sum);
    for (std::int64_t j = 0; j < logits.cols; ++j) row[j] *= share * scale;
    row[labels[static_cast<std::size_t>(i)]] -= scale;
  }
}

/// Column sums, row by row: a fixed order.
void sum_columns(MatrixView<const float> matrix, std::vector<float>& sums) {
  std::fill(sums.begin(), sums.end(), 0.0F);
  for (std::int64_t i = 0; i < matrix.rows; ++i) {
    for (std::int64_t j = 0; j < matrix.cols; ++j) {
      sums[static_cast<std::size_t>(j)] += matrix(i, j);
    }
  }
}

/// Buffers of one training run. All products go through the core routine, whose sums do not depend
/// on threads.
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
        gather({order.data() + first, static_cast<std::size_t>(rows)});
        forward_pass(rows);
        backward_pass(rows);
        // Cosine decay to zero without restarts: Loshchilov and Hutter, ICLR 2017, Eq. (5).
        const double phase = std::numbers::pi * static_cast<double>(t) / static_cast<double>(steps);
        const Step step = step_of(options_.learning_rate * 0.5 * (1.0 + std::cos(phase)), t + 1);
        for (std::size_t l = 0; l < network_.weights.size(); ++l) {
          adam({network_.weights[l].data(), weights_[l].gradient.size()}, weights_[l], step);
          adam(network_.biases[l], biases_[l], step);
        }
        ++t;
      }
      check_finite(epoch);
    }
  }

  MatrixView<float> rows_of(Matrix<float>& matrix, std::int64_t rows) {
    return matrix.view().block(0, 0, rows, matrix.cols());
  }

  void gather(std::span<const std::int64_t> picked) {
    const std::int64_t width = data_.images.cols();
    float* out = activations_.front().data();
    for (std::size_t i = 0; i < picked.size(); ++i) {
      const float* row = data_.images.data() + picked[i] * width;
      std::copy(row, row + width, out + static_cast<std::int64_t>(i) * width);
      batch_labels_[i] = data_.labels[static_cast<std::size_t>(picked[i])];
    }
  }

  void forward_pass(std::int64_t rows) {
    for (std::size_t l = 0; l < network_.weights.size(); ++l) {
      const MatrixView<float> output = rows_of(activations_[l + 1], rows);
      gemm<float>(rows_of(activations_[l], rows), network_.weights[l].view(), output);
      const bool relu = l + 1 < network_.weights.size();
      const std::vector<float>& bias = network_.biases[l];
      for (std::int64_t i = 0; i < rows; ++i) {
        float* row = &output(i, 0);
        for (std::int64_t j = 0; j < output.cols; ++j) {
          const float value = row[j] + bias[static_cast<std::size_t>(j)];
          row[j] = relu ? std::max(value, 0.0F) : value;
        }
      }
    }
  }

  void backward_pass(std::int64_t rows) {
    const std::size_t layers = network_.weights.size();
    // The logits are not needed again: their gradient takes their place.
    std::swap(deltas_[layers], activations_[layers]);
    softmax_gradient(rows_of(deltas_[layers], rows),
                     std::span(batch_labels_).first(static_cast<std::size_t>(rows)));
    for (std::size_t l = layers; l-- > 0;) {
      const MatrixView<const float> delta = rows_of(deltas_[l + 1], rows);
      const Matrix<float>& w = network_.weights[l];
      const MatrixView<float> gradient{weights_[l].gradient.data(), w.rows(), w.cols(), w.cols(),
                                       1};
      const MatrixView<const float> input = rows_of(activations_[l], rows);
      gemm<float>(input.transposed(), delta, gradient);
      sum_columns(delta, biases_[l].gradient);
      if (l == 0) break;
      const MatrixView<float> below = rows_of(deltas_[l], rows);
      gemm<float>(delta, w.view().transposed(), below);
      const float* active = input.data;
      for (std::int64_t i = 0; i < rows * below.cols; ++i) {
        if (!(active[i] > 0.0F)) below.data[i] = 0.0F;
      }
    }
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
  std::vector<Moments> weights_, biases_;
  std::vector<Matrix<float>> activations_, deltas_;  // [0] = input, [l] = output of layer l
  std::vector<std::uint8_t> batch_labels_;
};

}  // namespace

void check_trainable(const Mlp& network, const LabelledImages& data, const TrainOptions& options) {
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
  if (data.images.cols() != network.widths.front()) {
    fail_usage("network {} takes {} inputs and the images have {} pixels: choose another network",
               network.name, network.widths.front(), data.images.cols());
  }
  const std::uint8_t largest = *std::max_element(data.labels.begin(), data.labels.end());
  if (static_cast<std::int64_t>(largest) >= network.widths.back()) {
    fail_usage("network {} has {} outputs and the data has label {}: choose another network",
               network.name, network.widths.back(), static_cast<int>(largest));
  }
}

void train(Mlp& network, const LabelledImages& data, const TrainOptions& options) {
  check_trainable(network, data, options);
  Trainer(network, data, options).run();
}

}  // namespace jb::models
