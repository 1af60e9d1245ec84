#include "models/training/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "backends/core/error.h"
#include "backends/core/text.h"

namespace jb::models {
namespace {

constexpr double kBeta1 = 0.9;
constexpr double kBeta2 = 0.999;
constexpr double kEpsilon = 1e-8;
constexpr double kBytes = 4;  // of a parameter, a gradient or an element of state

/// Adam in the form that section 2 of the paper ends with: alpha_t = alpha sqrt(1 - beta2^t) /
/// (1 - beta1^t), epsilon_hat = epsilon sqrt(1 - beta2^t).
void adam(std::span<float> p, std::span<const float> g, std::span<float> m, std::span<float> v,
          double rate, std::int64_t t) {
  const auto time = static_cast<double>(t);
  const double correction = std::sqrt(1.0 - std::pow(kBeta2, time));
  const auto alpha = static_cast<float>(rate * correction / (1.0 - std::pow(kBeta1, time)));
  const auto epsilon = static_cast<float>(kEpsilon * correction);
  constexpr auto kB1 = static_cast<float>(kBeta1);
  constexpr auto kB2 = static_cast<float>(kBeta2);
  for (std::size_t i = 0; i < p.size(); ++i) {
    m[i] = kB1 * m[i] + (1.0F - kB1) * g[i];
    v[i] = kB2 * v[i] + (1.0F - kB2) * g[i] * g[i];
    p[i] -= alpha * m[i] / (std::sqrt(v[i]) + epsilon);
  }
}

}  // namespace

std::string_view name_of(OptimizerKind kind) noexcept {
  switch (kind) {
    case OptimizerKind::sgd:
      return "sgd";
    case OptimizerKind::momentum:
      return "momentum";
    case OptimizerKind::adam:
      return "adam";
  }
  return "";
}

OptimizerKind optimizer_from(const std::string& name) {
  for (const auto kind : {OptimizerKind::sgd, OptimizerKind::momentum, OptimizerKind::adam}) {
    if (name_of(kind) == name) return kind;
  }
  const std::vector<std::string> names = {"sgd", "momentum", "adam"};
  fail_usage("--optimizer: unknown '{}'{} (there are: {})", name, did_you_mean(name, names),
             join(names));
}

double default_learning_rate(OptimizerKind kind) noexcept {
  switch (kind) {
    case OptimizerKind::sgd:
      return 0.1;
    case OptimizerKind::momentum:
      return 0.02;
    case OptimizerKind::adam:
      return 1e-3;
  }
  return 0;
}

std::string_view name_of(ScheduleKind kind) noexcept {
  return kind == ScheduleKind::cosine ? "cosine" : "constant";
}

ScheduleKind schedule_kind_from(const std::string& name) {
  if (name == "cosine") return ScheduleKind::cosine;
  if (name == "constant") return ScheduleKind::constant;
  const std::vector<std::string> names = {"cosine", "constant"};
  fail_usage("--schedule: unknown '{}'{} (there are: {})", name, did_you_mean(name, names),
             join(names));
}

double scheduled_rate(ScheduleKind kind, double rate, std::int64_t t, std::int64_t steps) noexcept {
  if (kind == ScheduleKind::constant) return rate;
  const double phase = std::numbers::pi * static_cast<double>(t) / static_cast<double>(steps);
  return rate * 0.5 * (1.0 + std::cos(phase));
}

Optimizer::Optimizer(OptimizerKind kind, double momentum, std::size_t size)
    : kind_(kind),
      momentum_(static_cast<float>(momentum)),
      first_(kind == OptimizerKind::sgd ? 0 : size),
      second_(kind == OptimizerKind::adam ? size : 0) {}

void Optimizer::step(std::span<float> parameters, std::span<const float> gradient, double rate,
                     std::int64_t t, std::size_t first) {
  const std::size_t size = parameters.size();
  if (kind_ == OptimizerKind::adam) {
    adam(parameters, gradient, std::span(first_).subspan(first, size),
         std::span(second_).subspan(first, size), rate, t);
    return;
  }
  const auto alpha = static_cast<float>(rate);
  for (std::size_t i = 0; i < size; ++i) {
    float direction = gradient[i];
    if (kind_ == OptimizerKind::momentum) {
      direction = momentum_ * first_[first + i] + gradient[i];
      first_[first + i] = direction;
    }
    parameters[i] -= alpha * direction;
  }
}

PeripheryWork optimizer_work(OptimizerKind kind, double parameters) noexcept {
  PeripheryWork work;
  switch (kind) {
    case OptimizerKind::sgd:
      work.multiplies = parameters;
      work.adds = parameters;
      work.bytes = 3 * kBytes * parameters;  // gradient; parameter in and out
      break;
    case OptimizerKind::momentum:
      work.multiplies = 2 * parameters;
      work.adds = 2 * parameters;
      work.bytes = 5 * kBytes * parameters;  // and the velocity in and out
      break;
    case OptimizerKind::adam:
      work.multiplies = 6 * parameters;  // two and three for the moments, one for the step
      work.adds = 4 * parameters;
      work.functions = 2 * parameters;       // root and quotient
      work.bytes = 7 * kBytes * parameters;  // gradient; parameter and moments in and out
      break;
  }
  return work;
}

double softmax_gradient(MatrixView<float> logits, std::span<const std::uint8_t> labels,
                        std::int64_t batch) {
  const float scale = 1.0F / static_cast<float>(batch);
  double loss = 0;
  for (std::int64_t i = 0; i < logits.rows; ++i) {
    float* row = &logits(i, 0);
    const auto label = labels[static_cast<std::size_t>(i)];
    const float top = *std::max_element(row, row + logits.cols);
    const double own = static_cast<double>(row[label] - top);
    double sum = 0;
    for (std::int64_t j = 0; j < logits.cols; ++j) {
      row[j] = std::exp(row[j] - top);
      sum += static_cast<double>(row[j]);
    }
    loss += std::log(sum) - own;
    const auto share = static_cast<float>(1.0 / sum);
    for (std::int64_t j = 0; j < logits.cols; ++j) row[j] *= share * scale;
    row[label] -= scale;
  }
  return loss;
}

PeripheryWork softmax_gradient_work(double rows, double classes) noexcept {
  PeripheryWork work;
  work.comparisons = rows * classes;         // the row's largest
  work.adds = 2 * rows * classes + rows;     // less the largest; the sum; less one-hot
  work.functions = rows * classes + rows;    // exponentials; the reciprocal
  work.multiplies = rows * classes;          // by the reciprocal and 1 / batch
  work.bytes = 2 * kBytes * rows * classes;  // logits in, gradients out
  return work;
}

}  // namespace jb::models
