#pragma once
// A training under a meter: windows of whole steps as they come, without what is verified between
// them.

#include <cstdint>
#include <exception>
#include <optional>
#include <vector>

#include "harness/metering.h"

namespace jb::harness {

/// Idle time, steps until power is steady, and then windows of steps. A training that ends before
/// all windows are full is made again for the rest: its energy is that of its samples times the
/// mean of the windows.
class TrainingWindows {
 public:
  TrainingWindows(const PointSpec& point, const Metering& metering);

  /// Idle time before the first step.
  void idle_before();
  /// Around stretches of steps.
  void resume();
  void pause();
  /// After each step; throws MeteringStopped when the run is asked to stop.
  void step_done(std::int64_t samples);
  /// All windows are full, or the meter has failed, which finish() tells.
  [[nodiscard]] bool enough() const noexcept;
  /// Idle time after the last step; what was metered, for a training of that many samples. Error
  /// (not_available) when a meter failed on the way.
  MeteredRun finish(double samples);

 private:
  void end_part();
  template <class Read>
  void reading(Read read);

  const Metering& metering_;
  MeteredRun run_;
  meter::WindowMaker maker_;
  std::optional<meter::Span> open_;  ///< the stretch that runs
  meter::Window window_;             ///< the window, or the part of the warm-up, that fills
  std::int64_t samples_ = 0;         ///< in it
  std::vector<double> watts_, degrees_;
  bool warm_ = false;
  std::exception_ptr failed_;
};

}  // namespace jb::harness
