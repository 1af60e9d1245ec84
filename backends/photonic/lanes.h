#pragma once
// Errors that belong to one device's lanes and detectors: modulator gain, phase between the beams
// and its drift, splitter imbalance; and the calibrations that undo two of them.
//
// Each lane's modulator has a gain error of `error.gain` rms and a phase; a detector sees the
// difference of its two lanes' phases, of rms error.phase_rad (what a lock cannot remove) plus a
// random walk of drift.phase_rad_per_rt_s that the since-calibration clock counts. A lock finds
// each lane's null by reading test light through the machine's own detector and converter, so it
// leaves the error of that reading.

#include <cstdint>
#include <span>

#include "backends/backend.h"
#include "backends/core/random.h"
#include "backends/photonic/fields.h"
#include "backends/photonic/parameters.h"

namespace jb::photonic {

enum class Arm : std::uint8_t { activations, weights };

class Lanes {
 public:
  Lanes(const HomodyneParameters& p, const DeviceInstance& instance);

  void set_epoch(const Epoch& epoch);
  [[nodiscard]] const Epoch& epoch() const noexcept { return epoch_; }
  /// Locks all phases, and takes the offset of every detector when `offsets`.
  void calibrate(bool offsets);
  /// Raised when phases or offsets have changed.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }

  /// Lane that serves row (activations) or column (weights) `index`.
  [[nodiscard]] std::int64_t lane_of(Arm arm, std::int64_t index) const noexcept;
  [[nodiscard]] double gain(Arm arm, std::int64_t lane) const noexcept;
  [[nodiscard]] double phase_rad(Arm arm, std::int64_t lane) const noexcept;
  /// Gains and crosstalk of the lanes of `n` columns; neighbours are lanes of one pass.
  [[nodiscard]] LaneCoupling coupling(std::int64_t n) const;
  [[nodiscard]] bool has_phases() const noexcept { return has_phases_; }
  [[nodiscard]] bool has_imbalance() const noexcept { return p_.splitter_error > 0; }

  /// Imbalance delta of the detectors of one row lane (split (1 + delta) : (1 - delta)), and what
  /// of its offset the calibration has left.
  void imbalance(std::int64_t row_lane, std::span<float> delta, std::span<float> residual) const;

  /// Relative error of products that phases cause, as the machine reads it from its lanes: rms of
  /// 1 - cos(phase). `rows` and `cols`: lanes in use.
  [[nodiscard]] double seen_error(std::int64_t rows, std::int64_t cols);

  /// Standard deviation in rad of a phase read at the null, averaged over the readings of a
  /// calibration.
  [[nodiscard]] double phase_reading_rad() const noexcept;
  /// Standard deviation of an imbalance read in the light of one beam.
  [[nodiscard]] double imbalance_reading() const noexcept;

 private:
  [[nodiscard]] double reading_variance_e2(double light_e) const noexcept;

  HomodyneParameters p_;
  RandomStream lane_;
  RandomStream walk_;
  RandomStream lock_;
  RandomStream splitter_;
  RandomStream offset_;
  Epoch epoch_;
  bool has_phases_ = false;
  std::uint64_t version_ = 0;
  std::uint64_t calibrations_ = 0;   ///< 0: never calibrated
  std::uint64_t offsets_taken_ = 0;  ///< number of the calibration that took them; 0: none did
  std::uint64_t looks_ = 0;
};

}  // namespace jb::photonic
