#pragma once
// Which assumption moves an answer most: one at a time from its low to its high value, as a table
// and as a tornado.

#include <string>
#include <vector>

#include "results/footprint/footprint.h"
#include "results/report/terminal_table.h"

namespace jb::results {

/// One assumption and what the answer becomes at both ends of its range.
struct Swing {
  std::string assumption;                ///< "PUE"
  std::string low_at, base_at, high_at;  ///< values with unit, as text: "1.1", "USA 369.5 g/kWh"
  std::string source;                    ///< of the range
  double answer_low = 0;  ///< the answer where the assumption stands at its low value
  double answer_high = 0;
  [[nodiscard]] double width() const noexcept;
};

struct Tornado {
  std::string subject;
  std::string answer;  ///< "carbon_kg"
  std::string unit;
  double base = 0;
  std::vector<Swing> swings;  ///< the widest first

  void add(Swing swing);  ///< in its place
};

std::string tornado_text(const Tornado& tornado, const TableStyle& style);
Json to_json(const Tornado& tornado);
/// A figure (SVG, a file of its own): one tornado under the other.
std::string tornado_svg(const std::vector<Tornado>& tornados);

/// Swing of a factor that the answer is proportional to.
Swing proportional(const std::string& assumption, const FootprintConstant& base,
                   const FootprintConstant& low, const FootprintConstant& high, double answer);
/// Those of PUE (least to largest known facility; 1 where none was given) and grid (cleanest to
/// dirtiest known region) for an answer in carbon.
std::vector<Swing> facility_swings(const FootprintData& data, const FootprintOptions& options,
                                   double answer);

/// Carbon of a record: PUE, grid, and each constant of its ledger by its class, those of one
/// component (all of the ADC's) together.
Tornado carbon_tornado(const MethodSheet& sheet, const std::vector<RecordRow>& rows,
                       const FootprintData& data, const FootprintOptions& options);

}  // namespace jb::results
