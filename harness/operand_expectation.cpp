#include "harness/operand_expectation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <string>
#include <tuple>

#include "harness/operands.h"

namespace jb::harness {
namespace {

constexpr double kMeanAbsNormal = 0.7978845608028654;  // sqrt(2 / pi)

/// Quantile of the largest magnitude of `count` normal numbers: P(|x| <= t) = 2 Phi(t) - 1.
double largest_normal(double count, double quantile) {
  if (!(count >= 1)) return 0;
  // 1 - quantile^(1 / count), without cancellation for large counts.
  const double beyond = -std::expm1(std::log(quantile) / count);
  return -normal_quantile(std::max(beyond / 2, 1e-300));
}

/// The same of the positive half: P(max(x, 0) <= t) = Phi(t).
double largest_rectified(double count, double quantile) {
  if (!(count >= 1)) return 0;
  const double beyond = -std::expm1(std::log(quantile) / count);
  return std::max(0.0, -normal_quantile(std::max(beyond, 1e-300)));
}

/// Relative deviation of one x^2: sqrt(E[x^4] / E[x^2]^2 - 1).
double spread_of_square(const Distribution& distribution, OperandRole role) {
  using Kind = Distribution::Kind;
  switch (distribution.kind) {
    case Kind::normal:
      return std::sqrt(2.0);
    case Kind::relu:
      return role == OperandRole::a ? std::sqrt(5.0) : std::sqrt(2.0);
    case Kind::uniform:
      return std::sqrt(4.0 / 5);
    case Kind::zeros:
      return 0;
    case Kind::bits:
      return 1;
    case Kind::sparse:
      return std::sqrt(3 / std::max(distribution.density, 1e-12) - 1);
  }
  return 0;
}

/// One operand of `count` elements in rows of `row` elements, as the distribution has it and with
/// the largest magnitude at `quantile`.
OperandMoments distribution_moments(const Distribution& distribution, OperandRole role,
                                    double count, double row, double quantile) {
  using Kind = Distribution::Kind;
  OperandMoments moments;
  const auto signed_rows = [&](double negative) {
    return -std::expm1(row * std::log1p(-negative));
  };
  switch (distribution.kind) {
    case Kind::relu:
      if (role == OperandRole::a) {
        moments.mean_square = 0.5;
        moments.mean_abs = kMeanAbsNormal / 2;
        moments.max_abs = largest_rectified(count, quantile);
        moments.nonzero_frac = 0.5;
        moments.signed_rows_frac = 0;
        return moments;
      }
      [[fallthrough]];
    case Kind::normal:
      moments.max_abs = largest_normal(count, quantile);
      moments.signed_rows_frac = signed_rows(0.5);
      return moments;
    case Kind::uniform:
      moments.mean_square = 1.0 / 3;
      moments.mean_abs = 0.5;
      moments.max_abs = std::exp(std::log(quantile) / std::max(1.0, count));
      moments.signed_rows_frac = signed_rows(0.5);
      return moments;
    case Kind::zeros:
      moments.mean_square = moments.mean_abs = moments.max_abs = moments.nonzero_frac = 0;
      moments.signed_rows_frac = 0;
      return moments;
    case Kind::bits:
      moments.mean_square = moments.mean_abs = moments.nonzero_frac = 0.5;
      moments.max_abs = 1;
      moments.signed_rows_frac = 0;
      return moments;
    case Kind::sparse:
      moments.mean_square = distribution.density;
      moments.mean_abs = distribution.density * kMeanAbsNormal;
      moments.max_abs = largest_normal(count * distribution.density, quantile);
      moments.nonzero_frac = distribution.density;
      moments.signed_rows_frac = signed_rows(distribution.density / 2);
      return moments;
  }
  return moments;
}

/// The same with means that stray as those of `count` elements do: small where the largest is
/// large, so that the ratio of the two stands at `quantile` at least.
OperandMoments expected_moments(const Distribution& distribution, OperandRole role, double count,
                                double row, double quantile) {
  OperandMoments moments = distribution_moments(distribution, role, count, row, quantile);
  if (!(count >= 1)) return moments;
  const double stray =
      -normal_quantile(quantile) * spread_of_square(distribution, role) / std::sqrt(count);
  const double factor = std::clamp(1 + stray, 0.1, 10.0);
  moments.mean_square *= factor;
  moments.mean_abs *= std::sqrt(factor);
  moments.nonzero_frac = std::min(1.0, moments.nonzero_frac);
  return moments;
}

/// Share of (output, tap) pairs along one dimension that fall on the input, not on padding.
double share_inside(std::int64_t outputs, std::int64_t taps, std::int64_t size,
                    const ConvShape& shape) {
  double inside = 0;
  for (std::int64_t r = 0; r < taps; ++r) {
    // Outputs p with 0 <= p stride + r dilation - pad < size.
    const std::int64_t offset = shape.pad - r * shape.dilation;
    const std::int64_t first = offset <= 0 ? 0 : (offset + shape.stride - 1) / shape.stride;
    const std::int64_t end =
        size + offset <= 0 ? 0 : (size + offset + shape.stride - 1) / shape.stride;
    inside += static_cast<double>(std::max<std::int64_t>(0, std::min(end, outputs) - first));
  }
  return inside / (static_cast<double>(outputs) * static_cast<double>(taps));
}

double product(std::int64_t a, std::int64_t b) {
  return static_cast<double>(a) * static_cast<double>(b);
}

}  // namespace

namespace {

constexpr double kMostDrawn = 1048576;  // 2^20 elements of one operand: some milliseconds
constexpr std::size_t kMostKept = 64;   // operands whose moments sweeps find again

OperandMoments moments_of_drawn(const Distribution& distribution, OperandRole role,
                                std::int64_t rows, std::int64_t cols, std::uint64_t seed) {
  using Key = std::tuple<std::string, OperandRole, std::int64_t, std::int64_t, std::uint64_t>;
  static std::mutex mutex;
  static std::map<Key, OperandMoments> kept;
  const Key key{distribution.text(), role, rows, cols, seed};
  {
    const std::lock_guard<std::mutex> lock(mutex);
    const auto found = kept.find(key);
    if (found != kept.end()) return found->second;
  }
  const Matrix<float> drawn = make_operand(role, rows, cols, distribution, seed);
  OperandMoments moments = measure_operand(drawn.view());
  if (role == OperandRole::a && rows > 0) {
    std::int64_t signed_rows = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
      const float* const row = drawn.data() + i * cols;
      signed_rows += std::any_of(row, row + cols, [](float x) { return x < 0; }) ? 1 : 0;
    }
    moments.signed_rows_frac = static_cast<double>(signed_rows) / static_cast<double>(rows);
  }
  const std::lock_guard<std::mutex> lock(mutex);
  if (kept.size() >= kMostKept) kept.clear();
  kept[key] = moments;
  return moments;
}

}  // namespace

