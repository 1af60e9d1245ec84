#pragma once
// Rules by which parameters follow their gradients: SGD, momentum and Adam; learning-rate
// schedules; the loss of classifiers.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/matrix.h"
#include "backends/energy/periphery.h"

namespace jb::models {

enum class OptimizerKind : std::uint8_t {
  sgd,       ///< p -= rate g
  momentum,  ///< v = mu v + g; p -= rate v (heavy ball, Polyak 1964)
  adam,      ///< Kingma and Ba, ICLR 2015, Algorithm 1, with its defaults
};
std::string_view name_of(OptimizerKind kind) noexcept;
/// Usage error suggesting the nearest name otherwise.
OptimizerKind optimizer_from(const std::string& name);
/// What training starts from unless told otherwise: 1e-3 for Adam, 0.1 for SGD, and 0.02 for
/// momentum, whose steps add up to 1 / (1 - mu) of one.
double default_learning_rate(OptimizerKind kind) noexcept;

enum class ScheduleKind : std::uint8_t {
  cosine,    ///< to zero without restarts: Loshchilov and Hutter, ICLR 2017, Eq. (5)
  constant,  ///< the rate given
};
std::string_view name_of(ScheduleKind kind) noexcept;
ScheduleKind schedule_kind_from(const std::string& name);
/// Learning rate of step `t` (from 0) of `steps`.
double scheduled_rate(ScheduleKind kind, double rate, std::int64_t t, std::int64_t steps) noexcept;

/// State of one array of parameters.
class Optimizer {
 public:
  Optimizer(OptimizerKind kind, double momentum, std::size_t size);
  /// Moves parameters, which stand from `first` on in the array; `t` counts steps from 1. Parts
  /// that do not overlap may be moved at the same time.
  void step(std::span<float> parameters, std::span<const float> gradient, double rate,
            std::int64_t t, std::size_t first = 0);

 private:
  OptimizerKind kind_;
  float momentum_;
  std::vector<float> first_, second_;
};

/// What a digital unit does to move that many parameters; state and parameters are f32.
PeripheryWork optimizer_work(OptimizerKind kind, double parameters) noexcept;

/// Replaces logits by the gradient of the mean cross-entropy over a batch of `batch`,
/// (softmax - one-hot) / batch, and returns the sum of the rows' cross-entropies.
double softmax_gradient(MatrixView<float> logits, std::span<const std::uint8_t> labels,
                        std::int64_t batch);
PeripheryWork softmax_gradient_work(double rows, double classes) noexcept;

}  // namespace jb::models
