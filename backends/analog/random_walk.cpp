#include "backends/analog/random_walk.h"

#include <cmath>

namespace jb::analog {
namespace {

constexpr int kFinest = -20;         // exponent of the first power of two of the path
constexpr int kLevels = 20;          // halvings inside an interval between powers of two
constexpr std::int64_t kNodes = 64;  // columns of the stream that one path takes

}  // namespace

double random_walk(const RandomStream& stream, std::int64_t row, std::int64_t col, double t_s,
                   std::uint64_t call) noexcept {
  if (!(t_s > 0)) return 0;
  // Rows of the stream hold one interval's nodes each; 2^7 intervals reach from 2^-20 s to 2^107.
  constexpr std::int64_t kIntervals = 128;
  const auto normal = [&](std::int64_t interval, std::int64_t node) {
    return static_cast<double>(
        stream.normal(row * kIntervals + interval, col * kNodes + node, call));
  };
  const double start = std::ldexp(1.0, kFinest);
  if (t_s <= start) return std::sqrt(t_s) * normal(0, 0);
  double low = start;
  double w_low = std::sqrt(start) * normal(0, 0);
  std::int64_t interval = 1;
  while (2 * low < t_s && interval + 1 < kIntervals) {
    w_low += std::sqrt(low) * normal(interval, 0);
    low *= 2;
    ++interval;
  }
  double high = 2 * low;
  double w_high = w_low + std::sqrt(low) * normal(interval, 0);
  // Halve the interval that holds t. The node's number says which of its level it is.
  std::uint64_t branch = 1;
  for (int level = 0; level < kLevels && low < high; ++level) {
    const double middle = 0.5 * (low + high);
    // Variance of the middle of a bridge of length h: h / 4.
    const double deviation = 0.5 * std::sqrt(high - low);
    const auto node = static_cast<std::int64_t>(1 + level);
    const double z = static_cast<double>(
        stream.normal(row * kIntervals + interval, col * kNodes + node, call ^ (branch << 20U)));
    const double w_middle = 0.5 * (w_low + w_high) + deviation * z;
    const bool right = t_s >= middle;
    branch = branch * 2 + (right ? 1U : 0U);
    (right ? low : high) = middle;
    (right ? w_low : w_high) = w_middle;
  }
  return w_low + (w_high - w_low) * (t_s - low) / (high - low);
}

}  // namespace jb::analog
