#pragma once
// Counters of energy that start anew at a range, and power that is integrated: both become joules.

#include <cstdint>

namespace jb::harness::meter {

/// A counter that runs from 0 to `range` - 1 and starts anew there (powercap.rst:
/// max_energy_range_uj). At most one wrap may lie between two values taken.
class WrappingCounter {
 public:
  explicit WrappingCounter(std::uint64_t range) : range_(range) {}

  /// Takes the next value; returns the counts since the one before (0 for the first).
  std::uint64_t advance(std::uint64_t value) noexcept {
    const std::uint64_t step = !started_        ? 0
                               : value >= last_ ? value - last_
                                                : value + (range_ - last_);
    wrapped_ = started_ && value < last_;
    started_ = true;
    last_ = value;
    total_ += step;
    return step;
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] bool wrapped() const noexcept { return wrapped_; }  ///< in the last step

 private:
  std::uint64_t range_;
  std::uint64_t last_ = 0;
  std::uint64_t total_ = 0;
  bool started_ = false;
  bool wrapped_ = false;
};

/// Joules of sampled power, by the trapezoid rule.
class PowerIntegral {
 public:
  void advance(double time_s, double power_W) noexcept {
    if (started_) joules_ += 0.5 * (power_W + power_W_) * (time_s - time_s_);
    started_ = true;
    time_s_ = time_s;
    power_W_ = power_W;
  }
  [[nodiscard]] double joules() const noexcept { return joules_; }

 private:
  double time_s_ = 0;
  double power_W_ = 0;
  double joules_ = 0;
  bool started_ = false;
};

}  // namespace jb::harness::meter
