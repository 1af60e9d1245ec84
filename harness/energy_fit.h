#pragma once
// Five energy coefficients of a processor from metered products: joules of a MAC, and of a byte
// moved at each of four levels of its memory (a CPU's l1, l2, l3, dram; a GPU's register file,
// shared memory, l2, hbm).
//
//   net J of a product = e_mac MACs + sum over the levels of e_level bytes_level
//
// by non-negative least squares of relative residuals; bytes are those of the backend's traffic
// model. The leave-one-out residual (each product predicted from the others) is the uncertainty to
// state with the model.

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "backends/core/json_file.h"
#include "harness/point.h"
#include "results/record.h"

namespace jb::harness {

inline constexpr std::size_t kFitCoefficients = 5;
inline constexpr std::size_t kLeastFitShapes = 8;

/// "mac" and the levels of a backend's memory, as its ledger calls them. Usage error for a backend
/// whose memory is not priced level by level.
const std::array<std::string_view, kFitCoefficients>& fit_names(const std::string& backend);

/// One metered product.
struct FitSample {
  std::string backend = "onednn";
  std::string name;                                   ///< "1024,1024,1024"
  std::array<double, kFitCoefficients> x{};           ///< MACs, and bytes at each level
  double net_J = 0;                                   ///< of one execution
  std::array<double, kFitCoefficients> modelled_J{};  ///< by the preset's own constants
};

struct FitCoefficient {
  std::string_view name;
  double value = 0;     ///< J/MAC, or J/B
  double low = 0;       ///< least and largest of the leave-one-out fits: a wide range or a zero
  double high = 0;      ///< says that these shapes do not tell this coefficient from the others
  double modelled = 0;  ///< what the preset's constants come to over the same shapes
};

struct EnergyFit {
  std::array<FitCoefficient, kFitCoefficients> coefficients;
  std::vector<std::string> names;     ///< of the samples
  std::vector<double> residual_frac;  ///< fitted by metered, minus 1
  std::vector<double> left_out_frac;  ///< the same, predicted from the others
  double left_out_rms_frac = 0, left_out_most_frac = 0;
};

/// Usage error with fewer than eight different shapes, and for products of several backends.
EnergyFit fit_energy(const std::vector<FitSample>& samples);

/// The sample of a metered record. Usage error naming what it lacks: a meter's net energy, or a
/// ledger with bytes at each level.
FitSample fit_sample_of(const results::Record& record);

/// Ten products on a backend whose ratios of MACs to bytes at the levels differ as far as products'
/// can.
std::vector<PointSpec> fit_points(const std::string& backend);

Json to_json(const EnergyFit& fit);

}  // namespace jb::harness
