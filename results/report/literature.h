#pragma once
// Published machines as rows beside ours: facts with citations (results/literature). They are never
// added to, divided by or ranked with a measured or modelled number.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "backends/energy/vocabulary.h"
#include "results/report/terminal_table.h"

namespace jb::results {

struct LiteratureRow {
  std::string id, kind, name, venue, node_nm, array, input_bits, weight_bits, output_bits;
  int year = 0;
  double ops_per_s = 0;  ///< 0: not stated
  double J_per_mac = 0;
  Boundary boundary = Boundary::B0;
  std::string measured;  ///< "silicon", "simulated", "theory"
  std::string workload, accuracy, operating_point, verified, note;
  std::vector<std::string> sources;  ///< keys of references.bib
  bool optical_only = false;         ///< light at the detectors, nothing else

  /// "cpu", "gpu", "digital", "analog" or "photonic".
  [[nodiscard]] std::string_view family() const noexcept;
  /// "8 b x 4 b", "" when not stated.
  [[nodiscard]] std::string precision() const;
};

/// The table at `file` (CSV, columns as in results/literature/README.md). Rows without an energy
/// and ratios of nameplate powers are left out: TDP x time enters no table. Usage error naming the
/// line for anything malformed.
std::vector<LiteratureRow> load_literature(const std::filesystem::path& file);

/// Those that `choice` names: "all", "none", or ids, kinds and families separated by commas. Usage
/// error suggesting the nearest for a name that is none of these.
std::vector<LiteratureRow> chosen_literature(const std::vector<LiteratureRow>& all,
                                             const std::string& choice);

/// A table for terminals, "" without rows.
std::string literature_table(const std::vector<LiteratureRow>& rows, const TableStyle& style);

/// The family of a backend's machines, "" for the reference.
std::string_view family_of_backend(std::string_view backend) noexcept;

}  // namespace jb::results