std::optional<OperandStatistics> drawn_statistics(const Distribution& distribution,
                                                  const GemmShape& shape, std::uint64_t seed) {
  if (product(shape.m, shape.k) > kMostDrawn || product(shape.k, shape.n) > kMostDrawn) {
    return std::nullopt;
  }
  return OperandStatistics{moments_of_drawn(distribution, OperandRole::a, shape.m, shape.k, seed),
                           moments_of_drawn(distribution, OperandRole::b, shape.k, shape.n, seed)};
}

OperandMoments expected_moments(const Distribution& distribution, OperandRole role, double count,
                                double row) {
  return distribution_moments(distribution, role, count, row, 0.5);
}

OperandStatistics expected_statistics(const Distribution& distribution, const GemmShape& shape,
                                      double quantile) {
  return {expected_moments(distribution, OperandRole::a, product(shape.m, shape.k),
                           static_cast<double>(shape.k), quantile),
          expected_moments(distribution, OperandRole::b, product(shape.k, shape.n),
                           static_cast<double>(shape.n), quantile)};
}

OperandStatistics expected_statistics(const Distribution& distribution, const ConvShape& shape,
                                      double quantile) {
  const GemmShape gemm = shape.gemm();
  const double inputs =
      product(shape.images, shape.in_channels / shape.groups) * product(shape.height, shape.width);
  OperandStatistics statistics = expected_statistics(distribution, gemm, quantile);
  statistics.a =
      expected_moments(distribution, OperandRole::a, inputs, static_cast<double>(gemm.k), quantile);
  const double inside = share_inside(shape.out_h(), shape.kernel_h, shape.height, shape) *
                        share_inside(shape.out_w(), shape.kernel_w, shape.width, shape);
  statistics.a.mean_square *= inside;
  statistics.a.mean_abs *= inside;
  statistics.a.nonzero_frac *= inside;
  return statistics;
}

}  // namespace jb::harness
