#pragma once
// Physical and arithmetic floors that no row may fall below; a violation makes a point
// inconsistent.

#include <string>
#include <vector>

#include "backends/core/conv.h"
#include "backends/core/shape.h"
#include "backends/energy/ledger.h"

namespace jb {

inline constexpr double kBoltzmann_J_per_K = 1.380649e-23;    // SI definition (CODATA 2018)
inline constexpr double kPlanck_J_s = 6.62607015e-34;         // SI definition (CODATA 2018)
inline constexpr double kSpeedOfLight_m_per_s = 299792458.0;  // SI definition
inline constexpr double kElectronCharge_C = 1.602176634e-19;  // SI definition (CODATA 2018)

/// k T ln 2: least energy to erase a bit (Landauer 1961). 2.871e-21 J at 300 K.
double landauer_J(double temperature_K) noexcept;

/// Bytes that must cross the off-chip boundary when A, B and C start and end there:
/// (m k + k n) * in + m n * out.
double compulsory_bytes(const GemmShape& shape, double bytes_in, double bytes_out) noexcept;

/// Least bytes of a product with a fast memory of `fast_bytes`, whatever widths the operands have:
/// an element takes at least `least_bytes`, so that no more than fast_bytes / least_bytes of them
/// fit (2 m n k / sqrt(S) + m n elements: communication_bound_elements in cpu_traffic.h, without
/// the compulsory traffic).
double communication_bound_bytes(const GemmShape& shape, double fast_bytes,
                                 double least_bytes) noexcept;

/// The same of a convolution with all its groups: an element of the input serves up to
/// R S / stride^2 windows, so that Q >= 2 MACs / sqrt(S R S / stride^2) (Chen et al., HPCA 2020).
double conv_communication_bound_bytes(const ConvShape& shape, double fast_bytes,
                                      double least_bytes) noexcept;

/// Least bytes of several products and convolutions with `macs` multiply-adds together, in any
/// order: what the memory holds may serve the next one, so that its whole size is taken off;
/// `window_reuse` is the largest R S / stride^2 (1: no convolution). The products' operands are
/// disjoint, so the inequality of Loomis and Whitney behind the bounds above holds for all of them
/// at once.
double network_communication_bound_bytes(double macs, double window_reuse, double fast_bytes,
                                         double least_bytes) noexcept;

/// What a set of rows must satisfy; `off_chip_operands` tells whether operands live in DRAM.
struct BoundsCheck {
  double macs = 0;                  ///< logical MACs of the work
  bool digital_arithmetic = false;  ///< Landauer applies to compute rows
  double compulsory_bytes = 0;      ///< 0: no DRAM bound applies
  double temperature_K = 300;
  double communication_bytes = 0;  ///< least traffic with the memory on the chip; 0: none applies
};

/// One sentence per violated bound, row by row; empty when all hold.
std::vector<std::string> violated_bounds(const Ledger& ledger, const BoundsCheck& check);

}  // namespace jb
