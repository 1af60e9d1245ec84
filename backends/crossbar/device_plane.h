#pragma once
// Physical devices in a plane of rows x width: programmed to targets with errors of their own,
// drifting, read with 1/f noise; the same devices at every age. A plane knows nothing of weights:
// how they become targets, and what stands beside what in a row, is the mapping's.
//
// Kept are a device's state (4 bytes), its drift exponent or its place in a distribution (4 bytes,
// where the model has one), and, where the owner has room for it, how strong its 1/f noise is (2
// bytes). Noise of an age, faults and errors are drawn from their keys.

#include <cstdint>
#include <span>
#include <string>

#include "backends/backend.h"
#include "backends/core/function_ref.h"
#include "backends/core/matrix.h"
#include "backends/crossbar/cell_model.h"
#include "backends/crossbar/device_kernel.h"

namespace jb::crossbar {

/// Devices that never change. The hash tells maps apart: equal for equal places and kinds.
struct FaultMap {
  std::int64_t devices = 0;
  std::int64_t stuck_off = 0;
  std::int64_t stuck_on = 0;
  std::uint64_t hash = 0;

  /// Planes of one machine, in order.
  void add(const FaultMap& other) noexcept;
};

class DevicePlane {
 public:
  /// Fills the targets of a row (relative conductances, size width); called from several threads.
  using Targets = FunctionRef<void(std::int64_t row, std::span<float> target)>;

  /// `model` must outlive the plane. `scope` separates the random numbers of planes.
  /// `keeps_noise_law`: 2 bytes a device more, for faster ageing.
  DevicePlane(const CellModel& model, const DeviceInstance& instance, std::uint64_t scope,
              bool keeps_noise_law = false);

  /// Programs all devices. `event` numbers the programmings: errors are drawn anew, exponents and
  /// faults stay the device's own.
  void program(std::int64_t rows, std::int64_t width, Targets targets, std::uint64_t event);

  /// Conductances of a row at the clock's age and temperature (size width).
  void conductances(std::int64_t row, const CellClock& clock, std::span<float> out) const;
  /// The same of neighbouring devices in pairs: the first less the second (size width / 2).
  void differences(std::int64_t row, const CellClock& clock, std::span<float> out) const;

  /// Deviation of the noise drawn per product, of devices that conduct `g`.
  void white_std(std::span<const float> g, std::span<float> out) const;

  [[nodiscard]] std::int64_t rows() const noexcept { return states_.rows(); }
  [[nodiscard]] std::int64_t width() const noexcept { return states_.cols(); }
  /// States as programmed, for changes in place; those below 0 are stuck and stay.
  [[nodiscard]] std::span<float> states(std::int64_t row) noexcept;
  /// To be called after a change of a row's states.
  void states_changed(std::int64_t row);
  /// Drift exponents, or places in a distribution (in deviations); empty when the model has none.
  [[nodiscard]] std::span<const float> seconds(std::int64_t row) const noexcept;
  [[nodiscard]] FaultMap faults() const;
  /// Memory that is held for the devices.
  [[nodiscard]] std::size_t bytes() const noexcept;

 private:
  void program_row(std::int64_t row, Targets targets, std::uint64_t event,
                   std::span<float> scratch);
  void stick(std::int64_t row, std::span<float> uniforms);
  [[nodiscard]] kernels::AgeLaws laws_at(const CellClock& clock) const;
  template <class Age>
  void age_row(std::int64_t row, const CellClock& clock, Age age) const;

  const CellModel* model_;
  bool keeps_noise_law_;
  float noise_unit_ = 0;  // of the codes of the noise's law
  RandomStream error_;
  RandomStream second_;
  RandomStream flicker_;
  RandomStream fault_;
  Matrix<float> states_;
  Matrix<float> seconds_;            // empty when the model needs none
  Matrix<std::uint16_t> noise_law_;  // of the states as programmed, in codes; or empty
};

}  // namespace jb::crossbar
