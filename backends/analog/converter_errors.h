#pragma once
// Converters that err and drift: gain and offset of each, fixed at its making, walking in time, and
// following temperature.
//
//   gain(t, T)   = g0 + s_g W(t / tau) + c_g (T - T0)      relative
//   offset(t, T) = o0 + s_o W'(t / tau) + c_o (T - T0)     in steps
//
// g0, o0, c_g and c_o are normal and each converter's own; W and W' are Brownian motions
// (random_walk.h), so that a time visited again sees the same converter. No published simulator
// drifts converters; forms and magnitudes are those of design practice (gain errors of percents
// and offsets of steps before trimming, 50 to 300 ppm/K).

#include <cstdint>
#include <span>

#include "backends/core/random.h"

namespace jb::analog {

/// Deviations over converters.
struct ConverterModel {
  double gain = 0;          ///< relative, fixed
  double offset = 0;        ///< in steps, fixed
  double gain_drift = 0;    ///< relative, of the walk after tau
  double offset_drift = 0;  ///< in steps, of the walk after tau
  double tau_s = 86400;
  double gain_per_K = 0;    ///< relative
  double offset_per_K = 0;  ///< in steps
  double reference_C = 25;
  double trim_step = 0;   ///< resolution of a gain trim, relative; 0: continuous
  double trim_range = 1;  ///< largest gain trim to either side, relative

  [[nodiscard]] bool present() const noexcept { return gain > 0 || offset > 0 || moves(); }
  /// Errors change with time or temperature.
  [[nodiscard]] bool moves() const noexcept {
    return gain_drift > 0 || offset_drift > 0 || gain_per_K > 0 || offset_per_K > 0;
  }
  /// The factor that a trim of that many can be set to: 1 + a multiple of trim_step in range.
  [[nodiscard]] double settable(double factor) const noexcept;
};

/// Converters in rows of equal length, told apart by (row, column).
class ConverterErrors {
 public:
  /// `gain_tag` and `offset_tag` name the streams of one side of one machine.
  ConverterErrors(const ConverterModel& model, std::uint64_t seed, std::uint32_t instance,
                  std::uint64_t gain_tag, std::uint64_t offset_tag, std::uint64_t scope);

  /// Errors of a row at `age_s` seconds; both spans have one size.
  void row(std::int64_t row, double age_s, double temperature_C, std::span<float> gain,
           std::span<float> offset) const;

 private:
  /// One error's three parts.
  struct Part {
    double fixed, drift, per_K;
    RandomStream fixed_draw, walk, coefficient;
  };
  void fill(const Part& part, std::int64_t row, double age_s, double temperature_C,
            std::span<float> out) const;

  ConverterModel model_;
  Part gain_, offset_;
};

}  // namespace jb::analog
