#pragma once
// What is not known about constants, carried to joules: Monte Carlo over their classes, and which
// of them matters (tornado).

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "results/record.h"

namespace jb::results {

/// Standard deviation of the natural logarithm of a constant of class A (10 %), B (30 %), C (factor
/// 2) or D (factor 5): log-normal, 95 % within the factor, so ln(factor) / 1.96. 0 for "exact" and
/// unknown letters.
double log_deviation_of(const std::string& cls) noexcept;

/// Factor that holds 95 % of the constants of a class: 1.1, 1.3, 2, 5; 1 for exact ones. Usage
/// error for another text.
double class_factor(const std::string& cls);

/// What a sum of joules that rest on constants is distributed as.
struct SumOfConstants {
  double median_J = 0;
  double log_deviation = 0;  ///< standard deviation of the natural logarithm
  /// 95 % of it lie between median_J / factor() and median_J x factor().
  [[nodiscard]] double factor() const noexcept;
};

/// The sum of the rows up to a boundary in closed form: constants are log-normal about their values
/// with the widths of their classes, drawn once per constant over all its rows; the sum is the
/// log-normal with its first two moments (L. F. Fenton, IRE Trans. Commun. Syst. 8, 57 (1960), eqs.
/// (5) and (6)). Draws (below) agree where no constant dwarfs the others' spread, and cost 2000
/// times as much.
SumOfConstants sum_of_constants(const std::vector<RecordRow>& rows, Boundary limit);

/// Factors by which constants are off, one for each draw. A constant is drawn once whatever records
/// ask for it: rows that share it move together, in one record and over all records compared.
class ConstantDraws {
 public:
  static constexpr std::size_t kDraws = 2000;

  explicit ConstantDraws(std::uint64_t seed = 1) : seed_(seed) {}
  /// kDraws factors; not to be called by several threads at once.
  const std::vector<double>& factors(const std::string& constant, const std::string& cls);

 private:
  std::uint64_t seed_;
  std::map<std::string, std::vector<double>> factors_;
};

/// Energy per MAC up to a boundary in every draw; empty when the record has no rows.
std::vector<double> drawn_energies(const Record& record, Boundary limit, ConstantDraws& draws);

/// Sets the 95 % intervals (interval_kind "constants") of energy_Bx_J_per_mac and
/// data_movement_J_per_mac that have none, from the ledger and the classes of its constants. An
/// interval always holds its value.
void add_constant_intervals(Record& record, ConstantDraws& draws);

/// One constant's swing of an energy: the energy with the constant at its 95 % ends.
struct TornadoBar {
  std::string constant;
  std::string cls;
  double low_J_per_mac = 0, high_J_per_mac = 0;
  double share = 0;  ///< of the energy that is this constant's
};

/// Bars of the energy up to a boundary, the longest first; constants that are exact have none.
std::vector<TornadoBar> tornado(const Record& record, Boundary limit);

}  // namespace jb::results
