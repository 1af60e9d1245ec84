#pragma once
// Grids, prices, PUEs, fees and embodied carbon: data files with source and year, and a user's own.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "results/footprint/method_sheet.h"

namespace jb::results {

enum class CarbonBasis : std::uint8_t {
  location,  ///< what the grid emits where the power is drawn
  market,    ///< net of contracts for clean energy
};
enum class CarbonSignal : std::uint8_t {
  average,   ///< all that is generated
  marginal,  ///< the plants that answer to one kWh more
};
std::string_view name_of(CarbonBasis basis) noexcept;
std::string_view name_of(CarbonSignal signal) noexcept;
/// Usage errors naming the choices.
CarbonBasis carbon_basis_from(const std::string& text);
CarbonSignal carbon_signal_from(const std::string& text);

/// One constant of a data file.
struct FootprintConstant {
  std::string name;
  double value = 0;
  std::optional<double> high;  ///< of a range that begins at `value`
  std::string unit;
  std::optional<int> year;
  std::string source;
  CarbonBasis basis = CarbonBasis::location;    ///< of grids
  CarbonSignal signal = CarbonSignal::average;  ///< of grids

  /// Source with year, as method sheets print it.
  [[nodiscard]] std::string cited() const;
  [[nodiscard]] SheetInput input(const std::string& as) const { return {as, value, unit, cited()}; }
};

/// The project's data files with the user's laid over them.
class FootprintData {
 public:
  /// Files of schema joulebench/footprint-data/1; a name that both know is the user's.
  static FootprintData load(const std::vector<std::string>& user_files = {});

  // Each takes a name of the data files or a number; usage error naming the flag and listing what
  // is known for anything else, for numbers below the least that makes sense and for absurd ones.
  [[nodiscard]] FootprintConstant grid(const std::string& text, CarbonBasis basis,
                                       CarbonSignal signal) const;  ///< g CO2e per kWh
  [[nodiscard]] FootprintConstant pue(const std::string& text) const;
  [[nodiscard]] FootprintConstant electricity(const std::string& text) const;  ///< $ per kWh
  [[nodiscard]] FootprintConstant cloud(const std::string& text) const;     ///< $ per machine-hour
  [[nodiscard]] FootprintConstant fee(const std::string& text) const;       ///< $ per tonne CO2e
  [[nodiscard]] FootprintConstant hardware(const std::string& text) const;  ///< kg CO2e a piece

  [[nodiscard]] const std::vector<FootprintConstant>& grids() const { return grids_; }
  [[nodiscard]] const std::vector<FootprintConstant>& pues() const { return pues_; }

 private:
  void read(const std::string& path);
  std::vector<FootprintConstant> grids_, pues_, electricity_, cloud_, fees_, hardware_;
};

}  // namespace jb::results
