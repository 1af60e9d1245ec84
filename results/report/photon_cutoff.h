#pragma once
// The least light at which a network still works, and what it costs: from records of one network
// on one photonic device at several photons per MAC. A view of records alone.
//
// Two definitions are printed, because the answer moves by a factor of two between them:
//   10 %-error          photons per MAC where the error on the test set falls to 10 %
//   twice-clean-error   where it falls to twice the float network's own error
// and two energies, because they differ by orders of magnitude:
//   optical             photons per MAC x energy of a photon, at the detectors: what "standard
//                       quantum limit" figures count
//   machine             the ledger up to the highest boundary the device has data for, laser at the
//                       wall plug, losses, peaks and idle lanes included; none for theory bounds

#include <optional>
#include <string>
#include <vector>

#include "results/record.h"
#include "results/report/terminal_table.h"

namespace jb::results {

/// One record of a sweep.
struct PhotonPoint {
  double photons_per_mac = 0;
  double error = 0;  ///< 1 - top-1 accuracy
  double optical_J_per_mac = 0;
  std::optional<double> machine_J_per_mac;
};

/// Where a sweep crosses an error: interpolated linearly in log(photons per MAC).
struct Cutoff {
  double error = 0;
  double photons_per_mac = 0;
  double optical_J_per_mac = 0;
  std::optional<double> machine_J_per_mac;
};

/// All records of one network, device and setting, by rising photons per MAC.
struct PhotonSweep {
  std::string network, dataset, device, settings;
  std::string machine_boundary;  ///< "B3"; "" for a theory bound
  bool trained_with_noise = false;
  double clean_error = 0;
  std::vector<PhotonPoint> points;

  /// The last crossing, above which the error stays below `error`; nothing when the sweep does not
  /// reach from one side to the other.
  [[nodiscard]] std::optional<Cutoff> cutoff(double error) const;
};

/// Groups the records that are of photonic sweeps; others are left out.
std::vector<PhotonSweep> photon_sweeps(const std::vector<Record>& records);

/// The tables: cut-offs of every sweep, then error against photons and energies.
std::string photon_cutoff_text(const std::vector<PhotonSweep>& sweeps);

}  // namespace jb::results
